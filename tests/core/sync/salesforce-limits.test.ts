import { afterEach, beforeAll, beforeEach, expect, test as testOnBoth } from 'vitest'
import type { Connection } from '#core/contracts/connections.ts'
import type { Visitor } from '#core/contracts/visitors.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { Vendors } from '#tests/support/crm-vendors.ts'
import { empty } from '#tests/support/empty.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { describeOnBothBackends, untilAlive } from './both-backends.ts'
import { untilPolled } from './polled.ts'

/**
 * Jobs wait by the machine's clock, and these tests move Foyer's. A wait of more than a minute stays in the outbox, by Foyer's
 * clock alone; a shorter one is with the queue by then, which the relay hurries half a minute after the job was due by
 * Foyer's clock.
 */
const hurriedAfterMs = 31_000
const minute = 60_000
const dayMs = 24 * 60 * minute

describeOnBothBackends('what Salesforce allows', { salesforce: { dailyLimit: 1_000 } }, (at, test) => {
  let foyer: TestFoyer
  let vendors: Vendors
  let admin: AgentActor
  let agent: AgentActor
  let connection = ''
  let lead = ''
  let people = 0
  let email = ''

  beforeAll(async () => {
    ;({ foyer, vendors } = at)
    admin = await foyer.agent({ profile: 'admin', online: false })
  })
  beforeEach(async () => {
    await empty(foyer.pool, 'connections, people_mirror, mirror_gone, crm_users')
    email = `person${++people}@northwind.test`
    lead = vendors.salesforce.org.insert('Lead', {
      FirstName: 'Sofia',
      LastName: 'Ricci',
      Email: email,
      Company: 'Northwind',
      Title: 'Buyer',
    }).Id
    connection = await vendors.connectSalesforce(foyer.app.services, { writes: true })
    await untilPolled(foyer, 'everybody is read', async () => {
      const { rows } = await foyer.pool.query(`select from connection_sync where import_state = 'done'`)
      return rows.length === 1
    })
    await untilAlive(foyer)
    agent = await foyer.agent()
  })
  afterEach(async () => {
    vendors.salesforce.recovers()
    vendors.salesforce.othersLongCalls = 0
    await agent.leaves()
  })

  const seen = () => admin.http.get<Connection>(`/connections/${connection}`)
  const refused = () => vendors.salesforce.log.filter(({ status }) => status === 403).length
  /** The log of each chat of this test's visitors. */
  const logged = () => [...vendors.salesforce.org.rows('Task').values()].filter(({ WhoId }) => WhoId === lead)
  const leads = () => [...vendors.salesforce.org.rows('Lead').values()].filter(({ Email }) => Email === email)

  /** Others use the day up to this share of it, by calls that are out of the last 24 hours when so much time has passed. */
  function othersUse(share: number, { goneInMs }: { goneInMs: number }): void {
    const { salesforce } = vendors
    const at = new Date(foyer.clock.now().getTime() - dayMs + goneInMs)
    salesforce.use(Math.round(salesforce.dailyLimit * share) - salesforce.used, at)
  }
  async function chats() {
    const visitor = await foyer.visitor({ fields: { email } })
    const { id } = await visitor.asks('Do you deliver?')
    await agent.accepts(id)
    await agent.says(id, 'We do.')
    return {
      id,
      panel: () => agent.http.get<Visitor>(`/visitors/${visitor.id}`),
      refresh: () => agent.http.post(`/visitors/${visitor.id}/refresh`),
    }
  }
  const writes = async () => {
    const { rows } = await foyer.pool.query<{ state: string; held: boolean; waitsUntil: Date | null }>(
      `select w.state, w.held, (
         select run_at from outbox o where o.task = 'write-to-crm' and o.state = 'open' and o.payload ->> 'writeId' = w.id::text
           and o.claimed_until is null) as "waitsUntil"
       from crm_writes w where w.connection_id = $1`,
      [connection],
    )
    return rows
  }
  const areWritten = async (count: number) => {
    const all = await writes()
    return all.length === count && all.every(({ state }) => state === 'written')
  }
  /** What is written of one person waits behind the first of it. */
  const isWaiting = async (ms: number) => {
    const from = new Date(foyer.clock.now().getTime() + ms)
    return (await writes()).some(({ waitsUntil }) => waitsUntil !== null && waitsUntil > from)
  }
  const rests = (after: Date) =>
    waitFor('the connection rests, and what is to be written waits', async () => {
      const view = await seen()
      const until = view.health.resting && new Date(view.health.resting.until)
      return until && until > after && (await isWaiting(0)) && { view, until }
    })
  /** Ten minutes are the longest that anything waits without asking. */
  const untilWritten = (count: number) =>
    waitFor(
      'all is written',
      async () => {
        foyer.advance(10 * minute + 1_000)
        return areWritten(count)
      },
      { everyMs: 1_500 },
    )

  test('a day that others have used up pauses the connection, chats go on, and what they missed is written by itself once a call is free', async () => {
    const first = await chats()
    await waitFor('who it is was looked at', async () => areWritten(1))
    const before = foyer.clock.now()
    // looked for after a quarter of an hour in vain, after half an hour not
    othersUse(1, { goneInMs: 20 * minute })
    await agent.ends(first.id)

    const { until } = await rests(before)
    await waitFor('an admin sees how much is used', async () => {
      expect(await seen()).toMatchObject({
        state: 'active',
        stateText: expect.stringContaining('those of the last 24 hours are used up'),
        health: { resting: { because: expect.stringContaining('System Overview') } },
        limits: [{ name: 'daily', used: 1_000, max: 1_000, reserved: 100 }],
        backlog: { failed: 0 },
      })
      return true
    })
    const restMs = until.getTime() - before.getTime()
    expect(restMs).toBeGreaterThan(14.9 * minute)
    expect(restMs).toBeLessThan(16 * minute)

    // nobody waits for it: the mirror has who it is, and the panel says why there is nothing newer
    const asked = vendors.salesforce.log.length
    const second = await chats()
    await second.refresh()
    await waitFor('the panel says so', async () => {
      const { name, jobTitle, crms } = await second.panel()
      return name === 'Sofia Ricci' && jobTitle === 'Buyer' && crms[0]?.problem?.includes('used up')
    })
    await agent.ends(second.id)
    expect(vendors.salesforce.log.length).toBe(asked)

    foyer.advance(15 * minute)
    await rests(until)
    expect(logged()).toEqual([])
    const inVain = refused()

    foyer.advance(5 * minute)
    await untilWritten(4)
    expect(logged()).toHaveLength(2)
    expect(leads()).toHaveLength(1)
    expect(refused()).toBe(inVain)
    expect(await seen()).toMatchObject({
      stateText: 'Connected.',
      health: { resting: null },
      backlog: { waiting: 0, failed: 0 },
    })
  })

  test('with only the reserve left, chats are looked up and background work waits, so that Salesforce refuses nothing', async () => {
    const before = refused()
    othersUse(0.95, { goneInMs: 25 * minute })
    await untilPolled(foyer, 'Salesforce has said so', async () => {
      const { rows } = await foyer.pool.query('select from connection_limits where others > 800')
      return rows.length === 1
    })
    const { id, panel, refresh } = await chats()
    await refresh()
    await waitFor('the panel is fresh', async () => {
      const [crm] = (await panel()).crms
      return crm?.readAt && !crm.refreshing && crm.problem === null
    })
    await agent.ends(id)
    await waitFor('writing waits', async () => (await writes()).length === 2 && isWaiting(5 * minute))
    expect((await seen()).limits).toMatchObject([{ name: 'daily', max: 1_000, reserved: 100 }])

    // one call in ten minutes is enough to hear whether others go on
    const { used } = vendors.salesforce
    foyer.advance(10 * minute + 1_000)
    await waitFor('it asked', () => vendors.salesforce.used > used)
    await waitFor('writing waits again', () => isWaiting(0))
    expect(vendors.salesforce.used - used).toBeLessThanOrEqual(2)
    expect(logged()).toEqual([])

    await untilWritten(2)
    expect(logged()).toHaveLength(1)
    expect(refused()).toBe(before)
  })

  testOnBoth(
    'where too many long calls run at once the connection rests half a minute, and goes on with what it was about to write',
    async () => {
      const { id } = await chats()
      await waitFor('who it is was looked at', async () => areWritten(1))
      const before = foyer.clock.now()
      vendors.salesforce.othersLongCalls = 25
      await agent.ends(id)
      const { view, until } = await rests(before)
      expect(view.stateText).toContain('Too many long requests')
      expect(until.getTime() - before.getTime()).toBeLessThan(40_000)
      vendors.salesforce.othersLongCalls = 0
      foyer.advance(until.getTime() - foyer.clock.now().getTime() + hurriedAfterMs)
      await waitFor('all is written', () => areWritten(2))
      expect(logged()).toHaveLength(1)
      expect((await seen()).health.resting).toBeNull()
    },
  )
})
