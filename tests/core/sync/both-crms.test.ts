import { beforeAll, beforeEach, expect, test as testOnBoth } from 'vitest'
import { hubspot } from '#connectors/hubspot/index.ts'
import type { Visitor } from '#core/contracts/visitors.ts'
import { setState } from '#core/features/connections/repository.ts'
import { setTokens } from '#core/features/connections/secrets.ts'
import { change } from '#core/services.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { Vendors } from '#tests/support/crm-vendors.ts'
import { empty } from '#tests/support/empty.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { startFoyerWorkers } from '#workers/foyer.ts'
import { describeOnBothBackends } from './both-backends.ts'
import { untilPolled } from './polled.ts'

describeOnBothBackends('Salesforce and HubSpot together', {}, (at, test) => {
  let foyer: TestFoyer
  let vendors: Vendors
  let agent: AgentActor
  let people = 0
  let email = ''
  const ids = { hubspot: '', salesforce: '' }

  beforeAll(async () => {
    ;({ foyer, vendors } = at)
    agent = await foyer.agent({ name: 'Dana Weiss', email: 'dana@foyer.test' })
  })
  beforeEach(async () => {
    vendors.hubspot.faults.clear()
    vendors.salesforce.recovers()
    await empty(foyer.pool, 'connections, people_mirror, mirror_gone, crm_users')
    // Salesforce first in precedence
    ids.salesforce = await vendors.connectSalesforce(foyer.app.services, { writes: true })
    ids.hubspot = await vendors.connectHubSpot(foyer.app.services, { writes: true })
    email = `person${++people}@northwind.test`
  })

  const lead = (values: Record<string, string> = {}) =>
    vendors.salesforce.org.insert('Lead', {
      FirstName: 'Sofia',
      LastName: 'Ricci',
      Email: email,
      Company: 'Northwind',
      Status: 'Working - Contacted',
      ...values,
    })
  const contact = (values: Record<string, string> = {}) =>
    vendors.hubspot.store.create('contacts', { email, firstname: 'Sofia', lastname: 'Ricci', ...values })
  const contactsNow = () =>
    vendors.hubspot.store.all('contacts').filter((one) => one.properties.email === email && !one.archivedAt)
  const leadsNow = () =>
    ['Lead', 'Contact']
      .flatMap((type) => [...vendors.salesforce.org.rows(type).values()])
      .filter((row) => row.Email === email && !row.IsDeleted)
  const tasksOf = (id: string) =>
    [...vendors.salesforce.org.rows('Task').values()].filter((row) => row.WhoId === id && !row.IsDeleted)
  const notesOf = (id: string) => {
    const { store } = vendors.hubspot
    return store.associations.of({ type: 'contacts', id }, 'notes').map((one) => store.get('notes', one.id))
  }
  const panel = (id: string) => agent.http.get<Visitor>(`/visitors/${id}`)
  const polled = (what: string, look: () => Promise<boolean>) => untilPolled(foyer, what, look)
  const isImported = () =>
    polled('everybody is read', async () => {
      const { rows } = await foyer.pool.query(`select from connection_sync where import_state = 'done'`)
      return rows.length === 2
    })
  async function chats(fields: Record<string, string> = {}) {
    const visitor = await foyer.visitor({ fields: { email, ...fields } })
    const { id } = await visitor.asks('Do you deliver?')
    await agent.accepts(id)
    await agent.says(id, 'We do.')
    return { visitor, id }
  }
  const writes = async () => {
    const { rows } = await foyer.pool.query(
      `select c.connector || ' ' || w.kind as what, w.state, w.held, w.reason from crm_writes w
       join connections c on c.id = w.connection_id order by 1`,
    )
    return rows as { what: string; state: string; held: boolean; reason: string | null }[]
  }
  const allWritten = (count: number) =>
    waitFor(`${count} writes are done`, async () => {
      const all = await writes()
      return all.length === count && all.every(({ state }) => state === 'written') ? all : undefined
    })

  testOnBoth('who was imported fills the panel from both, and the chat is in both afterwards', async () => {
    const inSalesforce = lead({ Title: 'Head of Purchasing' })
    const inHubSpot = contact({ phone: '+39 02 5550 0142', jobtitle: 'Buyer', lifecyclestage: 'opportunity' })
    await isImported()
    const { visitor, id } = await chats()
    // the mirror had it: nobody was waited for
    expect(await panel(visitor.id)).toMatchObject({
      name: 'Sofia Ricci',
      jobTitle: 'Head of Purchasing',
      phone: '+39 02 5550 0142',
      crmStatus: 'Working - Contacted',
      company: 'Northwind',
      sources: { jobTitle: { source: 'salesforce' }, phone: { source: 'hubspot' } },
    })
    await agent.http.patch(`/visitors/${visitor.id}`, { jobTitle: 'Chief Buyer' })
    await agent.ends(id, 'qualified')
    await allWritten(6)
    expect(vendors.salesforce.org.find(inSalesforce.Id)?.Title).toBe('Chief Buyer')
    expect(inHubSpot.properties.jobtitle).toBe('Chief Buyer')
    // what was empty there and known only to the other one is not carried over
    expect(vendors.salesforce.org.find(inSalesforce.Id)?.Phone ?? null).toBeNull()
    expect(tasksOf(inSalesforce.Id).map(({ Description }) => String(Description))).toEqual([
      expect.stringContaining('We do.'),
    ])
    expect(notesOf(inHubSpot.id).map(({ properties }) => properties.hs_note_body)).toEqual([
      expect.stringContaining('We do.'),
    ])
    // read back, the chat is in the history once
    await polled('both have told of their entries', async () => {
      await agent.http.post(`/visitors/${visitor.id}/refresh`)
      const { rows } = await foyer.pool.query(`select from activities_mirror where foyer_key = $1`, [
        `foyer-chat-${id}`,
      ])
      return rows.length === 2
    })
    const { activities } = await agent.http.get<{ activities: { kind: string }[] }>(
      `/visitors/${visitor.id}/activities`,
    )
    expect(activities.map(({ kind }) => kind).filter((kind) => kind !== 'visit')).toEqual(['chat'])
  })

  test('an open panel follows what is edited in HubSpot: a note, and the name of the company; and what is deleted there, or given to somebody else', async () => {
    const company = vendors.hubspot.store.create('companies', { name: 'Contoso' })
    const inHubSpot = contact()
    vendors.hubspot.store.associate(inHubSpot, company, [1])
    const note = vendors.hubspot.store.create('notes', {
      hs_note_body: 'Wants a quote',
      hs_timestamp: String(foyer.clock.now().getTime()),
    })
    vendors.hubspot.store.associate(note, inHubSpot, [])
    await isImported()
    const { visitor, id } = await chats()
    const history = async () => JSON.stringify(await agent.http.get(`/visitors/${visitor.id}/activities`))
    await waitFor('the note is there', async () => (await history()).includes('Wants a quote'))
    foyer.clock.advance(1_000)
    vendors.hubspot.store.update(note, { hs_note_body: 'Has the quote' })
    vendors.hubspot.store.update(company, { name: 'Contoso AG' })
    await polled('both are as they are there', async () => {
      const { company } = await panel(visitor.id)
      return company === 'Contoso AG' && (await history()).includes('Has the quote')
    })
    vendors.hubspot.store.archive(note)
    await polled('the note is missed', async () => !(await history()).includes('Has the quote'))
    const call = vendors.hubspot.store.create('calls', {
      hs_call_title: 'About prices',
      hs_timestamp: String(foyer.clock.now().getTime()),
    })
    vendors.hubspot.store.associations.add(call, inHubSpot, [])
    await polled('a call is given to them', async () => (await history()).includes('About prices'))
    vendors.hubspot.store.associations.remove(call, inHubSpot)
    await polled('it is given to somebody else', async () => !(await history()).includes('About prices'))
    await agent.ends(id)
  })

  test('when both lose the answers to what Foyer makes there is one of each, though HubSpot’s search lags', async () => {
    vendors.hubspot.store.setIndexLag(600_000)
    for (const made of ['/crm/v3/objects/contacts', '/crm/v3/objects/notes'])
      vendors.hubspot.faults.plan(({ method, path }) => method === 'POST' && path === made, {
        kind: 'lostAnswer',
      })
    for (const on of [/^(POST|PATCH) .*\/sobjects\/(Lead|Contact)/, /^(POST|PATCH) .*\/sobjects\/Task/])
      vendors.salesforce.fails({ on, does: 'commit-and-drop' })
    const { id } = await chats({ name: 'Ada Example', company: 'Example Ltd' })
    await agent.ends(id)
    await allWritten(4)
    vendors.hubspot.store.setIndexLag(0)
    expect(contactsNow()).toHaveLength(1)
    expect(leadsNow()).toHaveLength(1)
    expect(notesOf(contactsNow()[0]?.id ?? '')).toHaveLength(1)
    expect(tasksOf(leadsNow()[0]?.Id ?? '')).toHaveLength(1)
  })

  testOnBoth('tokens that both refuse are renewed once each, whatever two workers do at once', async () => {
    lead()
    contact()
    const second = await startFoyerWorkers({ ...foyer.app.services })
    try {
      const before = [vendors.salesforce.oauth.refreshes, vendors.hubspot.oauth.refreshes.length]
      vendors.salesforce.oauth.expireSessions()
      vendors.hubspot.oauth.dropAccessTokens()
      const all = await Promise.all([1, 2, 3, 4].map(() => foyer.visitor({ fields: { email } })))
      for (const visitor of all) {
        const { id } = await visitor.asks()
        await agent.accepts(id)
      }
      await waitFor('both were read', async () => {
        const { rows } = await foyer.pool.query('select from people_mirror where $1 = any (emails)', [email])
        return rows.length === 2
      })
      expect(vendors.salesforce.oauth.refreshes - (before[0] ?? 0)).toBe(1)
      expect(vendors.salesforce.oauth.deadRefreshes).toBe(0)
      expect(vendors.hubspot.oauth.refreshes.length - (before[1] ?? 0)).toBe(1)
    } finally {
      await second.stop()
    }
  })

  test('one that answers 401 for ever is broken and keeps nobody waiting; what it missed is written when it is repaired', async () => {
    lead()
    contact()
    vendors.hubspot.faults.plan(
      ({ path }) => path.startsWith('/crm') || path.startsWith('/account'),
      { kind: 'status', status: 401, body: {} },
      10_000,
    )
    const { visitor, id } = await chats()
    await waitFor('the panel says so', async () => {
      const { crms, name } = await panel(visitor.id)
      return (
        name === 'Sofia Ricci' && crms.some((one) => one.source === 'hubspot' && one.state === 'reconnect')
      )
    })
    await agent.ends(id)
    await waitFor('Salesforce has it, HubSpot’s is put aside', async () => {
      const all = await writes()
      return (
        all.filter(({ what, state }) => what.startsWith('salesforce') && state === 'written').length === 2 &&
        all.filter(({ what, held }) => what.startsWith('hubspot') && held).length === 2
      )
    })
    vendors.hubspot.faults.clear()
    // an admin connects again
    const given = await vendors.hubspot.oauth.grantNow(hubspot.auth.scopes)
    const { services } = foyer.app
    await change(services, async ({ tx, now }) => {
      await setTokens(services, tx, ids.hubspot, {
        accessToken: given.access_token,
        refreshToken: given.refresh_token,
        expiresAt: new Date(now.getTime() + 1_800_000),
        replacedAt: null,
      })
      await setState(tx, ids.hubspot, now, { state: 'active', reason: null })
    })
    await allWritten(4)
  })

  test('Salesforce that answers 401 for ever is broken, asked no more, and written what it missed when it is repaired', async () => {
    lead()
    contact()
    const { oauth } = vendors.salesforce
    const before = oauth.refreshes
    vendors.salesforce.fails({
      on: /\/services\/data\//,
      times: 10_000,
      does: () =>
        Response.json([{ message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' }], {
          status: 401,
        }),
    })
    const { visitor, id } = await chats()
    await waitFor('the panel says so', async () => {
      const { crms, name } = await panel(visitor.id)
      return (
        name === 'Sofia Ricci' && crms.some((one) => one.source === 'salesforce' && one.state === 'reconnect')
      )
    })
    await agent.ends(id)
    await waitFor('HubSpot has it, Salesforce’s is put aside', async () => {
      const all = await writes()
      return (
        all.filter(({ what, state }) => what.startsWith('hubspot') && state === 'written').length === 2 &&
        all.filter(({ what, held }) => what.startsWith('salesforce') && held).length === 2
      )
    })
    // jsforce by itself would renew and try again without an end
    expect(oauth.refreshes - before).toBeLessThanOrEqual(2)
    expect(oauth.deadRefreshes).toBe(0)
    vendors.salesforce.recovers()
    const { services } = foyer.app
    await change(services, async ({ tx, now }) => {
      await setTokens(services, tx, ids.salesforce, {
        ...oauth.grant(),
        expiresAt: new Date(now.getTime() + 7_200_000),
        replacedAt: null,
      })
      await setState(tx, ids.salesforce, now, { state: 'active', reason: null })
    })
    await allWritten(4)
  })

  test('a record that Salesforce holds locked is written later, once', async () => {
    const inSalesforce = lead()
    contact()
    const { id } = await chats()
    vendors.salesforce.fails({
      on: /^(POST|PATCH) .*\/sobjects\/Task/,
      does: () =>
        Response.json([{ message: 'Record is locked by another user', errorCode: 'UNABLE_TO_LOCK_ROW' }], {
          status: 400,
        }),
    })
    await agent.ends(id)
    await allWritten(4)
    expect(tasksOf(inSalesforce.Id)).toHaveLength(1)
  })

  test('Salesforce’s limit is waited for, and nothing is lost or written twice', async () => {
    const inSalesforce = lead()
    contact()
    const { id } = await chats()
    // by its status: the code is none that Salesforce documents
    vendors.salesforce.fails({
      on: /^(POST|PATCH) .*\/sobjects\/Task/,
      does: () => Response.json([{ message: 'Slow down', errorCode: 'TOO_MANY_REQUESTS' }], { status: 429 }),
    })
    await agent.ends(id)
    await waitFor('the connection rests, and the write waits with it', async () => {
      const { rows } = await foyer.pool.query(
        `select from connection_health h where h.connection_id = $1 and h.resting_until > $2 and exists (
           select from outbox o where o.task = 'write-to-crm' and o.state = 'open' and o.run_at >= h.resting_until)`,
        [ids.salesforce, foyer.clock.now()],
      )
      return rows.length === 1
    })
    await allWritten(4)
    expect(tasksOf(inSalesforce.Id)).toHaveLength(1)
  })

  testOnBoth('a limit is waited for, and nothing is lost or written twice', async () => {
    const inSalesforce = lead()
    const inHubSpot = contact()
    const { id } = await chats()
    vendors.hubspot.faults.plan('POST /crm/v3/objects/notes', {
      kind: 'overLimit',
      policy: 'TEN_SECONDLY_ROLLING',
      headers: { 'retry-after': '1' },
    })
    vendors.hubspot.faults.plan('POST /crm/v3/objects/notes', { kind: 'locked' })
    await agent.ends(id)
    await allWritten(4)
    expect(notesOf(inHubSpot.id)).toHaveLength(1)
    expect(tasksOf(inSalesforce.Id)).toHaveLength(1)
  })

  for (const { when, isHeard } of [
    { when: 'before Foyer hears of it', isHeard: false },
    { when: 'and Foyer heard of it', isHeard: true },
  ])
    test(`records that are merged in both during a chat, ${when}, get the chat once, at the winner`, async () => {
      // Salesforce keeps only the winner's address
      const [oldLead, newLead] = [lead(), lead({ Email: `other-${email}`, LastName: 'Bianchi' })]
      const [oldContact, newContact] = [contact(), contact({ email: `other-${email}` })]
      await isImported()
      const { visitor, id } = await chats({ jobTitle: 'Buyer' })
      await waitFor('who it is was written', async () => {
        return (await writes()).every(({ state }) => state === 'written')
      })
      vendors.salesforce.org.merge(newLead.Id, oldLead.Id)
      const winner = vendors.hubspot.store.merge(newContact, oldContact)
      if (isHeard) {
        await polled('both are one', async () => {
          const { rows } = await foyer.pool.query(
            'select external_id as id from people_mirror where emails && $1 order by 1',
            [[email, `other-${email}`]],
          )
          return rows.length === 2 && rows.every((row) => [newLead.Id, winner.id].includes(row.id))
        })
        expect((await panel(visitor.id)).name).toBe('Sofia Bianchi')
      }
      // a look at the CRM forgets nobody
      await agent.http.post(`/visitors/${visitor.id}/refresh`)
      await agent.http.patch(`/visitors/${visitor.id}`, { jobTitle: 'Chief Buyer' })
      await agent.ends(id)
      await allWritten(6)
      expect(tasksOf(newLead.Id)).toHaveLength(1)
      expect(notesOf(winner.id)).toHaveLength(1)
      expect(vendors.salesforce.org.find(newLead.Id)?.Title).toBe('Chief Buyer')
      // nobody was made for the address that went
      expect(leadsNow()).toEqual([])
      expect(contactsNow().length).toBeLessThanOrEqual(1)
      await agent.http.put(`/conversations/${id}/outcome`, { outcome: 'qualified' })
      await waitFor('the outcome is in the entry', async () => {
        const [task, ...more] = tasksOf(newLead.Id)
        return more.length === 0 && String(task?.Description).includes('Outcome: Qualified')
      })
      expect((await panel(visitor.id)).jobTitle).toBe('Chief Buyer')
    })
})
