import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { z } from 'zod'
import { oauthOf } from '#connectors/sdk/auth.ts'
import type { ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import type {
  AuthorizeAnswer,
  Connection,
  ConnectionList,
  ConnectionTest,
  ConnectorList,
} from '#core/contracts/connections.ts'
import { findConnection } from '#core/features/connections/repository.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { SampleVendor, sampleConnector } from '#tests/support/sample-vendor.ts'
import { waitFor } from '#tests/support/wait.ts'

let foyer: TestFoyer
let vendor: SampleVendor
let admin: AgentActor

const nobodysPort = 'https://127.0.0.1:9'
const inside: ConnectorDeclaration = {
  ...sampleConnector,
  id: 'inside',
  name: 'Inside',
  auth: { ...oauthOf(sampleConnector), tokenUrl: ({ standIn }) => `${standIn ?? nobodysPort}/token` },
  origins: ({ standIn }) => [standIn ?? nobodysPort],
}

beforeAll(async () => {
  vendor = await SampleVendor.start()
  foyer = await startFoyer({
    connectors: [sampleConnector, inside],
    config: { standIns: { sample: vendor.origin }, internalHosts: ['127.0.0.1'] },
  })
  foyer.app.services.config.publicUrl = foyer.origin
  admin = await foyer.agent({ name: 'Ada Admin', profile: 'admin', online: false })
})
afterAll(async () => {
  await foyer.close()
  await vendor.stop()
})
beforeEach(async () => {
  await foyer.pool.query('delete from connections')
  Object.assign(vendor, { accountId: 'account-1', refusesEveryToken: false })
})

const create = (body: object = {}) =>
  admin.http.post<Connection>('/connections', {
    connector: 'sample',
    clientId: vendor.client.id,
    clientSecret: vendor.client.secret,
    ...body,
  })
const read = (id: string) => admin.http.get<Connection>(`/connections/${id}`)

/** The vendor's page, where this admin agrees at once. @returns where the browser is sent back to */
async function agree(id: string): Promise<URL> {
  const { url } = await admin.http.post<z.output<typeof AuthorizeAnswer>>(`/connections/${id}/authorize`)
  const answer = await fetch(url, { redirect: 'manual', headers: { connection: 'close' } })
  return new URL(answer.headers.get('location') ?? '')
}

/** Follows it with a browser's cookie. @returns what the settings page is told */
async function comeBack(to: URL, cookie = admin.http.cookie ?? '', page = 'connectors') {
  const answer = await fetch(to, { redirect: 'manual', headers: { cookie, connection: 'close' } })
  expect(answer.status).toBe(302)
  const { pathname, searchParams } = new URL(answer.headers.get('location') ?? '', foyer.origin)
  expect(pathname).toBe(`/inbox/settings/${page}`)
  return Object.fromEntries(searchParams)
}

async function connected(): Promise<Connection> {
  const { id } = await create()
  await comeBack(await agree(id))
  return read(id)
}

test('the page for a connector is drawn from what it declares, with the address to copy', async () => {
  const { connectors } = await admin.http.get<z.output<typeof ConnectorList>>('/connectors')
  expect(connectors.map(({ name }) => name)).toEqual(['Inside', 'Sample'])
  const [, sample] = connectors
  expect(sample).toMatchObject({
    id: 'sample',
    scopes: ['people'],
    redirectUrl: `${foyer.origin}/api/v1/connections/oauth/callback`,
    webhookUrl: null,
    settings: [
      { key: 'region', kind: 'text', required: true, initial: 'eu' },
      { key: 'home', kind: 'origin', required: false, initial: null },
    ],
    crm: null,
  })
  expect(sample?.steps[0]).toContain(`${foyer.origin}/api/v1/connections/oauth/callback`)
  expect(sample?.steps[0]).toContain('scopes people')
})

test('an admin connects in the browser, and the connection says whose account it is', async () => {
  const created = await create()
  expect(created).toMatchObject({
    state: 'connecting',
    hasClientSecret: true,
    settings: { region: 'eu' },
    account: null,
    writingOn: false,
  })
  const back = await agree(created.id)
  expect(back.origin + back.pathname).toBe(`${foyer.origin}/api/v1/connections/oauth/callback`)
  expect(await comeBack(back)).toEqual({ connection: created.id, result: 'connected' })
  const connection = await read(created.id)
  expect(connection).toMatchObject({
    state: 'active',
    stateText: 'Connected.',
    account: { id: 'account-1', name: 'Sample & Sons' },
    limits: [{ name: 'calls', used: 1, max: 20, reserved: 5, perMs: 1_000 }],
    backlog: { waiting: 0, failed: 0 },
  })
  expect(await admin.http.get<z.output<typeof ConnectionList>>('/connections')).toEqual({
    connections: [connection],
  })
})

test('secrets go in and never come out', async () => {
  const connection = await connected()
  const { url } = await admin.http.post<z.output<typeof AuthorizeAnswer>>(
    `/connections/${connection.id}/authorize`,
  )
  await admin.http.post(`/connections/${connection.id}/test`)
  const told = [connection, await admin.http.get('/connections'), await admin.http.get('/audit-log'), url]
  expect(JSON.stringify(told)).not.toContain('canary')
  const { rows } = await foyer.pool.query(
    `select coalesce(jsonb_agg(to_jsonb(o)), '[]') as outbox,
       (select jsonb_agg(to_jsonb(c)) from connections c) as connections,
       (select jsonb_agg(to_jsonb(s)) from oauth_states s) as states from outbox o`,
  )
  expect(JSON.stringify(rows)).not.toContain('canary')
})

test('a way back works once, in the session that began it, within ten minutes', async () => {
  const { id } = await create()
  const colleague = await foyer.agent({ profile: 'admin', online: false })
  const agent = await foyer.agent({ online: false })
  const back = await agree(id)
  for (const cookie of [colleague.http.cookie, '', 'foyer_session=guessed'])
    expect(await comeBack(back, cookie)).toEqual({ result: 'expired' })
  // who manages no connections can only have meant the own calendar
  expect(await comeBack(back, agent.http.cookie, 'my-calendar')).toEqual({ result: 'expired' })
  expect(await comeBack(back)).toEqual({ connection: id, result: 'connected' })
  expect(await comeBack(back)).toEqual({ result: 'expired' })
  const late = await agree(id)
  foyer.clock.advance(601_000)
  expect(await comeBack(late)).toEqual({ result: 'expired' })
  const forged = await agree(id)
  forged.searchParams.set('state', 'guessed')
  expect(await comeBack(forged)).toEqual({ result: 'expired' })
})

test('who does not agree, or comes back without a good code, is told so', async () => {
  const { id } = await create()
  const denied = await agree(id)
  denied.searchParams.delete('code')
  denied.searchParams.set('error', 'access_denied')
  expect(await comeBack(denied)).toEqual({ connection: id, result: 'denied' })
  const odd = await agree(id)
  odd.searchParams.set('error', '<script>')
  expect(await comeBack(odd)).toEqual({ connection: id, result: 'failed' })
  expect((await read(id)).stateText).toBe(
    'The provider did not let us connect (for a reason it does not name).',
  )
  const stolen = await agree(id)
  stolen.searchParams.set('code', 'guessed')
  expect(await comeBack(stolen)).toEqual({ connection: id, result: 'failed' })
  expect((await read(id)).stateText).toContain('Connect again.')
})

test('a wrong client secret is named as such', async () => {
  const { id } = await create({ clientSecret: 'canary-wrong' })
  expect(await comeBack(await agree(id))).toEqual({ connection: id, result: 'failed' })
  const { state, stateText } = await read(id)
  expect(state).toBe('connecting')
  expect(stateText).toContain('does not accept the client id and secret')
})

test('a vendor in our own network is asked for tokens where the operator has named its host', async () => {
  const { id } = await create({ connector: 'inside' })
  const { url } = await admin.http.post<z.output<typeof AuthorizeAnswer>>(`/connections/${id}/authorize`)
  const back = new URL(`${foyer.origin}/api/v1/connections/oauth/callback?code=good`)
  back.searchParams.set('state', new URL(url).searchParams.get('state') ?? '')
  expect(await comeBack(back)).toEqual({ connection: id, result: 'failed' })
  expect((await read(id)).stateText).toContain('cannot be reached (ECONNREFUSED)')
})

test('connecting again must find the same account', async () => {
  const { id } = await connected()
  vendor.accountId = 'account-2'
  expect(await comeBack(await agree(id))).toEqual({ connection: id, result: 'other_account' })
  const connection = await read(id)
  expect(connection).toMatchObject({ state: 'active', account: { id: 'account-1' } })
  expect(connection.stateText).toContain('disconnect first')
  vendor.accountId = 'account-1'
  expect(await comeBack(await agree(id))).toEqual({ connection: id, result: 'connected' })
  expect((await read(id)).stateText).toBe('Connected.')
})

test('there is one account of each connector at a time', async () => {
  await create()
  await expect(create()).rejects.toMatchObject({ code: 'already_connected' })
})

test('what cannot be right is refused, with the field that is wrong', async () => {
  for (const [body, field] of [
    [{ connector: 'nobody' }, 'connector'],
    [{ settings: { region: 'eu', colour: 'blue' } }, 'settings.colour'],
    [{ settings: { region: 'eu', home: 'https://evil.example' } }, 'settings.home'],
    [{ settings: { region: 'eu', home: 'https://sample.test.evil.example' } }, 'settings.home'],
    [{ clientId: '' }, 'clientId'],
    [{ clientSecret: '' }, 'clientSecret'],
  ] as const)
    await expect(create(body)).rejects.toMatchObject({ status: 422, problem: { errors: [{ field }] } })
  const { id, version } = await create()
  const patch = (body: object) => admin.http.patch(`/connections/${id}`, { version, ...body })
  for (const body of [
    { mapping: { Ghost: { name: 'Name' } } },
    { writeBack: { create: { type: 'Ghost' } } },
    { precedence: 0 },
    { surely: 'not valid' },
  ])
    await expect(patch(body)).rejects.toMatchObject({ status: 422 })
  await expect(patch({ writingOn: true })).rejects.toMatchObject({ code: 'preview_needed' })
})

test('of two admins who change the same, the second is told', async () => {
  const { id, version } = await connected()
  const rules = { corrections: false, directions: { phone: 'in' } }
  const changed = await admin.http.patch<Connection>(`/connections/${id}`, {
    version,
    precedence: 7,
    writeBack: rules,
  })
  expect(changed).toMatchObject({ precedence: 7, state: 'active', version: version + 1 })
  expect(changed.writeBack).toMatchObject({
    corrections: false,
    fillEmpty: true,
    directions: { phone: 'in' },
  })
  await expect(admin.http.patch(`/connections/${id}`, { version, precedence: 2 })).rejects.toMatchObject({
    status: 409,
    code: 'changed_meanwhile',
    problem: { version: version + 1 },
  })
})

test('other settings or another client have to be connected again', async () => {
  const { id, version } = await connected()
  const changed = await admin.http.patch<Connection>(`/connections/${id}`, {
    version,
    settings: { region: 'us' },
  })
  expect(changed).toMatchObject({ state: 'broken', stateText: 'The settings were changed. Connect again.' })
  expect(await comeBack(await agree(id))).toMatchObject({ result: 'connected' })
  const same = await admin.http.patch<Connection>(`/connections/${id}`, {
    version: version + 1,
    clientId: vendor.client.id,
  })
  expect(same.state).toBe('active')
})

test('a connection is paused and goes on', async () => {
  const { id } = await connected()
  expect(await admin.http.post(`/connections/${id}/pause`)).toMatchObject({
    state: 'paused',
    stateText: 'Paused: nothing is read or written.',
  })
  await expect(admin.http.post(`/connections/${id}/pause`)).rejects.toMatchObject({ code: 'wrong_state' })
  expect(await admin.http.post(`/connections/${id}/resume`)).toMatchObject({ state: 'active' })
})

test('connected again, a paused connection stays paused, also when it broke meanwhile, and the admin is told so', async () => {
  const { id } = await connected()
  const pause = () => admin.http.post(`/connections/${id}/pause`)
  const again = async () => comeBack(await agree(id))
  await pause()
  expect(await again()).toEqual({ connection: id, result: 'still_paused' })
  expect(await read(id)).toMatchObject({ state: 'paused', stateText: 'Paused: nothing is read or written.' })

  // its settings are changed; somebody does not agree at first
  const { version } = await read(id)
  await admin.http.patch(`/connections/${id}`, { version, settings: { region: 'us' } })
  expect((await read(id)).state).toBe('broken')
  const denied = await agree(id)
  denied.searchParams.delete('code')
  denied.searchParams.set('error', 'server_error')
  expect(await comeBack(denied)).toMatchObject({ result: 'failed' })
  expect(await again()).toEqual({ connection: id, result: 'still_paused' })
  expect((await read(id)).state).toBe('paused')

  // the vendor refuses it, and then no longer
  const run = () => admin.http.post<z.output<typeof ConnectionTest>>(`/connections/${id}/test`)
  vendor.refusesEveryToken = true
  expect(await run()).toMatchObject({ ok: false })
  expect((await read(id)).state).toBe('broken')
  vendor.refusesEveryToken = false
  expect(await run()).toMatchObject({ ok: true })
  expect((await read(id)).state).toBe('paused')

  // once it goes on, it was not paused any more when it breaks
  await admin.http.post(`/connections/${id}/resume`)
  vendor.refusesEveryToken = true
  await run()
  vendor.refusesEveryToken = false
  expect(await again()).toEqual({ connection: id, result: 'connected' })
  expect((await read(id)).state).toBe('active')
})

test('a test says whether it works, and repairs what works again', async () => {
  const { id } = await connected()
  const run = () => admin.http.post<z.output<typeof ConnectionTest>>(`/connections/${id}/test`)
  expect(await run()).toEqual({
    ok: true,
    account: { id: 'account-1', name: 'Sample & Sons' },
    failure: null,
  })
  vendor.refusesEveryToken = true
  expect(await run()).toMatchObject({ ok: false, failure: { code: 'connector_reconnect_needed' } })
  expect(await read(id)).toMatchObject({
    state: 'broken',
    health: { lastFailure: { code: 'connector_reconnect_needed' } },
  })
  vendor.refusesEveryToken = false
  expect(await run()).toMatchObject({ ok: true })
  expect((await read(id)).state).toBe('active')
})

test('disconnecting revokes at the vendor, forgets the secrets, and keeps or erases what was read', async () => {
  const mirrored = async () =>
    Number(
      (await foyer.pool.query(`select count(*) from people_mirror where connector = 'sample'`)).rows[0].count,
    )
  for (const mirror of ['keep', 'erase'] as const) {
    const { id } = await connected()
    await foyer.pool.query(
      `insert into people_mirror (connector, external_id, email, read_at)
       values ('sample', $1, 'sofia@northwind.test', $2)`,
      [randomUUID(), foyer.clock.now()],
    )
    vendor.calls.splice(0)
    const gone = await admin.http.post<{ revoked: boolean; connection: Connection }>(
      `/connections/${id}/disconnect`,
      { mirror },
    )
    expect(gone).toMatchObject({
      revoked: true,
      connection: { state: 'disconnected', hasClientSecret: false },
    })
    expect(vendor.calls).toContain('POST /revoke')
    expect(await findConnection(foyer.app.services.db, id)).toMatchObject({ writingOn: false })
    const { rows } = await foyer.pool.query(
      'select access_token, refresh_token, client_secret from connection_secrets where connection_id = $1',
      [id],
    )
    expect(rows).toEqual([{ access_token: null, refresh_token: null, client_secret: null }])
    if (mirror === 'keep') expect(await mirrored()).toBe(1)
    else await waitFor('what was read is gone', async () => (await mirrored()) === 0)
    await expect(admin.http.post(`/connections/${id}/pause`)).rejects.toMatchObject({ status: 404 })
  }
  expect(await admin.http.get('/connections')).toEqual({ connections: [] })
})

test('a vendor that cannot be reached holds nobody back from disconnecting', async () => {
  const { id } = await connected()
  await foyer.pool.query(`update connections set settings = '{"region":"eu"}'`)
  const elsewhere = foyer.app.services.config.standIns
  const before = elsewhere.sample ?? ''
  elsewhere.sample = 'http://127.0.0.1:9'
  const { revoked, connection } = await admin.http.post<{ revoked: boolean; connection: Connection }>(
    `/connections/${id}/disconnect`,
    { mirror: 'keep' },
  )
  elsewhere.sample = before
  expect(revoked).toBe(false)
  expect(connection.stateText).toContain('take the app’s access back there')
})

test('who did what is in the audit log', async () => {
  const { id, version } = await connected()
  await admin.http.patch(`/connections/${id}`, { version, precedence: 3 })
  await admin.http.post(`/connections/${id}/pause`)
  await admin.http.post(`/connections/${id}/disconnect`, { mirror: 'keep' })
  const { entries } = await admin.http.get<{ entries: object[] }>('/audit-log')
  expect(entries.slice(0, 5)).toMatchObject([
    { actor: 'Ada Admin', action: 'connection.disconnected', object: 'sample', detail: { mirror: 'keep' } },
    { action: 'connection.paused' },
    { action: 'connection.changed', detail: { changed: ['precedence'] } },
    { action: 'connection.connected', detail: { account: 'Sample & Sons' } },
    { action: 'connection.created' },
  ])
})

test('agents neither see nor touch connections', async () => {
  const { id } = await create()
  const agent = await foyer.agent({ online: false })
  for (const path of ['/connections', '/connectors', `/connections/${id}`])
    await expect(agent.http.get(path)).rejects.toMatchObject({ status: 403 })
  await expect(agent.http.post(`/connections/${id}/disconnect`, { mirror: 'erase' })).rejects.toMatchObject({
    status: 403,
  })
})
