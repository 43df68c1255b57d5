import { beforeAll, beforeEach, expect, test } from 'vitest'
import type { LoggedConversation, NewPerson, PersonChange } from '#connectors/sdk/crm.ts'
import type { Connection, ConnectionAttention } from '#core/contracts/connections.ts'
import type { CrmWrite } from '#core/contracts/sync.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { foyerWithCrms } from '#tests/support/foyer-with-crms.ts'
import type { MemoryCrm } from '#tests/support/memory-crm.ts'
import { waitFor } from '#tests/support/wait.ts'
import { untilPolled } from './polled.ts'
import { readWrites, untilWritten } from './writes.ts'

let foyer: TestFoyer
let crm: MemoryCrm
let forget: () => Promise<void>
let agent: AgentActor
let admin: AgentActor
let people = 0
let email = ''
let connection = ''

beforeAll(async () => {
  ;({
    foyer,
    crms: [crm],
    forget,
  } = await foyerWithCrms(['acme']))
  agent = await foyer.agent({ name: 'Dana Weiss', email: 'dana@foyer.test' })
  admin = await foyer.agent({ profile: 'admin', online: false })
})
beforeEach(async () => {
  await forget()
  email = `person${++people}@northwind.test`
})

const connect = async (writeBack: object = {}) => {
  connection = await crm.connectWriting(foyer.app.services, writeBack)
}
const writes = (state?: string) => readWrites(admin, connection, { state })
const done = (count: number) => untilWritten(admin, connection, count)

async function chat(fields: Record<string, string> = {}, outcome?: string) {
  const visitor = await foyer.visitor({ fields: { email, ...fields } })
  const { id } = await visitor.asks('Do you deliver?')
  await agent.accepts(id)
  await agent.says(id, 'We do.')
  return { visitor, id, end: () => agent.ends(id, outcome) }
}

test('nothing is written before an admin has turned writing on', async () => {
  connection = await crm.connect(foyer.app.services)
  const { end } = await chat()
  await end()
  expect(await writes()).toEqual([])
})

test('somebody unknown is made once after a chat was accepted, and the chat is logged with outcome and owner', async () => {
  await connect({ create: { type: 'Lead', fixed: { status: 'New' } } })
  crm.users.push({ id: 'u7', name: 'Dana', email: 'dana@foyer.test', active: true, isQueue: false })
  await waitFor('the users are read', async () => {
    return (await foyer.pool.query('select from crm_users')).rowCount === 1
  })
  const { id, end } = await chat({ name: 'Ada Example' }, 'qualified')
  await end()
  await done(2)
  expect(crm.callsOf('createPerson').map(([made]) => made as NewPerson)).toMatchObject([
    { type: 'Lead', values: { email, name: 'Ada Example' }, fixed: { status: 'New' }, ownerId: 'u7' },
  ])
  expect(crm.logged).toHaveLength(1)
  const { conversation } = crm.logged[0] as { conversation: LoggedConversation }
  expect(conversation).toMatchObject({
    key: `foyer-chat-${id}`,
    outcome: 'Qualified',
    agentName: 'Dana Weiss',
    ownerId: 'u7',
  })
  expect(conversation.transcript).toContain('We do.')
  // its echo in the history is the chat itself
  await agent.http.put(`/conversations/${id}/outcome`, { outcome: 'support' })
  await waitFor('the new outcome is written', async () => {
    return crm.logged[0]?.conversation.outcome === 'Support'
  })
  expect(crm.logged).toHaveLength(1)
})

test('whom the CRM erases during a chat is not made anew by it', async () => {
  await connect()
  const person = crm.put({ emails: [email], fields: { name: 'Sofia Ricci' } })
  const { end } = await chat()
  await done(1)
  crm.remove(person.id, { erase: true })
  await untilPolled(foyer, 'Foyer has heard of it', async () => {
    const { rowCount } = await foyer.pool.query('select from erasures where $1 = any (emails)', [email])
    return rowCount === 1
  })
  await end()
  await done(2)
  expect(crm.callsOf('createPerson')).toEqual([])
  expect(crm.logged).toEqual([])
})

test('somebody known keeps what the CRM has, and what is empty there is filled', async () => {
  await connect()
  const person = crm.put({ emails: [email], fields: { name: 'Sofia Ricci', jobTitle: null } })
  const { end } = await chat({ name: 'sofia', jobTitle: 'Buyer' })
  await end()
  await done(2)
  expect(crm.callsOf('createPerson')).toEqual([])
  expect(crm.people.get(person.id)?.fields).toMatchObject({ name: 'Sofia Ricci', jobTitle: 'Buyer' })
  const [change] = crm.callsOf('updatePerson').map(([, given]) => given as PersonChange)
  expect(change).toMatchObject({ values: {}, onlyEmpty: { jobTitle: 'Buyer' } })
})

test('what an agent corrects overwrites, the address too, on the record that the panel showed', async () => {
  await connect()
  const person = crm.put({ emails: [email], fields: { name: 'Sofia Ricci' } })
  const { visitor, end } = await chat()
  await agent.socket.frame(
    'visitor',
    (frame) => frame.visitor.id === visitor.id && frame.visitor.name === 'Sofia Ricci',
  )
  await agent.http.patch(`/visitors/${visitor.id}`, { name: 'Sofia Bianchi', email: `new-${email}` })
  await end()
  await done(3)
  expect(crm.people.get(person.id)).toMatchObject({
    emails: [`new-${email}`, email],
    fields: { name: 'Sofia Bianchi' },
  })
  expect(crm.people.size).toBe(1)
  expect(crm.logged.map(({ personId }) => personId)).toEqual([person.id])
})

test.each(['createPerson', 'logConversation'] as const)(
  'when the answer to %s is lost there is one record',
  async (action) => {
    await connect()
    crm.next(action, 'lost')
    const { end } = await chat({ name: 'Ada' })
    await end()
    const all = await done(2)
    expect(all.map(({ state }) => state)).toEqual(['written', 'written'])
    expect([...crm.people.values()].filter(({ emails }) => emails.includes(email))).toHaveLength(1)
    expect(crm.logged).toHaveLength(1)
  },
)

test('what the CRM refuses is kept with the reason, and written when somebody tries again', async () => {
  await connect()
  crm.next('createPerson', 'rejected', 'rejected')
  const { end } = await chat()
  await end()
  const all = await done(2)
  expect(all.map(({ state, reason }) => [state, reason])).toEqual([
    ['failed', 'The CRM requires a company.'],
    ['failed', 'The CRM requires a company.'],
  ])
  expect(all.map(({ visitorName }) => visitorName)).toEqual([email, email])
  const attention = () => admin.http.get<ConnectionAttention>('/connections/attention')
  expect(await attention()).toEqual({ broken: [], failedWrites: 2 })
  await expect(agent.http.get('/connections/attention')).rejects.toMatchObject({ status: 403 })
  for (const { id } of all) await admin.http.post(`/crm-writes/${id}/retry`)
  expect((await done(2)).map(({ state }) => state)).toEqual(['written', 'written'])
  await expect(admin.http.post(`/crm-writes/${all[0]?.id}/retry`)).rejects.toThrow('not failed')
  expect(await attention()).toEqual({ broken: [], failedWrites: 0 })
  await foyer.pool.query("update connections set state = 'broken' where id = $1", [connection])
  expect(await attention()).toEqual({ broken: ['Memory'], failedWrites: 0 })
  expect(crm.logged).toHaveLength(1)
})

test('a record that the CRM holds locked is written two seconds later, and no sooner', async () => {
  await connect()
  crm.next('logConversation', 'locked')
  const { end } = await chat()
  await end()
  await done(2)
  const [first, second] = crm.calls.filter(({ action }) => action === 'logConversation')
  // the clock that says when a job is due counts whole milliseconds
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_999)
  expect(crm.logged).toHaveLength(1)
})

test('while a connection is paused nothing is written, and everything when it goes on', async () => {
  await connect()
  await admin.http.post(`/connections/${connection}/pause`)
  const { visitor, end } = await chat()
  await end()
  await waitFor('they are put aside', async () => {
    return (await foyer.pool.query('select from crm_writes where held')).rowCount === 2
  })
  expect(crm.calls.filter(({ action }) => action !== 'owners' && action !== 'changes')).toEqual([])
  // an admin sees that they wait, and how many
  const backlog = async () => (await admin.http.get<Connection>(`/connections/${connection}`)).backlog
  await waitFor('their jobs are over', async () => (await backlog()).waiting === 2)
  expect(await backlog()).toEqual({ waiting: 2, failed: 0 })
  await admin.http.post(`/connections/${connection}/resume`)
  await done(2)
  await waitFor('nothing waits any more', async () => (await backlog()).waiting === 0)
  expect(crm.logged).toHaveLength(1)
  const own = await agent.http.get<{ writes: CrmWrite[] }>(`/visitors/${visitor.id}/crm-writes`)
  expect(own.writes.map(({ kind, state }) => [kind, state]).sort()).toEqual([
    ['conversation', 'written'],
    ['person', 'written'],
  ])
})

test('of one person in two browsers at once one record is made', async () => {
  await connect()
  const one = await chat()
  const other = await chat()
  await Promise.all([one.end(), other.end()])
  await done(4)
  expect(crm.callsOf('createPerson')).toHaveLength(1)
  expect(crm.logged).toHaveLength(2)
})

test('who is merged while the chat is written gets it once, at the winner, whose address is another', async () => {
  await connect()
  const [loser, winner] = [crm.put({ emails: [email] }), crm.put({ emails: [`other-${email}`] })]
  const { visitor, end } = await chat()
  await done(1)
  const merged = Promise.withResolvers<void>()
  crm.next('logConversation', { waitFor: merged.promise })
  await end()
  await waitFor('it is being written', async () => crm.callsOf('logConversation').length === 1)
  crm.merge(loser.id, winner.id, { dropAddresses: true })
  merged.resolve()
  expect((await done(2)).map(({ state }) => state)).toEqual(['written', 'written'])
  expect(crm.logged.map(({ personId }) => personId)).toEqual([winner.id])
  expect(crm.people.size).toBe(1)
  // the next one too, now that the mirror knows
  const next = await visitor.asks('And to Bergamo?')
  await agent.accepts(next.id)
  await agent.ends(next.id)
  await done(3)
  expect(crm.logged.map(({ personId }) => personId)).toEqual([winner.id, winner.id])
  expect(crm.callsOf('createPerson')).toEqual([])
})
