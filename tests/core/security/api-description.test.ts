import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { addressOf, type ListedRoute, startListed } from './route-table.ts'

/** /api/openapi.json, held against what the routes answer. */

interface Operation {
  security: object[]
  parameters?: { in: string }[]
  requestBody?: { content: Record<string, { schema: { format?: string } }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: { $ref?: string } }> }>
}

let foyer: TestFoyer
let routes: ListedRoute[]
let api: { paths: Record<string, Record<string, Operation>>; components: { schemas: Record<string, object> } }
let cookie = ''
let token = ''

beforeAll(async () => {
  const started = await startListed({ workers: false })
  foyer = started.foyer
  routes = started.calls.filter(({ url }) => url.startsWith('/api/v1'))
  cookie = (await foyer.agent({ online: false, profile: 'admin' })).http.cookie ?? ''
  token = (await foyer.visitor()).session.token
  api = (await foyer.app.inject('/api/openapi.json')).json()
})
afterAll(() => foyer.close())

const described = ({ method, url }: Pick<ListedRoute, 'method' | 'url'>): Operation => {
  const operation = api.paths[url.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]
  if (!operation) throw new Error(`${method} ${url} is not described`)
  return operation
}
const operationOf = (method: string, url: string) => described({ method, url: `/api/v1${url}` })

test('every route says how it may fail, in one shape', () => {
  expect(routes.length).toBeGreaterThan(100)
  expect(api.components.schemas.Problem).toMatchObject({
    required: expect.arrayContaining(['status', 'code', 'detail']),
  })
  for (const route of routes) {
    const { responses, security } = described(route)
    const name = `${route.method} ${route.url}`
    const failures = Object.keys(responses).filter((status) => !/^[23]/.test(status))
    for (const status of failures)
      expect([name, status, responses[status]?.content]).toEqual([
        name,
        status,
        { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      ])
    expect([name, failures]).toEqual([name, expect.arrayContaining(['400', 'default'])])
    if (security.length > 0) expect([name, failures]).toEqual([name, expect.arrayContaining(['401'])])
    if (route.url.includes(':')) expect([name, failures]).toEqual([name, expect.arrayContaining(['404'])])
    expect([name, Object.keys(responses).some((status) => /^[23]/.test(status))]).toEqual([name, true])
  }
  expect(JSON.stringify(api)).not.toContain('x-foyer')
})

test('whatever a route answers to what is wrong is described', async () => {
  const missing: string[] = []
  const calls = [
    { headers: {}, payload: '{"surely":"not valid"}', type: 'application/json' },
    { headers: { cookie, authorization: `Bearer ${token}` }, payload: '{', type: 'application/json' },
    {
      headers: { cookie, authorization: `Bearer ${token}` },
      payload: '{"surely":"not"}',
      type: 'application/json',
    },
    { headers: { cookie, authorization: `Bearer ${token}` }, payload: 'a=b', type: 'image/png' },
    {
      headers: { cookie, authorization: `Bearer ${token}`, origin: 'https://evil.example' },
      payload: '{}',
      type: 'application/json',
    },
  ]
  for (const route of routes.filter(({ url }) => !/\/(sign-out|sessions\/end)$/.test(url)))
    for (const { headers, payload, type } of calls) {
      const isRead = route.method === 'GET'
      const { statusCode } = await foyer.app.inject({
        method: route.method as 'GET',
        url: addressOf(route),
        headers: isRead ? headers : { ...headers, 'content-type': type },
        ...(isRead ? {} : { payload }),
      })
      if (!(statusCode in described(route).responses))
        missing.push(`${route.method} ${route.url} answered ${statusCode} to ${payload} of ${type}`)
    }
  expect(missing).toEqual([])
})

test('what is taken and given as it is has its media type', () => {
  for (const [url, type] of [
    ['/conversations/:id/files', 'application/octet-stream'],
    ['/widget/conversations/:id/files', 'application/octet-stream'],
    ['/people/import', 'text/csv'],
    ['/accounts/import', 'text/csv'],
  ] as const) {
    const { requestBody, responses } = operationOf('POST', url)
    expect(Object.keys(requestBody?.content ?? {})).toEqual([type])
    expect(responses).toMatchObject({ 413: {}, 415: {} })
  }
  expect(
    operationOf('POST', '/conversations/:id/files').requestBody?.content['application/octet-stream'],
  ).toEqual({
    schema: { type: 'string', format: 'binary', contentMediaType: 'application/octet-stream' },
  })
  for (const [url, type] of [
    ['/conversations/:id/transcript.txt', 'text/plain'],
    ['/conversations/:id/transcript.json', 'application/json'],
    ['/conversations/:id/files/:fileId', 'application/octet-stream'],
    ['/meeting/:token/calendar.ics', 'text/calendar'],
    ['/people/export.csv', 'text/csv'],
  ] as const)
    expect([url, Object.keys(operationOf('GET', url).responses[200]?.content ?? {})]).toEqual([url, [type]])
  for (const [method, url] of [
    ['POST', '/sign-in'],
    ['POST', '/conversations/:id/mail-transcript'],
    ['POST', '/booking/:token'],
    ['POST', '/widget/conversations'],
    ['GET', '/widget/sites/:key'],
  ] as const)
    expect(operationOf(method, url).responses[429]).toMatchObject({ headers: { 'retry-after': {} } })
})
