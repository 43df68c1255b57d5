import { randomUUID } from 'node:crypto'
import { beforeAll, expect } from 'vitest'
import type { Visitor } from '#core/contracts/visitors.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { aConversation, aVisitor } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

let foyer: TestFoyer
let dana: AgentActor
let marco: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
  dana = await foyer.agent({ name: 'Dana Whitfield', email: 'dana@foyer.test', online: false })
  marco = await foyer.agent({ name: 'Marco Bellini', online: false })
})

/** Somebody whose chat is over, so that every agent may look. */
async function aKnownVisitor(
  options: { name?: string; email?: string; company?: string } = {},
): Promise<string> {
  const { id } = await aVisitor(foyer.pool, foyer.clock.now(), { siteId: foyer.site.id, ...options })
  await aConversation(foyer.pool, foyer.clock.now(), {
    siteId: foyer.site.id,
    visitorId: id,
    status: 'ended',
    agentId: marco.id,
  })
  return id
}

async function aPerson(email: string, facts: Record<string, string | null> = {}): Promise<void> {
  const person = {
    name: 'Sofia Ricci',
    job_title: 'Head of Purchasing',
    phone: '+39 02 5550 0142',
    crm_status: 'Working - Contacted',
    company: 'Northwind',
    owner_email: 'dana@foyer.test',
    ...facts,
  }
  await foyer.pool.query(
    `insert into people (id, email, name, job_title, phone, crm_status, company, owner_email, external_url, updated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      randomUUID(),
      email,
      person.name,
      person.job_title,
      person.phone,
      person.crm_status,
      person.company,
      person.owner_email,
      'https://crm.test/1',
      new Date('2026-03-01T08:00:00Z'),
    ],
  )
}

const panelOf = (id: string, by = dana) => by.http.get<Visitor>(`/visitors/${id}`)

test('what nobody knows is null', async () => {
  expect(await panelOf(await aKnownVisitor())).toMatchObject({
    name: null,
    jobTitle: null,
    email: null,
    emailVerified: false,
    phone: null,
    crmStatus: null,
    company: null,
    owner: null,
    crm: null,
    page: null,
    timeZone: null,
    language: null,
    referrer: null,
    utm: null,
    visits: { count: 0, lastAt: null },
    online: false,
  })
})

test('the directory fills what the visitor left out, by the e-mail address', async () => {
  await aPerson('sofia@panel.test')
  const id = await aKnownVisitor({ email: 'sofia@panel.test', company: 'Northwind Italia' })
  expect(await panelOf(id)).toMatchObject({
    name: 'Sofia Ricci',
    jobTitle: 'Head of Purchasing',
    email: 'sofia@panel.test',
    emailVerified: false,
    phone: '+39 02 5550 0142',
    crmStatus: 'Working - Contacted',
    company: 'Northwind Italia',
    owner: { name: 'Dana Whitfield', email: 'dana@foyer.test' },
    crm: { source: 'directory', url: 'https://crm.test/1', updatedAt: '2026-03-01T08:00:00.000Z' },
  })
})

test('an owner who is no agent here is known by the address alone', async () => {
  await aPerson('owned@panel.test', { owner_email: 'someone@elsewhere.test' })
  const id = await aKnownVisitor({ email: 'owned@panel.test' })
  expect((await panelOf(id)).owner).toEqual({ name: null, email: 'someone@elsewhere.test' })
})

test('what an agent corrects wins, and null takes the correction back', async () => {
  await aPerson('tom@panel.test', { name: 'Tom Becker', job_title: 'CTO' })
  const id = await aKnownVisitor({ email: 'tom@panel.test', name: 'Tommy' })
  expect((await panelOf(id)).name).toBe('Tommy')
  const corrected = await dana.http.patch<Visitor>(`/visitors/${id}`, {
    name: '  Thomas Becker ',
    jobTitle: 'Chief Technology Officer',
    phone: '+49 30 5550 0100',
  })
  expect(corrected).toMatchObject({
    name: 'Thomas Becker',
    jobTitle: 'Chief Technology Officer',
    phone: '+49 30 5550 0100',
  })
  expect(await panelOf(id, marco)).toEqual(corrected)
  await dana.http.patch(`/visitors/${id}`, { name: null, jobTitle: '' })
  expect(await panelOf(id)).toMatchObject({ name: 'Tommy', jobTitle: 'CTO', phone: '+49 30 5550 0100' })
})

test('a corrected address is not "unverified", and finds the person with it', async () => {
  await aPerson('right@panel.test', { name: 'Right Person' })
  const id = await aKnownVisitor({ email: 'wrong@panel.test' })
  expect(await dana.http.patch<Visitor>(`/visitors/${id}`, { email: 'Right@Panel.test' })).toMatchObject({
    email: 'right@panel.test',
    emailVerified: true,
    name: 'Right Person',
    crmStatus: 'Working - Contacted',
  })
  expect(await dana.http.patch<Visitor>(`/visitors/${id}`, { email: null })).toMatchObject({
    email: 'wrong@panel.test',
    emailVerified: false,
    name: null,
    crm: null,
  })
})

test('past visits count in every browser with the address', async () => {
  const id = await aKnownVisitor({ email: 'visits@panel.test' })
  const other = await aKnownVisitor({ email: 'visits@panel.test' })
  const at = new Date('2026-02-02T10:00:00Z')
  for (const visitorId of [id, id, other])
    await foyer.pool.query(
      'insert into visits (id, visitor_id, started_at, last_at, page_count) values ($1, $2, $3, $3, 1)',
      [randomUUID(), visitorId, at],
    )
  expect((await panelOf(id)).visits).toEqual({ count: 3, lastAt: at.toISOString() })
})

test('refreshing reads the sources again', async () => {
  const id = await aKnownVisitor({ email: 'later@panel.test' })
  expect((await panelOf(id)).crm).toBeNull()
  await aPerson('later@panel.test')
  expect(await dana.http.post(`/visitors/${id}/refresh`)).toMatchObject({ crmStatus: 'Working - Contacted' })
  await expect(dana.http.post(`/visitors/${randomUUID()}/refresh`)).rejects.toMatchObject({ status: 404 })
})

test('a correction reaches the agent who is talking with the visitor, panel and list', async () => {
  const { agent, visitor, id } = await foyer.chat()
  await agent.http.patch(`/visitors/${visitor.id}`, { name: 'Renamed Live', email: 'renamed@panel.test' })
  const frame = await waitFor('the panel follows', () =>
    agent.socket.frames.find((one) => one.type === 'visitor' && one.visitor.id === visitor.id),
  )
  // a client that applied the frame shows what one that loads afresh shows
  expect(frame).toEqual({ type: 'visitor', visitor: await panelOf(visitor.id, agent) })
  await waitFor('the list follows', () => agent.conversations.get(id)?.visitor.name === 'Renamed Live')
  expect(agent.conversations.get(id)).toEqual(await agent.http.get(`/conversations/${id}`))
})

test("a visitor of another agent's open chat can be neither read nor corrected", async () => {
  const { agent, visitor } = await foyer.chat()
  const others = [dana, marco].filter(({ id }) => id !== agent.id)
  for (const other of others) {
    await expect(panelOf(visitor.id, other)).rejects.toMatchObject({ status: 404, code: 'not_found' })
    await expect(other.http.patch(`/visitors/${visitor.id}`, { name: 'Hacked' })).rejects.toMatchObject({
      status: 404,
    })
  }
  expect((await panelOf(visitor.id, agent)).name).toBeNull()
})

test('nonsense is refused in words, and changes nothing', async () => {
  const id = await aKnownVisitor({ name: 'Untouched' })
  for (const body of [
    { name: 'x'.repeat(201) },
    { name: 'a\0b' },
    { name: 7 },
    { email: 'not an address' },
    { crmStatus: 'Customer' },
    { phone: '1'.repeat(51) },
    [],
    'text',
  ])
    await expect(dana.http.patch(`/visitors/${id}`, body)).rejects.toMatchObject({
      problem: { status: expect.toSatisfy((status: number) => status === 422 || status === 400) },
    })
  expect((await panelOf(id)).name).toBe('Untouched')
  await expect(panelOf('7')).rejects.toMatchObject({ status: 422 })
})

test('a correction is in the audit log by field, without what was written', async () => {
  const id = await aKnownVisitor()
  await dana.http.patch(`/visitors/${id}`, { name: 'Secret Name' })
  const { rows } = await foyer.pool.query(
    `select actor_id, action, detail from audit_log where object_type = 'visitor' and object_id = $1`,
    [id],
  )
  expect(rows).toEqual([{ actor_id: dana.id, action: 'visitor.corrected', detail: { fields: ['name'] } }])
})

test('only agents who are signed in see visitors', async () => {
  const id = await aKnownVisitor()
  for (const [method, path] of [
    ['GET', `/visitors/${id}`],
    ['PATCH', `/visitors/${id}`],
    ['POST', `/visitors/${id}/refresh`],
  ] as const) {
    const response = await fetch(`${foyer.origin}/api/v1${path}`, {
      method,
      headers: { connection: 'close', 'content-type': 'application/json' },
      ...(method === 'GET' ? {} : { body: '{}' }),
    })
    expect(response.status).toBe(401)
  }
})
