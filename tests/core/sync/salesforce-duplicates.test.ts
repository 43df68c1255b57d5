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
