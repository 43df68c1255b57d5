import { afterEach, beforeAll, beforeEach, expect, test as testOnBoth } from 'vitest'
import type { StoredRecord } from '#connectors/hubspot/stand-in/store.ts'
import type { ConnectorList } from '#core/contracts/connections.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { Vendors } from '#tests/support/crm-vendors.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { describeOnBothBackends, untilAlive } from './both-backends.ts'

// nothing polls here: whatever the mirror knows, an event told
describeOnBothBackends('what HubSpot tells by itself', {}, (at, test) => {
  let foyer: TestFoyer
  let vendors: Vendors
  let url = ''
  let people = 0
  let email = ''
  const online: AgentActor[] = []

  beforeAll(async () => {
    ;({ foyer, vendors } = at)
    url = `${foyer.origin}/api/v1/webhooks/hubspot`
    await vendors.connectHubSpot(foyer.app.services, { polls: false })
  })
  async function anAgent() {
    await untilAlive(foyer)
    const agent = await foyer.agent()
    online.push(agent)
    return agent
  }
  const isErased = async (visitorId: string) => {
    const { rows } = await foyer.pool.query('select name, email from visitors where id = $1', [visitorId])
    return rows[0]?.name === null && rows[0]?.email === null
  }
  // or the next test's chat is put to this one's agent
  afterEach(() => Promise.all(online.splice(0).map((agent) => agent.leaves())))

  beforeEach(() => {
    vendors.hubspot.webhooks.take(url)
    email = `person${++people}@contoso.test`
  })

  const contact = (properties: Record<string, string> = {}) =>
    vendors.hubspot.store.create('contacts', { email, firstname: 'Tom', lastname: 'Becker', ...properties })
  const tells = async (options = {}) => {
    const statuses = await vendors.hubspot.webhooks.send(url, options)
    expect(statuses.length).toBeGreaterThan(0)
    for (const status of statuses) expect(status).toBe(204)
    await waitFor('what was told is looked at', async () => {
      const { rows } = await foyer.pool.query(
        `select from outbox where task in ('apply-webhook-event', 'erase-person') and state = 'open'`,
      )
      return rows.length === 0
    })
  }
  const mirrored = async (...records: StoredRecord[]) => {
    const { rows } = await foyer.pool.query(
      `select external_id as id, fields -> 'name' ->> 'value' as name, fields -> 'jobTitle' ->> 'value' as title, emails
       from people_mirror where external_id = any ($1) order by 1`,
      [records.map(({ id }) => id)],
    )
    return rows
  }

  test('the page for HubSpot shows where it is to tell of changes; Salesforce tells nothing by itself', async () => {
    const admin = await foyer.agent({ profile: 'admin', online: false })
    const { connectors } = await admin.http.get<ConnectorList>('/connectors')
    const of = (id: string) => connectors.find((one) => one.id === id)
    expect(of('hubspot')?.webhookUrl).toMatch(/\/api\/v1\/webhooks\/hubspot$/)
    expect(of('hubspot')?.steps.join()).toContain(of('hubspot')?.webhookUrl)
    expect(of('salesforce')?.webhookUrl).toBeNull()
  })

  testOnBoth(
    'a new contact, a change and a deletion are heard of at once, whatever order they come in and however often',
    async () => {
      const { store } = vendors.hubspot
      const stays = contact()
      store.update(stays, { jobtitle: 'CTO' })
      const goes = contact({ email: `other-${email}` })
      store.archive(goes)
      await tells({ reversed: true, twice: true })
      expect(await mirrored(stays, goes)).toMatchObject([{ id: stays.id, name: 'Tom Becker', title: 'CTO' }])
      store.update(stays, { jobtitle: 'CEO' })
      await tells()
      expect(await mirrored(stays)).toMatchObject([{ title: 'CEO' }])
      store.archive(stays)
      await tells({ twice: true })
      expect(await mirrored(stays)).toEqual([])
      const { rows } = await foyer.pool.query(`select from outbox where state = 'dead'`)
      expect(rows).toEqual([])
    },
  )

  test('the same request again is nothing new', async () => {
    const record = contact()
    const [request] = vendors.hubspot.webhooks.take(url)
    const jobs = async () =>
      (await foyer.pool.query(`select from outbox where task = 'apply-webhook-event'`)).rowCount
    const before = (await jobs()) ?? 0
    for (let again = 0; again < 3; again++) {
      const { status } = await fetch(url, { method: 'POST', headers: request?.headers, body: request?.body })
      expect(status).toBe(204)
    }
    expect(await jobs()).toBe(before + 1)
    await waitFor('it is there', async () => (await mirrored(record)).length === 1)
  })

  for (const newId of [false, true])
    test(`two that are merged are one (under a new id: ${newId})`, async () => {
      const { store } = vendors.hubspot
      const [first, second] = [contact(), contact({ email: `other-${email}` })]
      await tells()
      expect(await mirrored(first, second)).toHaveLength(2)
      const winner = store.merge(first, second, { newId })
      await tells({ twice: true })
      expect(await mirrored(first, second, winner)).toMatchObject([
        { id: winner.id, emails: expect.arrayContaining([email, `other-${email}`]) },
      ])
      // what was told of the loser before comes late
      vendors.hubspot.webhooks.take(url)
      store.update(winner, { jobtitle: 'CTO' })
      await tells()
      expect(await mirrored(first, second, winner)).toMatchObject([{ id: winner.id, title: 'CTO' }])
    })

  test('whoever HubSpot erases is erased here, though it tells of the deletion first or last', async () => {
    const record = contact()
    await tells()
    const agent = await anAgent()
    const visitor = await foyer.visitor({ fields: { email, name: 'Tom Typed' } })
    const { id } = await visitor.asks('canary-message')
    await agent.accepts(id)
    await agent.ends(id)
    vendors.hubspot.store.erase(record)
    await tells({ reversed: people % 2 === 0, twice: true })
    expect(await mirrored(record)).toEqual([])
    await waitFor('it is erased', () => isErased(visitor.id))
    await expect(agent.http.get(`/conversations/${id}`)).rejects.toThrow()
  })

  for (const { until, lagMs, passMs } of [
    { until: 'it shows them no more', lagMs: 30_000, passMs: 60_000 },
    { until: 'a day has passed', lagMs: 10 * 86_400_000, passMs: 86_400_000 },
  ])
    test(`whoever HubSpot erases is erased here, though it goes on showing them for a while: when ${until}`, async () => {
      const { store } = vendors.hubspot
      const record = contact()
      await tells()
      const agent = await anAgent()
      const visitor = await foyer.visitor({ fields: { email, name: 'Tom Typed' } })
      const { id } = await visitor.asks('canary-message')
      await agent.accepts(id)
      await agent.ends(id)
      const before = vendors.hubspot.requests.length
      store.setErasureLag(lagMs)
      store.erase(record)
      expect(await vendors.hubspot.webhooks.send(url)).toEqual([204])
      await waitFor('both events were looked at, and they are there', () => {
        const looks = vendors.hubspot.requests
          .slice(before)
          .filter(({ path }) => path.endsWith(`/${record.id}`))
        return looks.length >= 2 && looks.every(({ status }) => status === 200)
      })
      await waitFor('it is put off', async () => {
        const { rows } = await foyer.pool.query(
          `select from outbox where task = 'apply-webhook-event' and state = 'open' and run_at > $1`,
          [foyer.clock.now()],
        )
        return rows.length === 1
      })
      expect(await isErased(visitor.id)).toBe(false)
      foyer.advance(passMs)
      await waitFor('it is erased', () => isErased(visitor.id))
      expect(await mirrored(record)).toEqual([])
      store.setErasureLag(0)
    })

  test('an open panel follows', async () => {
    const record = contact({ jobtitle: 'CTO' })
    const agent = await anAgent()
    const visitor = await foyer.visitor({ fields: { email } })
    const { id } = await visitor.asks()
    await agent.accepts(id)
    await agent.socket.frame('visitor', ({ visitor }) => visitor.jobTitle === 'CTO')
    vendors.hubspot.store.update(record, { jobtitle: 'Chair' })
    await tells()
    await agent.socket.frame('visitor', ({ visitor }) => visitor.jobTitle === 'Chair')
    await agent.ends(id)
  })

  testOnBoth('what HubSpot fails to answer is looked at again', async () => {
    const record = contact()
    vendors.hubspot.faults.plan('POST /crm/v3/objects/contacts/batch/read', { kind: 'status', status: 503 })
    vendors.hubspot.faults.plan('GET /crm/v3/objects/contacts', { kind: 'status', status: 503 })
    await tells()
    expect(await mirrored(record)).toHaveLength(1)
    vendors.hubspot.faults.clear()
  })

  test('what is forged, old, meant for another address or too large is refused, and keeps nothing', async () => {
    contact()
    const [request] = vendors.hubspot.webhooks.take(url)
    if (!request) throw new Error('Nothing was told')
    const { rowCount: before } = await foyer.pool.query('select from webhook_events')
    const refused = async (to: string, headers: Record<string, string>, body: string) => {
      const answer = await fetch(to, { method: 'POST', headers, body })
      return [answer.status, ((await answer.json()) as { code: string }).code]
    }
    const { headers, body } = request
    const forged = { ...headers, 'x-hubspot-signature-v3': Buffer.alloc(32, 7).toString('base64') }
    const refusal = [401, 'webhook_refused']
    expect(await refused(url, forged, body)).toEqual(refusal)
    expect(await refused(url, { 'content-type': 'application/json' }, body)).toEqual(refusal)
    expect(await refused(url, headers, `${body} `)).toEqual(refusal)
    expect(await refused(`${url}?x=1`, headers, body)).toEqual(refusal)
    // what the form of another page could send
    expect(await refused(url, { ...headers, 'content-type': 'text/plain' }, `${body} `)).toEqual(refusal)
    const late = vendors.hubspot.webhooks.sign(url, JSON.parse(body))
    foyer.clock.advance(301_000)
    expect(await refused(url, late.headers, late.body)).toEqual(refusal)
    expect(await refused(url, headers, 'x'.repeat(1024 * 1024 + 1))).toEqual([413, 'too_large'])
    expect(await refused(url.replace('hubspot', 'salesforce'), headers, body)).toEqual([404, 'not_found'])
    expect(await refused(url.replace('hubspot', 'nobody'), headers, body)).toEqual([404, 'not_found'])
    expect((await foyer.pool.query('select from webhook_events')).rowCount).toBe(before)
  })

  test('what is signed and about another account, or about nothing that Foyer knows, is taken and does nothing', async () => {
    contact()
    const [request] = vendors.hubspot.webhooks.take(url)
    const events = JSON.parse(request?.body ?? '[]')
    const { rowCount: before } = await foyer.pool.query('select from webhook_events')
    for (const changed of [
      events.map((event: object) => ({ ...event, portalId: 1 })),
      events.map((event: object) => ({ ...event, subscriptionType: 'deal.creation' })),
      [{ nonsense: true }],
    ]) {
      const { headers, body } = vendors.hubspot.webhooks.sign(url, changed)
      expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(204)
    }
    expect((await foyer.pool.query('select from webhook_events')).rowCount).toBe(before)
  })
})
