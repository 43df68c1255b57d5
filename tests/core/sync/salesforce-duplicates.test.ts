import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startVendors, type Vendors } from '#tests/support/crm-vendors.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

/** Salesforce's duplicate rules compare names, too: they take a visitor for a contact whom no look by address has found. */

let foyer: TestFoyer
let vendors: Vendors
let agent: AgentActor

beforeAll(async () => {
  vendors = await startVendors()
  const { connectors, standIns } = vendors
  foyer = await startFoyer({ connectors, config: { standIns } })
  vendors.clock.now = () => foyer.clock.now()
  agent = await foyer.agent()
  await vendors.connectSalesforce(foyer.app.services, { writes: true })
  vendors.salesforce.org.duplicateRule = 'block'
})
afterAll(async () => {
  await foyer?.close()
  await vendors?.stop()
})

async function chats() {
  const visitor = await foyer.visitor({
    fields: { name: 'Sofia Ricci', email: 'sofia@new.test', company: 'Northwind' },
  })
  const { id } = await visitor.asks('Do you deliver?')
  await agent.accepts(id)
  await agent.ends(id)
  return waitFor('both writes have come to an end', async () => {
    const { rows } = await foyer.pool.query<{ kind: string; state: string; reason: string | null }>(
      'select kind, state, reason from crm_writes where visitor_id = $1 order by kind',
      [visitor.id],
    )
    return rows.length === 2 && rows.every(({ state }) => state !== 'open') && rows
  })
}

test('the chat goes to the contact that the rule names, though leads are made here', async () => {
  const { Id } = vendors.salesforce.org.insert('Contact', {
    FirstName: 'Sofia',
    LastName: 'Ricci',
    Email: 'sofia@old.test',
  })
  expect(await chats()).toMatchObject([{ state: 'written' }, { state: 'written' }])
  const tasks = [...vendors.salesforce.org.rows('Task').values()]
  expect(tasks.map(({ WhoId }) => WhoId)).toEqual([Id])
  expect(vendors.salesforce.org.rows('Lead').size).toBe(0)
})

test('where the rule names somebody whom Foyer may not see, both writes say so, and a retry goes to whoever is shared', async () => {
  const { org } = vendors.salesforce
  for (const row of org.rows('Contact').values()) org.delete(row.Id)
  const tasksBefore = org.rows('Task').size
  const { Id } = org.insert('Contact', {
    FirstName: 'Sofia',
    LastName: 'Ricci',
    Email: 'sofia@hidden.test',
  })
  org.unshared.add(Id)
  const reason = 'A duplicate rule in Salesforce found that there is such a person.'
  expect(await chats()).toEqual([
    { kind: 'conversation', state: 'failed', reason },
    { kind: 'person', state: 'failed', reason },
  ])
  expect(org.rows('Lead').size).toBe(0)
  expect(org.rows('Task').size).toBe(tasksBefore)
  // an admin shares the contact, and tries again
  org.unshared.delete(Id)
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const { rows } = await foyer.pool.query<{ id: string }>(`select id from crm_writes where state = 'failed'`)
  expect(rows).toHaveLength(2)
  for (const { id } of rows) await admin.http.post(`/crm-writes/${id}/retry`)
  await waitFor('both are written', async () => {
    const { rowCount } = await foyer.pool.query(
      `select from crm_writes where state = 'written' and id = any ($1)`,
      [rows.map(({ id }) => id)],
    )
    return rowCount === 2
  })
  expect([...org.rows('Task').values()].at(-1)?.WhoId).toBe(Id)
})
