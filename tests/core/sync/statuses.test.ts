import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Connection, WritePreview } from '#core/contracts/connections.ts'
import type { Offer } from '#core/contracts/conversations.ts'
import type { Visitor } from '#core/contracts/visitors.ts'
import { gatherFacts } from '#core/features/routing-rules/facts.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startVendors, type Vendors } from '#tests/support/crm-vendors.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

let foyer: TestFoyer
let vendors: Vendors
let agent: AgentActor
let admin: AgentActor
const ids = { hubspot: '', salesforce: '' }

beforeAll(async () => {
  vendors = await startVendors()
  const { connectors, standIns } = vendors
  foyer = await startFoyer({ connectors, config: { standIns } })
  vendors.clock.now = () => foyer.clock.now()
  agent = await foyer.agent({ name: 'Dana Weiss' })
  admin = await foyer.agent({ profile: 'admin', online: false })
  ids.salesforce = await vendors.connectSalesforce(foyer.app.services, { writes: true })
  ids.hubspot = await vendors.connectHubSpot(foyer.app.services, { writes: true })
})
afterAll(async () => {
  await foyer?.close()
  await vendors?.stop()
})

const read = (id: string) => admin.http.get<Connection>(`/connections/${id}`)
const patch = async (id: string, change: object) => {
  const { version } = await read(id)
  return admin.http.patch<Connection>(`/connections/${id}`, { version, ...change })
}
const panel = (id: string) => agent.http.get<Visitor>(`/visitors/${id}`)
async function chats(email: string) {
  const visitor = await foyer.visitor({ fields: { email, name: 'Sofia Ricci' } })
  const { id } = await visitor.asks()
  await waitFor('both were asked', async () => {
    const { rows } = await foyer.pool.query(
      'select from person_lookups where email = $1 and answered_at is not null',
      [email],
    )
    return rows.length === 2
  })
  return { visitor, id }
}

test('a status is called in Foyer as an admin says, in offer, panel and rules; another one as the CRM says', async () => {
  const { version } = await read(ids.salesforce)
  for (const wrong of [{ 'Working - Contacted': '' }, { 'Working - Contacted': 'x'.repeat(101) }])
    await expect(
      admin.http.patch(`/connections/${ids.salesforce}`, { version, statusNames: wrong }),
    ).rejects.toMatchObject({ status: 422 })
  await expect(
    agent.http.patch(`/connections/${ids.salesforce}`, { version, statusNames: {} }),
  ).rejects.toMatchObject({ status: 403 })

  const email = 'named@northwind.test'
  const lead = vendors.salesforce.org.insert('Lead', {
    LastName: 'Ricci',
    Email: email,
    Company: 'Northwind',
    Status: 'Working - Contacted',
  })
  const { visitor, id } = await chats(email)
  expect((await panel(visitor.id)).crmStatus).toBe('Working - Contacted')
  const named = await patch(ids.salesforce, { statusNames: { 'Working - Contacted': 'In progress' } })
  expect(named.statusNames).toEqual({ 'Working - Contacted': 'In progress' })
  expect(await panel(visitor.id)).toMatchObject({
    crmStatus: 'In progress',
    sources: { crmStatus: { source: 'salesforce' } },
  })
  const { offers } = await agent.http.get<{ offers: Offer[] }>('/offers')
  expect(offers.find((offer) => offer.conversationId === id)?.visitor.crmStatus).toBe('In progress')
  const facts = await gatherFacts(foyer.app.services.db, foyer.clock.now(), {
    id,
    visitorId: visitor.id,
    siteId: foyer.site.id,
    page: null,
  })
  expect(facts['crm.status']).toBe('In progress')

  // one that nobody named, such as one that the CRM has only now
  vendors.salesforce.org.update(lead.Id, { Status: 'Open - Not Contacted' })
  await agent.http.post(`/visitors/${visitor.id}/refresh`)
  await waitFor('the other status is there', async () => {
    return (await panel(visitor.id)).crmStatus === 'Open - Not Contacted'
  })
  await agent.accepts(id)
  await agent.ends(id)
})

test('the status of whom Foyer makes is chosen by its name in Foyer, and written as the CRM calls it', async () => {
  await patch(ids.salesforce, { statusNames: { 'Working - Contacted': 'In progress' } })
  await patch(ids.hubspot, { statusNames: { Opportunity: 'In progress' } })
  for (const [id, create] of [
    [ids.salesforce, { type: 'Lead', status: 'In progress' }],
    [ids.hubspot, { status: 'In progress' }],
  ] as const)
    await patch(id, { writeBack: { create } })
  const preview = await admin.http.post<WritePreview>(`/connections/${ids.salesforce}/preview`)
  expect(preview.writes.find(({ kind }) => kind === 'create_person')?.values).toContainEqual({
    field: 'Status',
    value: 'Working - Contacted',
  })
  const email = 'new@northwind.test'
  const { id, visitor } = await chats(email)
  await agent.accepts(id)
  const made = () =>
    [...vendors.salesforce.org.rows('Lead').values()].filter((row) => row.Email === email && !row.IsDeleted)
  await waitFor(
    'both have them',
    async () => made().length === 1 && !!vendors.hubspot.store.findByEmail(email),
  )
  expect(made()[0]?.Status).toBe('Working - Contacted')
  expect(vendors.hubspot.store.findByEmail(email)?.properties.lifecyclestage).toBe('opportunity')
  await waitFor('the panel has it', async () => (await panel(visitor.id)).crmStatus === 'In progress')
})
