import { randomUUID } from 'node:crypto'
import { beforeAll, expect } from 'vitest'
import type { Site, SiteSettings } from '#core/contracts/sites.ts'
import { findSiteByKey } from '#core/features/sites/repository.ts'
import { defaultSiteSettings, readSiteSettings } from '#core/features/sites/settings.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'

let foyer: TestFoyer
let admin: AgentActor
let agent: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
  admin = await foyer.agent({ name: 'Ada Admin', profile: 'admin', online: false })
  agent = await foyer.agent({ online: false })
})

const create = (site: object = {}) =>
  admin.http.post<Site>('/sites', { name: 'Shop', allowedOrigins: ['https://Shop.test'], ...site })

test('a new site has a key of its own, the usual settings, and a snippet for the page', async () => {
  const site = await create({ name: ' Shop ' })
  expect(site).toMatchObject({
    name: 'Shop',
    allowedOrigins: ['https://shop.test'],
    // booking with whoever owns the account, else with whoever made the site
    settings: { ...defaultSiteSettings('Shop'), booking: { by: 'owner', agentId: admin.id } },
    snippet: `<script async src="${foyer.origin}/widget.js" data-site="${site.key}"></script>`,
  })
  expect(site).not.toHaveProperty('identitySecret')
  expect((await create()).key).not.toBe(site.key)
  const { sites } = await admin.http.get<{ sites: Site[] }>('/sites')
  expect(sites.find(({ id }) => id === site.id)).toEqual(site)
  // and the widget opens on it
  const visitor = await foyer.visitor({ siteKey: site.key })
  expect(visitor.session.site).toEqual(site.settings)
})

test('what is saved is what the widget gets', async () => {
  const { id, key, name, settings } = await create()
  const changed: SiteSettings = {
    ...settings,
    brandColour: '#aa3300',
    position: 'left',
    greeting: { title: '  Ciao  ', text: 'Come va?', pokeAfterMs: 5_000 },
    fields: [{ name: 'phone', required: true }],
    privacy: { notice: 'We keep it.', url: 'https://shop.test/privacy', tick: true },
  }
  const saved = await admin.http.put<Site>(`/sites/${id}`, { name, allowedOrigins: [], settings: changed })
  expect(saved).toMatchObject({ id, key, allowedOrigins: [] })
  expect(saved.settings).toEqual({ ...changed, greeting: { ...changed.greeting, title: 'Ciao' } })
  expect((await findSiteByKey(foyer.app.services.db, key))?.settings).toEqual(saved.settings)
  await expect(
    admin.http.put(`/sites/${randomUUID()}`, { name, allowedOrigins: [], settings }),
  ).rejects.toMatchObject({ status: 404 })
})

test('bad settings are refused by field, and nothing of them is kept', async () => {
  const { id, key, name, settings } = await create()
  const before = await findSiteByKey(foyer.app.services.db, key)
  for (const [change, field] of [
    [{ settings: { ...settings, brandColour: 'red' } }, 'settings.brandColour'],
    [
      { settings: { ...settings, privacy: { ...settings.privacy, url: 'javascript:alert(1)' } } },
      'settings.privacy.url',
    ],
    [{ settings: { ...settings, fields: [{ name: 'password', required: true }] } }, 'settings.fields.0.name'],
    [{ allowedOrigins: ['https://shop.test/path'] }, 'allowedOrigins.0'],
    [{ allowedOrigins: ["https://a.test; script-src 'unsafe-inline'"] }, 'allowedOrigins.0'],
    [{ name: '' }, 'name'],
  ] as const)
    await expect(
      admin.http.put(`/sites/${id}`, { name, allowedOrigins: [], settings, ...change }),
    ).rejects.toMatchObject({ status: 422, problem: { errors: [{ field }] } })
  await expect(create({ name: '' })).rejects.toMatchObject({ status: 422 })
  expect(await findSiteByKey(foyer.app.services.db, key)).toEqual(before)
})

test('only admins see and change sites', async () => {
  await expect(agent.http.get('/sites')).rejects.toMatchObject({ status: 403 })
  await expect(agent.http.post('/sites', { name: 'Mine', allowedOrigins: [] })).rejects.toMatchObject({
    status: 403,
  })
  // who may not is told so, whatever the body says
  await expect(agent.http.put(`/sites/${foyer.site.id}`, {})).rejects.toMatchObject({ status: 403 })
})

test('settings stored by another version are filled up and cleaned', () => {
  const defaults = defaultSiteSettings('Acme')
  expect(readSiteSettings({}, 'Acme')).toEqual(defaults)
  expect(readSiteSettings(null, 'Acme')).toEqual(defaults)
  expect(
    readSiteSettings(
      { brandColour: 'chartreuse', greeting: { title: 'Hi' }, fields: 'all', unheardOf: true, theme: 'dark' },
      'Acme',
    ),
  ).toEqual({ ...defaults, greeting: { ...defaults.greeting, title: 'Hi' }, theme: 'dark' })
})

test('a key that no site has finds nothing, whatever is in it', async () => {
  for (const key of ['', 'nothing', 'a\0b', "' or true --", foyer.site.key.toUpperCase()])
    expect(await findSiteByKey(foyer.app.services.db, key)).toBeNull()
})
