import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'

test('a server that stays open', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  expect(server.listening).toBe(true)
})

test('a process that goes on', () => {
  // long enough to be found, short enough not to stay
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 8000)'], { stdio: 'ignore' })
  expect(child.pid).toBeGreaterThan(0)
})
