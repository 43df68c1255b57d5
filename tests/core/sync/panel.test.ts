import { beforeAll, beforeEach, expect, test } from 'vitest'
import type { Visitor } from '#core/contracts/visitors.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { foyerWithCrms } from '#tests/support/foyer-with-crms.ts'
import type { MemoryCrm } from '#tests/support/memory-crm.ts'
import { waitFor } from '#tests/support/wait.ts'

let foyer: TestFoyer
let acme: MemoryCrm
let zenith: MemoryCrm
let forget: () => Promise<void>
const email = 'sofia.ricci@northwind.test'

beforeAll(async () => {
  ;({
    foyer,
    crms: [acme, zenith],
    forget,
  } = await foyerWithCrms(['acme', 'zenith']))
})
beforeEach(() => forget())

/** Keeps the next answer of a CRM about a person until it is let go: whoever accepts before that is told of it. */
function holdAnswer(crm: MemoryCrm): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  crm.next('findPerson', { waitFor: promise })
  return resolve
}

const panelOf = (agent: Awaited<ReturnType<TestFoyer['agent']>>, visitorId: string) =>
  agent.http.get<Visitor>(`/visitors/${visitorId}`)

/** The panel, once it has what the test is about; an answer that came before the agent accepted is no frame. */
const shows = (
  agent: Awaited<ReturnType<TestFoyer['agent']>>,
  visitorId: string,
  fits: (visitor: Visitor) => boolean = ({ crms }) => crms[0]?.known === true,
) =>
  waitFor('the panel shows it', async () => {
    const seen = await panelOf(agent, visitorId)
    return fits(seen) && seen
  })

test('an offer asks the CRM, and the panel of whoever accepted fills without a reload', async () => {
  await acme.connect(foyer.app.services)
  const answer = holdAnswer(acme)
  acme.put({
    emails: [email, 's.ricci@northwind.test'],
    fields: {
      name: 'Sofia Ricci',
      jobTitle: 'Head of Purchasing',
      phone: '+39 02 5550 0142',
      crmStatus: 'Working',
    },
    owner: { id: 'u1', name: 'Dana', email: 'dana@crm.test', active: true, isQueue: false },
    company: {
      id: 'c1',
      name: 'Northwind',
      domain: 'northwind.test',
      owner: null,
      url: 'https://crm.example/c1',
      changedAt: null,
    },
  })
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { email } })
  const { id } = await visitor.asks()
  await waitFor('the CRM is asked', () => acme.callsOf('findPerson').length === 1)
  await agent.accepts(id)
  answer()
  // the import may bring the name before the answer does
  const told = await agent.socket.frame(
    'visitor',
    ({ visitor: { name, crms } }) => name === 'Sofia Ricci' && crms[0]?.known === true,
  )
  expect(told.visitor.id).toBe(visitor.id)
  expect(await panelOf(agent, visitor.id)).toMatchObject({
    name: 'Sofia Ricci',
    jobTitle: 'Head of Purchasing',
    phone: '+39 02 5550 0142',
    crmStatus: 'Working',
    company: 'Northwind',
    owner: { name: 'Dana', email: 'dana@crm.test' },
    sources: {
      name: { source: 'acme' },
      email: { source: 'visitor', at: expect.any(String) },
      crmStatus: { source: 'acme' },
      owner: { source: 'acme' },
    },
    crm: { source: 'acme', url: 'https://crm.example/p1' },
    crms: [{ source: 'acme', state: 'active', known: true, problem: null }],
  })
  await agent.ends(id)
})

test('a person is found by any of their addresses', async () => {
  await acme.connect(foyer.app.services)
  acme.put({ emails: ['first@northwind.test', 'second@northwind.test'], fields: { name: 'Two Addresses' } })
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { email: 'second@northwind.test' } })
  const { id } = await visitor.asks()
  await agent.accepts(id)
  expect(await shows(agent, visitor.id, ({ name }) => name === 'Two Addresses')).toMatchObject({
    email: 'second@northwind.test',
    emailVerified: false,
  })
  await agent.ends(id)
})

test('a CRM that hangs delays neither the chat nor the other CRM, and the panel says what is missing', async () => {
  await acme.connect(foyer.app.services)
  await zenith.connect(foyer.app.services)
  const answer = holdAnswer(acme)
  zenith.put({ emails: [email], fields: { name: 'From Zenith' } })
  const answerOfZenith = holdAnswer(zenith)
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { email } })
  const began = performance.now()
  const { id } = await visitor.asks()
  await agent.accepts(id)
  answerOfZenith()
  await agent.says(id, 'Welcome')
  await visitor.hears('Welcome')
  expect(performance.now() - began).toBeLessThan(10_000)
  const { visitor: seen } = await agent.socket.frame(
    'visitor',
    (frame) => frame.visitor.name === 'From Zenith' && frame.visitor.crms[1]?.known === true,
  )
  expect(seen.crms).toMatchObject([
    { source: 'acme', refreshing: true, known: null },
    { source: 'zenith', refreshing: false, known: true },
  ])
  answer()
  await waitFor(
    'the other one has answered',
    async () => !(await panelOf(agent, visitor.id)).crms[0]?.refreshing,
  )
  expect((await panelOf(agent, visitor.id)).crms[0]).toMatchObject({ known: false, problem: null })
  await agent.ends(id)
})

test('what is fresh is not asked for again, unless an agent does', async () => {
  await acme.connect(foyer.app.services)
  const person = acme.put({ emails: [email], fields: { name: 'Sofia' } })
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { email } })
  const { id } = await visitor.asks()
  await agent.accepts(id)
  expect(await shows(agent, visitor.id)).toMatchObject({ name: 'Sofia' })
  await waitFor('the activities are read', () => acme.callsOf('activities').length === 1)
  expect(acme.callsOf('findPerson')).toHaveLength(1)
  acme.put({ id: person.id, fields: { name: 'Sofia Bianchi' } })
  const first = await agent.http.post<Visitor>(`/visitors/${visitor.id}/refresh`)
  expect(first).toMatchObject({ name: 'Sofia', crms: [{ refreshing: true }] })
  await agent.socket.frame('visitor', (frame) => frame.visitor.name === 'Sofia Bianchi')
  // of an ended chat too: whoever asked is told
  await agent.ends(id)
  acme.put({ id: person.id, fields: { name: 'Sofia Verdi' } })
  await agent.http.post<Visitor>(`/visitors/${visitor.id}/refresh`)
  await agent.socket.frame('visitor', (frame) => frame.visitor.name === 'Sofia Verdi')
})

test('a connection that is broken says so, and what it said before stays', async () => {
  const connection = await acme.connect(foyer.app.services)
  acme.put({ emails: [email], fields: { name: 'Sofia' } })
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { email } })
  const { id } = await visitor.asks()
  await agent.accepts(id)
  expect(await shows(agent, visitor.id)).toMatchObject({ name: 'Sofia' })
  await foyer.pool.query(
    `update connections set state = 'broken', state_reason = 'Connect again.' where id = $1`,
    [connection],
  )
  expect(await panelOf(agent, visitor.id)).toMatchObject({
    name: 'Sofia',
    crms: [{ source: 'acme', state: 'reconnect', problem: 'Connect again.', refreshing: false }],
  })
  await agent.ends(id)
})

test('a CRM that does not answer is a sentence in the panel, and no chat', async () => {
  await acme.connect(foyer.app.services)
  acme.next('findPerson', 'down')
  const agent = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { email } })
  const { id } = await visitor.asks()
  await agent.accepts(id)
  expect(await shows(agent, visitor.id, ({ crms }) => crms[0]?.problem != null)).toMatchObject({
    name: null,
    crms: [{ problem: 'The CRM does not answer.', refreshing: false }],
  })
  await agent.ends(id)
})
