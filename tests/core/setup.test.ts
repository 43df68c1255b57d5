import { beforeEach, expect } from 'vitest'
import type { Me } from '#core/contracts/agents.ts'
import type { Site } from '#core/contracts/sites.ts'
import { createSetUpLink, printSetUpLink } from '#core/features/setup/service.ts'
import { password } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'

let foyer: TestFoyer
let http: HttpClient

/** A Foyer that nobody has set up yet. */
beforeEach(async () => {
  foyer = await startFoyer({ workers: false })
  await foyer.pool.query('delete from sites')
  await foyer.pool.query('delete from organisation')
  http = new HttpClient(foyer.origin)
  return () => foyer.close()
})

const newToken = async () =>
  new URL((await createSetUpLink(foyer.app.services, foyer.origin)) ?? '').hash.replace('#token=', '')

const form = (token: string, changes: object = {}) => ({
  token,
  organisationName: 'Meridian',
  timeZone: 'europe/rome',
  name: 'Ada Admin',
  email: 'Ada@Meridian.test',
  password,
  siteName: 'Main site',
  siteOrigin: 'https://www.meridian.test/shop?x=1',
  ...changes,
})

test('the link from the terminal makes organisation, admin and site, and signs the admin in', async () => {
  expect(await http.get('/setup')).toEqual({ needed: true })
  const response = await http.raw('POST', '/setup', form(await newToken()))
  expect(response.status).toBe(200)
  const me = (await response.json()) as Me
  expect(me).toMatchObject({
    email: 'ada@meridian.test',
    profile: 'admin',
    organisation: { name: 'Meridian', timeZone: 'Europe/Rome' },
  })
  const cookie = response.headers.getSetCookie()[0] ?? ''
  expect(cookie).toMatch(/^foyer_session=.*HttpOnly.*SameSite=Lax/)
  http.useCookie(cookie.split(';')[0] ?? '')
  const { sites } = await http.get<{ sites: Site[] }>('/sites')
  expect(sites).toMatchObject([
    {
      name: 'Main site',
      allowedOrigins: ['https://www.meridian.test'],
      settings: { companyName: 'Meridian' },
    },
  ])
  expect(await http.get('/setup')).toEqual({ needed: false })
  await foyer.signIn({ email: 'ada@meridian.test', password }, { online: false })
})

test('each start prints a new link until somebody has used one', async () => {
  const lines: string[] = []
  const start = () => printSetUpLink(foyer.app.services, 'https://chat.test', (line) => lines.push(line))
  await start()
  await start()
  expect(lines).toHaveLength(2)
  const [first, second] = lines.map(
    (line) => /https:\/\/chat\.test\/setup#token=([\w-]{43})$/.exec(line)?.[1] ?? '',
  )
  expect(first).not.toBe(second)
  const { rows } = await foyer.pool.query<{ links: string }>(
    'select string_agg(l::text, $1) as links from setup_links l',
    [' '],
  )
  expect(rows[0]?.links).not.toContain(first)
  await http.post('/setup', form(first ?? ''))
  await start()
  expect(lines).toHaveLength(2)
  await expect(http.post('/setup', form(second ?? ''))).rejects.toMatchObject({ status: 410 })
})

test('a link works once, for a day, and not when made up', async () => {
  const old = await newToken()
  foyer.clock.advance(24 * 3_600_000)
  for (const token of [old, 'made-up', ''])
    await expect(http.post('/setup', form(token))).rejects.toMatchObject({
      status: 410,
      code: 'setup_link_used',
    })
  const token = await newToken()
  await http.post('/setup', form(token))
  await expect(http.post('/setup', form(token))).rejects.toMatchObject({
    status: 410,
    code: 'setup_link_used',
  })
})

test('of many who set it up at once, with one link or several, one does', async () => {
  const tokens = [await newToken(), await newToken()]
  const tries = Array.from({ length: 8 }, (_, index) =>
    http.post<Me>('/setup', form(tokens[index % 2] ?? '', { email: `admin${index}@meridian.test` })),
  )
  const results = await Promise.allSettled(tries)
  const winners = results.filter(({ status }) => status === 'fulfilled')
  expect(winners).toHaveLength(1)
  for (const result of results)
    if (result.status === 'rejected')
      expect(result.reason).toMatchObject({ status: 410, code: 'setup_link_used' })
  const { rows } = await foyer.pool.query(
    'select (select count(*) from organisation) as organisations, (select count(*) from agents) as agents, (select count(*) from sites) as sites',
  )
  expect(rows).toEqual([{ organisations: 1, agents: 1, sites: 1 }])
})

test('a mistake in the form is named, and the link stays good', async () => {
  const token = await newToken()
  for (const [changes, field] of [
    [{ timeZone: 'Europe/Atlantis' }, 'timeZone'],
    [{ siteOrigin: 'javascript:alert(1)' }, 'siteOrigin'],
    [{ siteOrigin: 'our shop' }, 'siteOrigin'],
    [{ email: 'ada' }, 'email'],
    [{ password: 'short' }, 'password'],
    [{ organisationName: ' ' }, 'organisationName'],
  ] as const)
    await expect(http.post('/setup', form(token, changes))).rejects.toMatchObject({
      status: 422,
      problem: { errors: [{ field }] },
    })
  expect(await http.post('/setup', form(token, { siteOrigin: '' }))).toMatchObject({ profile: 'admin' })
})

test("another site's page cannot set Foyer up", async () => {
  const response = await http.raw('POST', '/setup', form(await newToken()), { origin: 'https://evil.test' })
  expect(response.status).toBe(403)
  expect(await http.get('/setup')).toEqual({ needed: true })
})
