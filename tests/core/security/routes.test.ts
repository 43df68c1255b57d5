import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { permissionsOf } from '#core/features/agents/permissions.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { addressOf, isPermission, type ListedRoute, startListed } from './route-table.ts'

let foyer: TestFoyer
let routes: ListedRoute[]
const cookies = { live_agent: '', admin: '' }
let token = ''

beforeAll(async () => {
  const started = await startListed({ workers: false })
  foyer = started.foyer
  routes = started.routes
  cookies.live_agent = (await foyer.agent({ online: false })).http.cookie ?? ''
  cookies.admin = (await foyer.agent({ online: false, profile: 'admin' })).http.cookie ?? ''
  token = (await foyer.visitor()).session.token
})
afterAll(() => foyer.close())

/** A call that came over a proxy; some things are open to the machine itself. */
const elsewhere = { 'x-forwarded-for': '203.0.113.1' }
const withCookie = (cookie: string): Record<string, string> => ({ cookie })

async function call(route: ListedRoute, headers: Record<string, string>) {
  const hasBody = !['GET', 'HEAD'].includes(route.method)
  const response = await fetch(foyer.origin + addressOf(route), {
    method: route.method,
    redirect: 'manual',
    headers: {
      connection: 'close',
      ...elsewhere,
      ...(hasBody ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    ...(hasBody ? { body: '{"surely":"not valid"}' } : {}),
  })
  const text = await response.text()
  return { status: response.status, text }
}

/** The routes whose caller must be known. */
const guarded = () => routes.filter(({ access }) => access !== 'public' && access !== undefined)
/** Without those that would end the session of those that follow. */
const guardedButSignOut = () => guarded().filter(({ url }) => !/\/(sign-out|sessions\/end)$/.test(url))
const name = ({ method, url }: ListedRoute) => `${method} ${url}`

test('every route says who may call it', () => {
  expect(routes.length).toBeGreaterThan(40)
  expect(routes.filter(({ access }) => access === undefined).map(name)).toEqual([])
  for (const { access } of routes)
    expect(['public', 'visitor', 'agent'].includes(access ?? '') || isPermission(access)).toBe(true)
})

test('only these are open to everybody', () => {
  const open = routes.filter(({ access, method }) => access === 'public' && method !== 'HEAD').map(name)
  expect(open.filter((one) => !/ .(api.docs|demo)/.test(one))).toEqual([
    'GET /healthz',
    'GET /readyz',
    'GET /api/openapi.json',
    'GET /api/v1/booking/:token',
    'GET /api/v1/booking/:token/slots',
    'POST /api/v1/booking/:token',
    'GET /api/v1/meeting/:token',
    'GET /api/v1/meeting/:token/slots',
    'GET /api/v1/meeting/:token/calendar.ics',
    'POST /api/v1/meeting/:token/cancel',
    'POST /api/v1/meeting/:token/reschedule',
    'POST /api/v1/webhooks/:connector/calendar',
    'GET /api/v1/connections/oauth/callback',
    'POST /api/v1/push/receipts',
    'GET /api/v1/setup',
    'POST /api/v1/setup',
    'POST /api/v1/sign-in',
    'POST /api/v1/webhooks/:connector',
    'GET /api/v1/widget/sites/:key',
    'POST /api/v1/widget/sessions',
    'GET /',
    'GET /inbox',
    'GET /inbox/*',
    'GET /setup',
    'GET /sw.js',
    'GET /widget.js',
    'GET /chat',
    'GET /widget/assets/*',
    'GET /book/:token',
    'GET /meeting/:token',
    'GET /widget/pages/assets/*',
    'GET /widget/frame',
  ])
})

test('a stranger gets nothing but 401, whatever is in the request', async () => {
  const strangers = [
    {},
    withCookie('foyer_session=guessed'),
    { authorization: 'Bearer guessed' },
    { authorization: `Basic ${token}` },
    { authorization: 'Bearer' },
  ]
  for (const route of guarded())
    for (const { status, text } of await Promise.all(strangers.map((headers) => call(route, headers)))) {
      expect({ route: name(route), status }).toEqual({ route: name(route), status: 401 })
      if (route.method !== 'HEAD')
        expect(JSON.parse(text)).toMatchObject({ status: 401, code: 'not_signed_in' })
    }
})

test('a visitor’s token opens only what is a visitor’s, and an agent’s cookie nothing of it', async () => {
  for (const route of guardedButSignOut()) {
    const [asVisitor, asAgent] = await Promise.all([
      call(route, { authorization: `Bearer ${token}` }),
      call(route, withCookie(cookies.admin)),
    ])
    const isVisitors = route.access === 'visitor'
    expect({ route: name(route), visitor: asVisitor.status === 401, agent: asAgent.status === 401 }).toEqual({
      route: name(route),
      visitor: !isVisitors,
      agent: isVisitors,
    })
  }
})

test('an agent may call exactly what the profile includes', async () => {
  for (const profile of ['live_agent', 'admin'] as const)
    for (const route of guardedButSignOut()) {
      const { access } = route
      if (access === 'visitor') continue
      const { status, text } = await call(route, withCookie(cookies[profile]))
      const may = access === 'agent' || (isPermission(access) && permissionsOf(profile).includes(access))
      if (may) expect([profile, name(route), status]).not.toEqual([profile, name(route), 403])
      else {
        expect([profile, name(route), status]).toEqual([profile, name(route), 403])
        if (route.method !== 'HEAD')
          expect(JSON.parse(text)).toMatchObject({ code: 'forbidden', permission: access })
      }
      expect(status).toBeLessThan(500)
    }
})

test('a page of another site changes nothing with a browser that is signed in', async () => {
  const unsafe = routes.filter(({ method }) => !['GET', 'HEAD'].includes(method))
  expect(unsafe.length).toBeGreaterThan(20)
  const own = new URL(foyer.origin)
  for (const origin of [
    'https://evil.example',
    'null',
    `http://127.0.0.1:1`,
    `http://${own.host}.evil.example`,
  ])
    for (const route of unsafe) {
      const { status, text } = await call(route, { cookie: cookies.admin, origin })
      const expected = { route: name(route), status: 403, code: 'foreign_origin' }
      expect({ route: name(route), status, code: JSON.parse(text).code }).toEqual(expected)
    }
  // nothing happened
  await new HttpClient(foyer.origin)
    .raw('GET', '/me', undefined, withCookie(cookies.admin))
    .then((response) => {
      expect(response.status).toBe(200)
      return response.text()
    })
})

test('the API description says of every route what a call has to bring', async () => {
  const { paths } = (await (
    await fetch(`${foyer.origin}/api/openapi.json`, { headers: { connection: 'close' } })
  ).json()) as { paths: Record<string, Record<string, { security?: object[] }>> }
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security }]) => [`${method.toUpperCase()} ${path}`, security]),
  )
  const listed = routes
    .filter(({ method, url }) => method !== 'HEAD' && url.startsWith('/api/v1'))
    .map((route) => [name(route).replaceAll(/:(\w+)/g, '{$1}'), broughtTo(route)])
  expect(listed.length).toBeGreaterThan(100)
  expect(Object.fromEntries(described)).toEqual(Object.fromEntries(listed))
})

const broughtTo = ({ access }: ListedRoute) =>
  access === 'public' ? [] : [access === 'visitor' ? { visitor: [] } : { agent: [] }]

/** @returns the status of /metrics, called with exactly these headers. */
function readMetrics(origin: string, headers: Record<string, string> = {}): Promise<number> {
  const { host, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    const asked = request(
      { port, path: '/metrics', headers: { host, ...headers }, agent: false },
      async (answer) => {
        const text = (await answer.toArray()).join('')
        expect(text).toContain(answer.statusCode === 200 ? 'foyer_conversations_active' : 'not_signed_in')
        resolve(answer.statusCode ?? 0)
      },
    )
    asked.on('error', reject).end()
  })
}

test('the numbers about the business are for the machine itself and for admins', async () => {
  const read = (headers?: Record<string, string>) => readMetrics(foyer.origin, headers)
  expect(await read()).toBe(200)
  expect(await read({ host: 'localhost:3000' })).toBe(200)
  // whatever hints at a proxy
  expect(await read(elsewhere)).toBe(401)
  for (const name of ['forwarded', 'via', 'x-real-ip', 'x-forwarded-proto', 'x-forwarded-host'])
    expect([name, await read({ [name]: 'for=203.0.113.1' })]).toEqual([name, 401])
  // a name that another site’s page gave this machine, or a proxy that passes the host on
  expect(await read({ host: 'chat.example.com' })).toBe(401)
  expect(await read({ host: '127.0.0.1.evil.example' })).toBe(401)
  expect(await read({ ...elsewhere, ...withCookie(cookies.admin) })).toBe(200)
})

test('where people come by a proxy the numbers need a sign-in or the token for them', async () => {
  const metricsToken = 'canary-for-the-collector'
  for (const config of [{ trustedProxies: 1 }, { publicUrl: 'https://chat.example.com' }]) {
    const behind = await startFoyer({ workers: false, config: { ...config, metricsToken } })
    const read = (headers?: Record<string, string>) => readMetrics(behind.origin, headers)
    expect(await read()).toBe(401)
    expect(await read({ authorization: 'Bearer guessed' })).toBe(401)
    expect(await read({ authorization: `Basic ${metricsToken}` })).toBe(401)
    expect(await read({ authorization: `Bearer ${metricsToken}` })).toBe(200)
    expect(await read({ ...elsewhere, authorization: `Bearer ${metricsToken}` })).toBe(200)
    await behind.close()
  }
})
