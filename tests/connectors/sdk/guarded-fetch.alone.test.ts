import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { RequestOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import {
  OutboundRefusedError,
  ProviderAnswerError,
  ProviderUnavailableError,
} from '#connectors/sdk/errors.ts'
import { createGuardedFetch, type GuardOptions } from '#connectors/sdk/guarded-fetch.ts'
import type { GuardedRequest } from '#connectors/sdk/http.ts'

const names = vi.hoisted(() => new Map<string, string[]>())
vi.mock('node:dns', async (original) => ({
  ...(await original<typeof import('node:dns')>()),
  // the names of this test; a real name server is not asked
  lookup: (host: string, _options: object, done: (error: Error | null, found?: object[]) => void) => {
    const found = names.get(host)
    if (!found) return done(Object.assign(new Error(`There is no ${host}`), { code: 'ENOTFOUND' }))
    done(
      null,
      found.map((address) => ({ address, family: 4 })),
    )
  },
}))

/** What would have gone out over TLS. */
const sentOut = vi.hoisted(() => [] as { url: string; headers: RequestOptions['headers'] }[])
vi.mock('node:https', async (original) => {
  const https = await original<typeof import('node:https')>()
  return {
    ...https,
    request: (url: string, options: RequestOptions, done: (response: IncomingMessage) => void) => {
      sentOut.push({ url, headers: options.headers })
      return https.request(url, options, done)
    },
  }
})

type Handler = (request: IncomingMessage, response: ServerResponse) => void
const handlers: Record<string, Handler> = {}
const calls: { url: string; method: string; headers: IncomingMessage['headers'] }[] = []
const servers: Server[] = []
const origins: string[] = []

beforeAll(async () => {
  for (let count = 0; count < 2; count++) {
    const server = createServer((request, response) => {
      const { url = '', method = '', headers } = request
      calls.push({ url, method, headers })
      response.setHeader('connection', 'close')
      ;(handlers[url] ?? ((_, answer) => answer.writeHead(404).end('{}')))(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    servers.push(server)
    origins.push(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  }
})
beforeEach(() => void calls.splice(0))
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

const call = (path: string, request: Partial<GuardedRequest> = {}, options: Partial<GuardOptions> = {}) =>
  createGuardedFetch({
    origins: () => [],
    standIn: origins[0] ?? null,
    turns: { take: async () => () => undefined },
    priority: 'background',
    signal: new AbortController().signal,
    ...options,
  })(path.startsWith('/') ? `${origins[0]}${path}` : path, { limits: [], ...request })

const answers =
  (status: number, headers: Record<string, string> = {}, body: string | Buffer = '{}'): Handler =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body)

test('an answer is an answer, whatever its status, with its headers in lower case', async () => {
  handlers['/there'] = answers(503, { 'Retry-After': '7' }, '{"message":"down"}')
  const answer = await call('/there')
  expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '7' } })
  expect(answer.json()).toEqual({ message: 'down' })
})

test.each([
  'https://elsewhere.example.com/',
  'https://127.0.0.1/',
  'http://169.254.169.254/latest/meta-data',
  'https://[::1]/',
  'file:///etc/passwd',
  'no address',
])('%s is not called: it is no origin of the connection, or in our own network', async (url) => {
  await expect(call(url)).rejects.toThrow(OutboundRefusedError)
})

test('a declared name that stands for an internal address when it is connected to is not called', async () => {
  names.set('api.vendor.example', ['127.0.0.1'])
  const options = { origins: () => ['https://api.vendor.example'], standIn: null }
  await expect(call('https://api.vendor.example/', {}, options)).rejects.toThrow('in our own network')
  expect(calls).toEqual([])
})

test('a redirect leads no further than the declared origins, on every hop', async () => {
  handlers['/1'] = answers(302, { location: '/2' })
  handlers['/2'] = answers(307, { location: '/3' })
  handlers['/3'] = answers(200, {}, '"here"')
  expect((await call('/1')).json()).toBe('here')
  for (const location of [
    'http://169.254.169.254/',
    'https://127.0.0.1/',
    `${origins[1]}/`,
    'https://evil.example/',
  ]) {
    handlers['/away'] = answers(302, { location })
    await expect(call('/away')).rejects.toThrow(OutboundRefusedError)
    await expect(call('/away', { method: 'POST', body: 'x' })).rejects.toThrow(OutboundRefusedError)
  }
  handlers['/circle'] = answers(302, { location: '/circle' })
  await expect(call('/circle')).rejects.toThrow('in circles')
})

test('what changes something is not sent on by a redirect', async () => {
  handlers['/write'] = answers(307, { location: '/3' })
  expect(await call('/write', { method: 'POST', body: 'x' })).toMatchObject({ status: 307 })
  expect(calls.map(({ url }) => url)).toEqual(['/write'])
})

test('credentials go to the origin they were meant for, not on to another declared one', async () => {
  // so that nothing leaves this machine; what would have been sent is written down before
  names.set('files.vendor.example', ['10.0.0.1'])
  handlers['/file'] = answers(302, { location: 'https://files.vendor.example/x' })
  const headers = {
    authorization: 'Bearer canary',
    cookie: 'canary',
    'x-api-key': 'canary',
    accept: 'text/plain',
  }
  await expect(
    call('/file', { headers }, { origins: () => ['https://files.vendor.example'] }),
  ).rejects.toThrow('in our own network')
  expect(calls[0]?.headers.authorization).toBe('Bearer canary')
  const carried = sentOut.find(({ url }) => url === 'https://files.vendor.example/x')?.headers
  expect(carried).toMatchObject({ accept: 'text/plain' })
  expect(JSON.stringify(carried)).not.toContain('canary')
})

test('an answer is bounded, packed or not, in bytes and in time', async () => {
  handlers['/long'] = answers(200, {}, 'x'.repeat(100_000))
  handlers['/bomb'] = answers(200, { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(10_000_000)))
  handlers['/packed'] = answers(200, { 'content-encoding': 'gzip' }, gzipSync('"packed"'))
  handlers['/garbled'] = answers(200, { 'content-encoding': 'gzip' }, 'no gzip')
  handlers['/never'] = () => undefined
  handlers['/drip'] = (_request, response) => {
    response.writeHead(200).write('[')
  }
  await expect(call('/long', { maxBytes: 1_000 })).rejects.toThrow('longer than 1000 bytes')
  await expect(call('/bomb', { maxBytes: 1_000_000 })).rejects.toThrow('longer than')
  expect((await call('/packed')).json()).toBe('packed')
  await expect(call('/garbled')).rejects.toThrow(ProviderAnswerError)
  for (const path of ['/never', '/drip'])
    await expect(call(path, { timeoutMs: 100 })).rejects.toThrow('no answer in time')
})

test('of a broken line it is known whether the request may have had its effect', async () => {
  handlers['/breaks'] = (request) => request.socket.destroy()
  // read first: an end with something unread takes back what was written
  handlers['/half'] = (request, response) => {
    const half = () =>
      response.writeHead(200, { 'content-length': '100' }).write('{"half":', () => response.destroy())
    request.resume().once('end', half)
  }
  const outcome = (path: string, request: Partial<GuardedRequest> = {}, options = {}) =>
    call(path, request, options).then(
      () => 'answered',
      (error) => (error instanceof ProviderUnavailableError ? error.outcome : String(error)),
    )
  const post = { method: 'POST', body: 'x' } as const
  expect(await outcome('/breaks', post)).toBe('unknown')
  expect(await outcome('/half', post)).toBe('unknown')
  expect(await outcome('/breaks')).toBe('nothing')
  // nobody listens there
  expect(await outcome('http://127.0.0.1:9/', post, { standIn: 'http://127.0.0.1:9' })).toBe('nothing')
})

test('what is not wanted any more stops, with the reason it was stopped for', async () => {
  const stop = new AbortController()
  handlers['/never'] = () => stop.abort(new Error('The agent went on'))
  await expect(call('/never', {}, { signal: stop.signal })).rejects.toThrow('The agent went on')
})

test('an answer that is no JSON says so without repeating it', async () => {
  handlers['/page'] = answers(200, {}, '<html>canary</html>')
  const answer = await call('/page')
  expect(() => answer.json()).toThrow(ProviderAnswerError)
  expect(() => answer.json()).not.toThrow('canary')
})

test('a host in our own network is called where the operator has named it, and what hands out credentials never', async () => {
  const port = new URL(origins[0] ?? '').port
  const at = (host: string) => `https://${host}:${port}`
  const asked = (host: string, internalHosts: string[]) =>
    call(`${at(host)}/dav`, {}, { origins: () => [at(host)], internalHosts })
  names.set('calendar.intern.test', ['127.0.0.1'])
  names.set('rebound.intern.test', ['127.0.0.1', '169.254.169.254'])
  await expect(asked('calendar.intern.test', [])).rejects.toThrow(OutboundRefusedError)
  await expect(asked('127.0.0.1', ['calendar.intern.test'])).rejects.toThrow(OutboundRefusedError)
  // it is connected to: what listens there speaks no TLS
  for (const host of ['calendar.intern.test', '127.0.0.1'])
    await expect(asked(host, [host])).rejects.toThrow(ProviderUnavailableError)
  for (const host of [
    'rebound.intern.test',
    '169.254.169.254',
    '168.63.129.16',
    '100.100.100.200',
    'metadata.google.internal',
    '[fd00:ec2::254]',
    '[fe80::1]',
    '[::ffff:169.254.169.254]',
    '[64:ff9b::a9fe:a9fe]',
    '2852039166',
  ])
    await expect(asked(host, [host, new URL(at(host)).hostname.replace(/^\[|\]$/g, '')])).rejects.toThrow(
      OutboundRefusedError,
    )
  // it is for connectors' calls over TLS alone
  const plain = 'http://calendar.intern.test'
  await expect(
    call(plain, {}, { origins: () => [plain], internalHosts: ['calendar.intern.test'] }),
  ).rejects.toThrow(OutboundRefusedError)
})
