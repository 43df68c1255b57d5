import { beforeAll, beforeEach, expect, test } from 'vitest'
import type { ConnectionSync } from '#core/contracts/sync.ts'
import type { Visitor } from '#core/contracts/visitors.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { foyerWithCrms } from '#tests/support/foyer-with-crms.ts'
import type { MemoryCrm } from '#tests/support/memory-crm.ts'
import { waitFor } from '#tests/support/wait.ts'
import { untilPolled } from './polled.ts'

const email = 'sofia.ricci@northwind.test'
let foyer: TestFoyer
let crm: MemoryCrm
let forget: () => Promise<void>
let admin: AgentActor
let connection = ''

beforeAll(async () => {
  ;({
    foyer,
    crms: [crm],
    forget,
  } = await foyerWithCrms(['acme']))
  admin = await foyer.agent({ profile: 'admin', online: false })
})
beforeEach(async () => {
  await forget()
  await foyer.pool.query('update visitors set email = null')
})

const sync = () => admin.http.get<ConnectionSync>(`/connections/${connection}/sync`)
const mirrored = async () => {
  const { rows } = await foyer.pool.query(
    `select external_id as id, fields -> 'name' ->> 'value' as name, emails from people_mirror where connector = 'acme' order by 1`,
  )
  return rows as { id: string; name: string; emails: string[] }[]
}
const aCompany = (id: string, changedAt: Date | null = null) => ({
  id,
  name: id,
  domain: null,
  owner: null,
  url: `https://crm.example/${id}`,
  changedAt,
})
const names = async () => (await mirrored()).map(({ name }) => name)
const until = (what: string, check: () => Promise<boolean> | boolean) => untilPolled(foyer, what, check)
const connected = async () => {
  connection = await crm.connect(foyer.app.services)
  await until('everybody is read', async () => (await sync()).import.state === 'done')
}

test('everybody is read, a page after the other, with progress, and goes on where it was', async () => {
  crm.pageSize = 10
  for (let place = 0; place < 55; place++)
    crm.put({
      emails: [`p${place}@northwind.test`],
      fields: { name: `P${place}` },
      type: place < 35 ? 'Contact' : 'Lead',
      company: place < 35 ? aCompany(`c${place % 3}`) : null,
    })
  crm.users.push({ id: 'u1', name: 'Dana', email: 'dana@acme.test', active: true, isQueue: false })
  // the fourth page is not answered at first
  crm.next(
    'allPeople',
    { waitFor: Promise.resolve() },
    { waitFor: Promise.resolve() },
    { waitFor: Promise.resolve() },
    'down',
  )
  await connected()
  expect(await mirrored()).toHaveLength(55)
  expect(await sync()).toMatchObject({
    import: { state: 'done', done: 55, total: 55, perSecond: expect.any(Number), etaMs: null, reason: null },
    writes: { open: 0 },
  })
  expect((await sync()).import.kinds).toEqual([
    { type: 'Contact', label: 'Contact', done: 35, total: 35, etaMs: null },
    { type: 'Lead', label: 'Lead', done: 20, total: 20, etaMs: null },
  ])
  await until('the users are read', async () => (await sync()).import.owners === 1)
  expect((await sync()).import.companies).toBe(3)
  const cursors = crm.callsOf('allPeople').map(([cursor]) => cursor)
  // from the page that failed, not from the beginning
  expect(cursors.filter((cursor) => cursor === null)).toHaveLength(1)
})

test('while everybody is read each kind says how far it is and how long it still takes, the later ones behind the others', async () => {
  crm.pageSize = 10
  for (let place = 0; place < 40; place++)
    crm.put({ emails: [`p${place}@northwind.test`], type: place < 20 ? 'Contact' : 'Lead' })
  const third = Promise.withResolvers<void>()
  crm.next(
    'allPeople',
    { waitFor: Promise.resolve() },
    { waitFor: Promise.resolve() },
    { waitFor: third.promise },
  )
  connection = await crm.connect(foyer.app.services)
  await until('the contacts are read', async () => (await sync()).import.done === 20)
  const run = (await sync()).import
  expect(run).toMatchObject({ state: 'running', total: 40 })
  const [contacts, leads] = run.kinds
  expect(contacts).toMatchObject({ done: 20, total: 20, etaMs: 0 })
  expect(leads).toMatchObject({ done: 0, total: 20, etaMs: run.etaMs })
  expect(run.etaMs).toBeGreaterThan(0)
  third.resolve()
  await until('everybody is read', async () => (await sync()).import.state === 'done')
  // read again, it is counted anew
  await admin.http.post(`/connections/${connection}/import`)
  await until('everybody is read again', async () => (await sync()).import.state === 'done')
  expect((await sync()).import.kinds.map(({ done }) => done)).toEqual([20, 20])
})

test('a change in the CRM reaches an open panel, whoever is deleted or merged goes', async () => {
  const person = crm.put({ emails: [email], fields: { name: 'Sofia', crmStatus: 'New' } })
  const other = crm.put({ emails: ['other@northwind.test'], fields: { name: 'Other' } })
  await connected()
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { email } })
  const { id } = await visitor.asks()
  await agent.accepts(id)
  crm.put({ id: person.id, fields: { name: 'Sofia', crmStatus: 'Customer' } })
  await until('the panel follows', async () =>
    agent.socket.ofType('visitor').some((frame) => frame.visitor.crmStatus === 'Customer'),
  )
  crm.addActivity(person.id, { title: 'A call', kind: 'call', at: foyer.clock.now() })
  await until('the history follows', async () =>
    JSON.stringify(await agent.http.get(`/visitors/${visitor.id}/activities`)).includes('A call'),
  )
  crm.merge(person.id, other.id)
  await until('the merged one is one', async () => (await mirrored()).length === 1)
  expect(await mirrored()).toMatchObject([{ id: other.id, emails: ['other@northwind.test', email] }])
  // its history came along
  expect(JSON.stringify(await agent.http.get(`/visitors/${visitor.id}/activities`))).toContain('A call')
  crm.remove(other.id)
  await until('the deleted one is gone', async () => (await mirrored()).length === 0)
  expect(await agent.http.get<Visitor>(`/visitors/${visitor.id}`)).toMatchObject({
    name: null,
    crmStatus: null,
  })
  await agent.ends(id)
})

test('a company that changes is changed for everybody who works there, and for nobody else', async () => {
  const company = aCompany('c1')
  const fields = (name: string) => ({ name, company: 'c1' })
  crm.put({ emails: [email], fields: fields('Sofia'), company })
  crm.put({ emails: ['b@northwind.test'], fields: { name: 'Own', company: 'Typed GmbH' }, company })
  crm.put({ emails: ['c@northwind.test'], fields: fields('Elsewhere'), company: aCompany('c2') })
  await connected()
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { email } })
  const { id } = await visitor.asks()
  await agent.accepts(id)
  const owner = { id: 'u1', name: 'Dana', email: 'dana@acme.test', active: true, isQueue: false }
  const now = { ...company, name: 'Northwind AG', domain: 'northwind.test', owner }
  crm.feed.push({ type: 'company_changed', company: now })
  crm.feed.push({ type: 'company_changed', company: aCompany('c3') })
  await until('the panel follows', async () =>
    agent.socket.ofType('visitor').some((frame) => frame.visitor.company === 'Northwind AG'),
  )
  const { rows: people } = await foyer.pool.query(
    `select fields -> 'name' ->> 'value' as name, fields -> 'company' ->> 'value' as company from people_mirror
     where connector = 'acme' order by 1`,
  )
  expect(people).toEqual([
    { name: 'Elsewhere', company: 'c1' },
    { name: 'Own', company: 'Typed GmbH' },
    { name: 'Sofia', company: 'Northwind AG' },
  ])
  const { rows: companies } = await foyer.pool.query(
    `select external_id as id, domain, owner_email from companies_mirror where connector = 'acme' order by 1`,
  )
  expect(companies).toEqual([
    { id: 'c1', domain: 'northwind.test', owner_email: 'dana@acme.test' },
    { id: 'c2', domain: null, owner_email: null },
  ])
  await agent.ends(id)
})

for (const { when, isAnsweredFirst } of [
  { when: 'and was answered first', isAnsweredFirst: true },
  { when: 'and was answered last', isAnsweredFirst: false },
])
  for (const { how, withPeople } of [
    { how: 'by itself', withPeople: false },
    { how: 'with whoever works there, who did not change', withPeople: true },
  ])
    test(`a company’s new name is shown that the feed tells ${how}, though a chat asked later, ${when}, and read the old one`, async () => {
      const company = aCompany('Northwind', crm.tick())
      const sofia = crm.put({ emails: [email], fields: { name: 'Sofia', company: company.name }, company })
      await connected()
      const agent = await foyer.agent()
      const visitor = await foyer.visitor({ fields: { email } })
      const [turn, line] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const shown = async () => (await agent.http.get<Visitor>(`/visitors/${visitor.id}`)).company
      const isAnswered = () =>
        waitFor('the chat is answered', async () => {
          const { crms } = await agent.http.get<Visitor>(`/visitors/${visitor.id}`)
          return crms[0]?.refreshing === false
        })
      try {
        const polls = crm.callsOf('changes').length
        // the feed waits for its turn: what it reads it reads then
        crm.next('changes', { waitFor: turn.promise })
        await until('the feed is asked', async () => crm.callsOf('changes').length > polls)
        if (!isAnsweredFirst) crm.next('findPerson', { heldBack: line.promise })
        const { id } = await visitor.asks()
        await agent.accepts(id)
        await waitFor('the chat asks', () => crm.callsOf('findPerson').length > 0)
        if (isAnsweredFirst) await isAnswered()
        const renamed = { ...company, name: 'Northwind AG', changedAt: crm.tick() }
        const there = { ...sofia, fields: { ...sofia.fields, company: renamed.name }, company: renamed }
        crm.people.set(sofia.id, there)
        crm.feed.push(
          withPeople ? { type: 'changed', person: there } : { type: 'company_changed', company: renamed },
        )
        // the feed repeats its last three, and this one is told once
        for (const name of ['First', 'Second', 'Third'])
          crm.put({ emails: [`${name}@northwind.test`], fields: { name } })
        turn.resolve()
        await waitFor('the new name is shown', async () => (await shown()) === 'Northwind AG')
        line.resolve()
        await isAnswered()
        expect(await shown()).toBe('Northwind AG')
        await agent.ends(id)
      } finally {
        turn.resolve()
        line.resolve()
      }
    })

test('whoever was merged into somebody who is deleted does not come back, however late they are heard of', async () => {
  const person = crm.put({ emails: [email], fields: { name: 'Sofia' } })
  const other = crm.put({ emails: ['other@northwind.test'], fields: { name: 'Other' } })
  await connected()
  crm.merge(person.id, other.id)
  await until('the merged one is one', async () => (await mirrored()).length === 1)
  // with the deletion in one page, and in the next one
  crm.feed.push({ type: 'changed', person })
  crm.remove(other.id)
  await until('the deletion is heard of', async () => (await mirrored()).length === 0)
  crm.feed.push({ type: 'changed', person })
  crm.put({ emails: ['last@northwind.test'], fields: { name: 'Last' } })
  await until('the feed is read to its end', async () => (await names()).includes('Last'))
  expect(await names()).toEqual(['Last'])
})

test('an answer from before a deletion that comes after it brings nobody back', async () => {
  const person = crm.put({ emails: [email], fields: { name: 'Sofia' } })
  await connected()
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { email } })
  const { promise, resolve: answer } = Promise.withResolvers<void>()
  crm.next('findPerson', { heldBack: promise })
  const { id } = await visitor.asks()
  await agent.accepts(id)
  await waitFor('it was asked', () => crm.callsOf('findPerson').length === 1)
  crm.remove(person.id)
  await until('the deletion is heard of', async () => (await mirrored()).length === 0)
  answer()
  await waitFor('the answer is taken', async () => {
    const { crms } = await agent.http.get<Visitor>(`/visitors/${visitor.id}`)
    return crms[0]?.refreshing === false
  })
  expect(await mirrored()).toEqual([])
  await agent.ends(id)
})

test('a feed that lags brings nobody back, and whoever was restored is back', async () => {
  const person = crm.put({ emails: [email], fields: { name: 'Sofia' } })
  await connected()
  crm.remove(person.id)
  // the feed tells of the deleted one once more, as an index that lags does
  crm.feed.push({ type: 'changed', person })
  await until('the deletion is heard of', async () => (await mirrored()).length === 0)
  const { rows } = await foyer.pool.query('select from mirror_gone')
  expect(rows).toHaveLength(1)
  const { changedAt: _before, ...restored } = person
  crm.put(restored)
  await until('the restored one is back', async () => (await names()).includes('Sofia'))
})

test('a cursor that is not known any more has everybody read again, and whoever is not there any more goes', async () => {
  const person = crm.put({ emails: [email], fields: { name: 'Sofia' } })
  const other = crm.put({ emails: ['other@northwind.test'], fields: { name: 'Other' } })
  await connected()
  crm.people.delete(other.id)
  crm.put({ id: person.id, fields: { name: 'Sofia Bianchi' } })
  crm.oldestCursor = 1_000
  crm.feed.length = 1_000
  await until('it is as the CRM is', async () => (await names()).join() === 'Sofia Bianchi')
  // counted anew, not on top of those of the first time
  await until('everybody is read', async () => (await sync()).import.state === 'done')
  const { done, total, kinds } = (await sync()).import
  expect({ done, total, contacts: kinds[0] }).toMatchObject({
    done: 1,
    total: 1,
    contacts: { type: 'Contact', done: 1 },
  })
})

test('an import that is under way when the feed loses its place begins anew, since nobody tells what changed behind it', async () => {
  crm.pageSize = 1
  const person = crm.put({ emails: [email], fields: { name: 'Sofia' } })
  crm.put({ emails: ['other@northwind.test'], fields: { name: 'Other' } })
  const { promise, resolve: answer } = Promise.withResolvers<void>()
  crm.next('allPeople', { heldBack: promise })
  connection = await crm.connect(foyer.app.services)
  const asked = (action: 'allPeople' | 'changes', cursor: string | null) =>
    crm.callsOf(action).filter(([one]) => one === cursor).length
  await until('the first page is on its way', () => asked('allPeople', null) === 1)
  crm.put({ id: person.id, fields: { name: 'Sofia Bianchi' } })
  crm.oldestCursor = 1_000
  crm.feed.length = 1_000
  await until('the feed has begun anew', () => asked('changes', null) === 2)
  answer()
  await until('everybody is read', async () => (await sync()).import.state === 'done')
  expect((await names()).toSorted()).toEqual(['Other', 'Sofia Bianchi'])
  expect((await sync()).import).toMatchObject({ done: 2, reason: null })
})

test('whoever a CRM erases is erased here, and no late event undoes it', async () => {
  const person = crm.put({ emails: [email], fields: { name: 'Sofia' } })
  await connected()
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { email, name: 'Sofia Typed' } })
  const { id } = await visitor.asks('canary-message')
  await agent.accepts(id)
  await agent.ends(id)
  // as a vendor does that deletes first: the same person twice
  crm.remove(person.id)
  await until('the deletion is heard of', async () => (await mirrored()).length === 0)
  crm.feed.push({ type: 'gone', ref: person, erase: true })
  crm.feed.push({
    type: 'changed',
    person: { ...person, changedAt: new Date(foyer.clock.now().getTime() + 86_400_000) },
  })
  await until('it is erased', async () => {
    const { rows } = await foyer.pool.query('select from erasures where finished_at is not null')
    return rows.length > 0
  })
  expect(await mirrored()).toEqual([])
  const { rows } = await foyer.pool.query('select name, email from visitors where id = $1', [visitor.id])
  expect(rows).toEqual([{ name: null, email: null }])
  const { rows: left } = await foyer.pool.query(`select from entries where text like '%canary-message%'`)
  expect(left).toEqual([])
  await expect(agent.http.get(`/conversations/${id}`)).rejects.toThrow()
})

test('a CRM that asks to wait is left alone for so long', async () => {
  await connected()
  crm.next('changes', 'limited')
  const before = crm.calls.length
  await until('it was asked', async () => crm.calls.length > before)
  crm.put({ emails: [email], fields: { name: 'Later' } })
  await until('it goes on', async () => (await names()).includes('Later'))
  const [refused, next] = crm.calls.slice(before)
  // two seconds is what it asks for, by the clock of the machine
  expect((next?.at ?? 0) - (refused?.at ?? 0)).toBeGreaterThanOrEqual(1_990)
})

test('an admin has everybody read again; nobody else may, and of what is not there nothing is told', async () => {
  await connected()
  crm.people.set('quiet', { ...crm.put({ emails: [email] }), id: 'quiet' })
  const again = await admin.http.post<ConnectionSync>(`/connections/${connection}/import`)
  expect(again.import.state).toBe('running')
  await until('it is done', async () => (await sync()).import.state === 'done')
  const agent = await foyer.agent({ online: false })
  await expect(agent.http.post(`/connections/${connection}/import`)).rejects.toThrow()
  await admin.http.post(`/connections/${connection}/disconnect`, { mirror: 'keep' })
  await expect(admin.http.post(`/connections/${connection}/import`)).rejects.toMatchObject({ status: 404 })
  const nothing = '00000000-0000-4000-8000-000000000000'
  for (const path of [
    `/connections/${nothing}/sync`,
    '/connections/nonsense/sync',
    `/visitors/${nothing}/crm-writes`,
  ])
    await expect(admin.http.get(path)).rejects.toThrow()
  await expect(admin.http.get(`/connections/${connection}/writes?state=nonsense`)).rejects.toThrow()
  await expect(admin.http.post(`/crm-writes/${nothing}/retry`)).rejects.toThrow()
})
