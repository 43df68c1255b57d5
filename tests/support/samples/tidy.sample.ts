import { createServer } from 'node:http'
import { expect, test } from 'vitest'

test('a server that is closed again', async () => {
  const server = createServer((_request, response) => response.end('hello'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('no port')
  const response = await fetch(`http://127.0.0.1:${address.port}`)
  expect(await response.text()).toBe('hello')
  server.close()
})
