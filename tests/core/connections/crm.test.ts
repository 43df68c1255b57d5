import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { z } from 'zod'
import type { VendorUnderTest } from '#connectors/sdk/conformance/vendor.ts'
import type { ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import * as sdk from '#connectors/sdk/index.ts'
import type {
  AuthorizeAnswer,
  Connection,
  ConnectionDescription,
  ConnectionUsers,
  ConnectorList,
  WritePreview,
} from '#core/contracts/connections.ts'
import { openConnection } from '#core/features/connections/open.ts'
import { startTinyCrm } from '#tests/connectors/example/tiny-crm.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

/** The example of connectors/README.md, connected to a whole Foyer. */
async function connectTiny(options: { workers: boolean }) {
  const vendor = await startTinyCrm()
  const example: string = '../../connectors/example/foyer-connector-tiny/index.js'
  const { default: make } = (await import(example)) as { default(kit: typeof sdk): ConnectorDeclaration }
  const foyer = await startFoyer({
    ...options,
    connectors: [make(sdk)],
    config: { standIns: { tiny: vendor.origin } },
  })
  foyer.app.services.config.publicUrl = foyer.origin
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const { client } = vendor
  const { id } = await admin.http.post<Connection>('/connections', {
    connector: 'tiny',
    clientId: client.id,
    clientSecret: client.secret,
  })
  const { url } = await admin.http.post<z.output<typeof AuthorizeAnswer>>(`/connections/${id}/authorize`)
  const back = await vendor.agree(url)
  await fetch(back, { redirect: 'manual', headers: { cookie: admin.http.cookie ?? '', connection: 'close' } })
  const close = async () => {
    await foyer.close()
    await vendor.close()
  }
  return { vendor, foyer, admin, id, close }
}

let foyer: TestFoyer
let vendor: VendorUnderTest
let admin: AgentActor
let id = ''
let close: () => Promise<void>

beforeAll(async () => {
  ;({ vendor, foyer, admin, id, close } = await connectTiny({ workers: true }))
})
afterAll(() => close())

const read = () => admin.http.get<Connection>(`/connections/${id}`)

test('a connected CRM begins with its own mapping, and shows no address that nobody answers at', async () => {
  expect(await read()).toMatchObject({
    state: 'active',
    mapping: { Person: { jobTitle: 'title' } },
    writingOn: false,
  })
  const { connectors } = await admin.http.get<ConnectorList>('/connectors')
  expect(connectors[0]).toMatchObject({ webhookUrl: null, crm: { personTypes: [{ type: 'Person' }] } })
})

test('fields are mapped only to what the connection may see', async () => {
  await expect(admin.http.get(`/connections/${id}/description`)).rejects.toMatchObject({ status: 404 })
  const described = await admin.http.post<ConnectionDescription>(`/connections/${id}/description`)
  expect(described.types).toMatchObject([{ type: 'Person', mayCreate: true }])
  expect(await admin.http.get(`/connections/${id}/description`)).toEqual(described)
  const { version } = await read()
  const patch = (phone: string) =>
    admin.http.patch<Connection>(`/connections/${id}`, {
      version,
      mapping: { Person: { email: 'email', phone } },
    })
  await expect(patch('no_such_field')).rejects.toMatchObject({
    status: 422,
    problem: { errors: [{ field: 'mapping.Person.phone' }] },
  })
  expect((await patch('company')).mapping).toEqual({ Person: { email: 'email', phone: 'company' } })
})

test('a new person can belong to whom the CRM has, and not to whom it has not any more', async () => {
  await waitFor('its users were read', async () => {
    const { users } = await admin.http.get<ConnectionUsers>(`/connections/${id}/users`)
    return users.length > 0 && users.every(({ id, isQueue }) => id !== '' && !isQueue)
  })
  const agent = await foyer.agent({ online: false })
  await expect(agent.http.get(`/connections/${id}/users`)).rejects.toMatchObject({ status: 403 })
  for (const wrong of ['nonsense', '00000000-0000-4000-8000-000000000000'])
    await expect(admin.http.get(`/connections/${wrong}/users`)).rejects.toThrow()
})

test('writing is off until somebody has seen what would be written, and seeing writes nothing', async () => {
  const { version } = await read()
  const turnOn = () => admin.http.patch<Connection>(`/connections/${id}`, { version, writingOn: true })
  await expect(turnOn()).rejects.toMatchObject({ code: 'preview_needed' })
  // the feed reads whenever it is due; what is written would be a person
  const sample = await admin.http.post<WritePreview>(`/connections/${id}/preview`)
  expect(sample.isSample).toBe(true)
  expect(sample.writes.map(({ kind }) => kind)).toEqual([
    'create_person',
    'update_person',
    'log_conversation',
    'log_meeting',
  ])
  expect(sample.writes[0]?.values).toContainEqual({ field: 'email', value: 'ada@example.com' })
  expect(vendor.countByEmail('ada@example.com')).toBe(0)
  expect(await turnOn()).toMatchObject({ writingOn: true })
})

test('the preview shows the newest finished chat, by the rules as they are', async () => {
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({
    fields: { email: 'sofia.ricci@northwind.test', name: 'Sofia Ricci' },
  })
  const chat = await visitor.asks('Do you deliver to Milan?')
  await agent.accepts(chat.id)
  await agent.ends(chat.id)
  const { version } = await read()
  await admin.http.patch(`/connections/${id}`, {
    version,
    writeBack: { create: { fixed: { status: 'New' } }, fillEmpty: false },
  })
  const { isSample, writes } = await admin.http.post<WritePreview>(`/connections/${id}/preview`)
  expect(isSample).toBe(false)
  expect(writes.map(({ kind }) => kind)).toEqual(['create_person', 'log_conversation', 'log_meeting'])
  expect(writes[0]?.values).toContainEqual({ field: 'status', value: 'New' })
  expect(writes[0]?.values).toContainEqual({ field: 'email', value: 'sofia.ricci@northwind.test' })
  expect(JSON.stringify(writes[1])).toContain('Do you deliver to Milan?')
})

test('what the vendor refuses is in the connection’s health, and a limit makes it rest', async () => {
  // without workers, so that nobody else meets what the vendor refuses next
  const { vendor, foyer, admin, id, close } = await connectTiny({ workers: false })
  onTestFinished(close)
  const read = () => admin.http.get<Connection>(`/connections/${id}`)
  const { services } = foyer.app
  const find = async () => {
    const open = await openConnection(services, id, {
      signal: new AbortController().signal,
      priority: 'live',
    })
    if (!open.crm) throw new Error('no CRM')
    return open.connector.crm?.findPerson(open.crm, 'nobody@northwind.test')
  }
  vendor.fail('read', 'down')
  await expect(find()).rejects.toMatchObject({ code: 'connector_unavailable' })
  expect((await read()).health).toMatchObject({
    failuresInARow: 1,
    lastFailure: { code: 'connector_unavailable' },
  })
  vendor.fail('read', 'limited')
  await expect(find()).rejects.toMatchObject({ code: 'connector_rate_limited' })
  const resting = await read()
  expect(resting).toMatchObject({
    stateText: 'Tiny CRM asks for a pause.',
    health: { resting: { because: 'Tiny CRM asks for a pause.' } },
  })
  const calls = vendor.calls()
  await expect(find()).rejects.toMatchObject({ code: 'connector_rate_limited', policy: 'resting' })
  expect(vendor.calls()).toBe(calls)
  foyer.clock.advance(2_000)
  expect(await find()).toBeNull()
  expect((await read()).health).toMatchObject({ failuresInARow: 0, resting: null })
})
