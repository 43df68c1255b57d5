import { expect } from 'vitest'
import { aSite, password } from '#tests/support/factories.ts'
import { startFoyer, test } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'

const get = (address: string, headers: Record<string, string> = {}) =>
  fetch(address, { redirect: 'manual', headers: { connection: 'close', ...headers } })

test('every answer tells browsers not to guess, not to frame and not to leak', async ({ foyer }) => {
  for (const path of [
    '/api/v1/me',
    '/api/v1/setup',
    '/api/v1/nothing',
    '/healthz',
    '/nothing',
    '/inbox',
    '/widget.js',
    '/api/docs',
    `/api/v1/widget/sites/${foyer.site.key}`,
  ]) {
    const response = await get(foyer.origin + path)
    await response.text()
    expect([path, response.headers.get('x-content-type-options')]).toEqual([path, 'nosniff'])
    expect([path, response.headers.get('referrer-policy')]).toEqual([path, 'same-origin'])
    expect([path, response.headers.get('x-powered-by')]).toEqual([path, null])
    const policy = response.headers.get('content-security-policy') ?? ''
    expect(policy).toMatch(/frame-ancestors 'none'/)
    expect(policy).toMatch(/default-src '(none|self)'/)
    expect(policy).not.toMatch(/script-src[^;]*unsafe/)
  }
})

test('only the pages that a site names may embed its widget', async ({ foyer }) => {
  const allowedOrigins = ['https://shop.example', 'https://www.shop.example']
  const named = await aSite(foyer.pool, foyer.clock.now(), { name: 'Shop', allowedOrigins })
  const ancestors = async (query: string) => {
    const response = await get(`${foyer.origin}/widget/frame${query}`)
    await response.text()
    return /frame-ancestors ([^;]*)/.exec(response.headers.get('content-security-policy') ?? '')?.[1]
  }
  expect(await ancestors(`?site=${named.key}`)).toBe(`'self' https://shop.example https://www.shop.example`)
  expect(await ancestors(`?site=${foyer.site.key}`)).toBe('*')
  expect(await ancestors('?site=unknown')).toBe(`'none'`)
  expect(await ancestors('')).toBe(`'none'`)
  expect(await ancestors(`?site=${named.key}&site=${foyer.site.key}`)).toBe(`'none'`)
  expect(await ancestors('?site=%00')).toBe(`'none'`)
})

test('the session cookie is out of reach for scripts and other sites', async () => {
  const foyer = await startFoyer({ workers: false, config: { trustedProxies: 1 } })
  const agent = await foyer.agent({ online: false })
  const signIn = async (headers: Record<string, string>) => {
    const body = { email: agent.me.email, password }
    const response = await new HttpClient(foyer.origin).raw('POST', '/sign-in', body, headers)
    await response.text()
    return response.headers.getSetCookie()
  }
  const [plain = ''] = await signIn({})
  expect(plain).toMatch(/^foyer_session=[\w-]{43};/)
  expect(plain).toMatch(/; HttpOnly/)
  expect(plain).toMatch(/; SameSite=Lax/)
  expect(plain).toMatch(/; Path=\//)
  expect(plain).not.toMatch(/Domain=|Secure/)
  const [overTls = ''] = await signIn({ 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.1' })
  expect(overTls).toMatch(/; Secure/)
  // nobody said how many proxies there are, but everybody comes by this address
  foyer.app.services.config.publicUrl = 'https://chat.example.com'
  const [known = ''] = await signIn({})
  expect(known).toMatch(/; Secure/)
  await foyer.close()
})

test('other sites’ scripts read nothing but what is meant for every page', async ({ foyer }) => {
  const agent = await foyer.agent({ online: false })
  const origin = 'https://evil.example'
  for (const path of ['/api/v1/me', '/api/v1/conversations', '/api/v1/agents', '/readyz', '/inbox']) {
    const response = await get(foyer.origin + path, { origin, cookie: agent.http.cookie ?? '' })
    await response.text()
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
    expect(response.headers.get('cross-origin-resource-policy')).toBe('same-origin')
  }
  const preflight = await fetch(`${foyer.origin}/api/v1/widget/sessions`, {
    method: 'OPTIONS',
    headers: { connection: 'close', origin, 'access-control-request-method': 'POST' },
  })
  await preflight.text()
  expect(preflight.headers.get('access-control-allow-origin')).toBeNull()
})

test('no path leads out of the built front-ends', async ({ foyer }) => {
  for (const path of [
    '/inbox/..%2f..%2fpackage.json',
    '/inbox/%2e%2e/%2e%2e/package.json',
    '/widget/assets/..%2f..%2f..%2fpackage.json',
    '/widget/assets/%2e%2e%2f%2e%2e%2fcore/config.ts',
    '/inbox/%00.js',
    '/inbox/..%5c..%5cpackage.json',
    '/widget/assets//etc/passwd.js',
  ]) {
    const response = await get(foyer.origin + path)
    const text = await response.text()
    expect([path, response.status < 500]).toEqual([path, true])
    expect(text).not.toMatch(/"license"|FOYER_HOST|root:/)
  }
})
