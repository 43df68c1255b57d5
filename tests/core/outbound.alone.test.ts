import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { whyNotOutbound } from '#connectors/sdk/addresses.ts'
import { OutboundRefusedError } from '#connectors/sdk/errors.ts'
import { post } from '#core/outbound.ts'

const names = vi.hoisted(() => new Map<string, string[]>())
vi.mock('node:dns', async (original) => ({
  ...(await original<typeof import('node:dns')>()),
  // the names of this test; a real name server is not asked
  lookup: (host: string, _options: object, done: (error: Error | null, found?: object[]) => void) => {
    const found = names.get(host)
    if (!found) return done(new Error(`There is no ${host}`))
    done(
      null,
      found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  },
}))

const called: string[] = []
const server = createServer((request, response) => {
  called.push(request.url ?? '')
  response
    .writeHead(307, { location: 'http://127.0.0.1/elsewhere', connection: 'close' })
    .end('x'.repeat(100_000))
})
let origin = ''

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

const call = (url: string, trustedOrigin: string | null = null) =>
  post({ url, trustedOrigin, headers: {}, body: Buffer.from('x'), timeoutMs: 5_000 })

test.each([
  'http://push.example.com/',
  'https://127.0.0.1/',
  'https://127.1/',
  'https://0177.0.0.1/',
  'https://0x7f000001/',
  'https://10.1.2.3/',
  'https://100.64.0.1/',
  'https://172.31.255.255/',
  'https://192.168.0.1/',
  'https://169.254.169.254/',
  'https://224.0.0.1/',
  'https://255.255.255.255/',
  'https://0.0.0.0/',
  'https://[::]/',
  'https://[::1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:7f00:1]/',
  'https://[fe80::1]/',
  'https://[fd00::1]/',
  'https://[64:ff9b::7f00:1]/',
  'https://[2002:7f00:1::]/',
  'https://[2001:db8::1]/',
  'https://[ff02::1]/',
  'https://localhost/',
  'https://LOCALHOST./',
  'https://a.localhost/',
  'https://printer.local/',
  'https://vault.internal/',
  'https://intranet/',
  'https://user@push.example.com/',
  'not an address',
])('%s is not called', async (url) => {
  expect(whyNotOutbound(url)).toMatch(/^[A-Z].+\.$/)
  await expect(call(url)).rejects.toThrow(OutboundRefusedError)
})

test.each(['https://push.example.com/1', 'https://93.184.215.14/', 'https://[2606:2800:21f:cb07::1]/'])(
  'nothing in the text speaks against %s',
  (url) => expect(whyNotOutbound(url)).toBeNull(),
)

test('a name that stands for an internal address, among others, is not called', async () => {
  names.set('rebound.example.com', ['93.184.215.14', '127.0.0.1'])
  names.set('six.example.com', ['::ffff:127.0.0.1'])
  const { port } = new URL(origin)
  for (const host of names.keys())
    await expect(call(`https://${host}:${port}/`)).rejects.toThrow('is in our own network')
  expect(called).toEqual([])
})

test('only the origin that was named may be inside, and it leads nowhere else', async () => {
  const answer = await call(`${origin}/here`, origin)
  expect(answer).toMatchObject({ status: 307 })
  expect(called).toEqual(['/here'])
  await expect(call('http://127.0.0.1:1/', origin)).rejects.toThrow(OutboundRefusedError)
})
