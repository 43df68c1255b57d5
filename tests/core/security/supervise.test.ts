import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { z } from 'zod'
import type { Agent, AuditPage, Me } from '#core/contracts/agents.ts'
import type { ConversationPage, EntryPage } from '#core/contracts/conversations.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { type TestFoyer, test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

/** `conversations.supervise`: given to single agents by an admin, and no more than reading. */

test.afterEach(({ foyer }) => retireEverybody(foyer))

const secret = 'pangolin'
const statusOf = (call: Promise<unknown>) =>
  call.then(
    () => 200,
    (error: { status?: number }) => error.status ?? -1,
  )

/** A chat of somebody's, and another agent who was allowed to watch. */
async function watched(foyer: TestFoyer) {
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const boss = await foyer.agent({ online: false })
  await admin.http.put('/me/availability', { status: 'unavailable' })
  await boss.http.put('/me/availability', { status: 'unavailable' })
  const { visitor, agent: owner, id } = await foyer.chat({ first: `My ${secret} is ill` })
  await allow(admin, boss, true)
  return { admin, boss, visitor, owner, id }
}

const allow = (admin: AgentActor, agent: AgentActor, supervises: boolean) =>
  admin.http.patch<Agent>(`/agents/${agent.id}`, { supervises })

const watchedLines = async (foyer: TestFoyer, id: string) => {
  const { rows } = await foyer.pool.query<{ actor: string }>(
    `select actor_id as actor from audit_log where action = 'conversation.watched' and object_id = $1`,
    [id],
  )
  return rows.map(({ actor }) => actor)
}

test('only an admin gives it, and it is written down', async ({ foyer }) => {
  const { admin, boss, owner } = await watched(foyer)
  expect(await statusOf(allow(owner, owner, true))).toBe(403)
  expect(await statusOf(admin.http.patch(`/agents/${boss.id}`, { supervises: 'yes' }))).toBe(422)
  expect((await boss.http.get<Me>('/me')).permissions).toContain('conversations.supervise')
  expect((await admin.http.get<Me>('/me')).permissions).not.toContain('conversations.supervise')
  const { entries } = await admin.http.get<z.infer<typeof AuditPage>>('/audit-log')
  expect(entries).toContainEqual(
    expect.objectContaining({ action: 'agent.changed', object: boss.me.name, detail: { supervises: true } }),
  )
})

test('who may watch sees active chats of others in All, by id, by search and over the socket', async ({
  foyer,
}) => {
  const { boss, owner, visitor, id } = await watched(foyer)
  const { http } = boss
  const ids = async (query: string) =>
    (await http.get<ConversationPage>(`/conversations?${query}`)).conversations.map((one) => one.id)
  expect(await ids('view=all')).toContain(id)
  expect(await ids(`view=all&agentId=${owner.id}`)).toContain(id)
  expect(await ids('view=active')).not.toContain(id)
  await waitFor('search finds it', async () => (await ids(`view=all&query=${secret}`)).includes(id))
  expect(await http.get(`/conversations/${id}`)).toMatchObject({ status: 'active', agent: { id: owner.id } })
  expect((await http.get<EntryPage>(`/conversations/${id}/messages`)).entries).toHaveLength(2)
  expect(await statusOf(http.get(`/visitors/${visitor.id}`))).toBe(200)
  await boss.connect()
  const log = boss.follow(id)
  await waitFor('the log has come', () => log.lastSeq === 2)
  // once, however much is read
  expect(await watchedLines(foyer, id)).toEqual([boss.id])
  await http.get(`/conversations/${id}/transcript.txt`)
  expect(await watchedLines(foyer, id)).toEqual([boss.id])
  await owner.http.get(`/conversations/${id}/messages`)
  expect(await watchedLines(foyer, id)).toEqual([boss.id])
})

test('each way to read a chat of somebody’s is written down once, and rows of the list are not', async ({
  foyer,
}) => {
  const { boss, owner, visitor, id } = await watched(foyer)
  const ways: Record<string, string> = {
    'by id': `/conversations/${id}`,
    'its messages': `/conversations/${id}/messages`,
    'its transcript': `/conversations/${id}/transcript.txt`,
    'a search that quotes it': `/conversations?view=all&query=${secret}`,
    'the visitor’s history': `/visitors/${visitor.id}/activities`,
  }
  const read = async ({ http }: AgentActor, path: string) => (await http.raw('GET', path)).text()
  await waitFor('search finds it', async () =>
    (await read(owner, `/conversations?view=all&query=${secret}`)).includes(id),
  )
  expect(await read(boss, '/conversations?view=all')).toContain(id)
  await foyer.pool.query(`update visitors set name = 'Wilma Zander' where id = $1`, [visitor.id])
  expect(await read(boss, '/conversations?view=all&query=zander')).toContain(id)
  expect(await watchedLines(foyer, id)).toEqual([])
  for (const [way, path] of Object.entries(ways)) {
    await read(owner, path)
    for (let n = 0; n < 2; n++)
      expect([way, await read(boss, path)]).toEqual([way, expect.stringContaining(secret)])
    expect([way, await watchedLines(foyer, id)]).toEqual([way, [boss.id]])
    await foyer.pool.query(`delete from audit_log where action = 'conversation.watched'`)
  }
  await owner.ends(id)
  for (const path of Object.values(ways)) await read(boss, path)
  expect(await watchedLines(foyer, id)).toEqual([])
})

test('watching is reading only', async ({ foyer }) => {
  const { boss, owner, visitor, id } = await watched(foyer)
  const { http } = boss
  const message = () => ({ clientId: randomUUID(), text: 'Let me in' })
  const colleague = await foyer.agent()
  const attempts: Record<string, () => Promise<unknown>> = {
    say: () => http.post(`/conversations/${id}/messages`, message()),
    note: () => http.post(`/conversations/${id}/notes`, message()),
    end: () => http.post(`/conversations/${id}/end`),
    outcome: () => http.put(`/conversations/${id}/outcome`, { outcome: 'spam' }),
    claim: () => http.post(`/conversations/${id}/claim`),
    reply: () => http.post(`/conversations/${id}/reply`, message()),
    'hand over': () => http.post(`/conversations/${id}/handover`, { agentId: colleague.id }),
    'take back': () => http.call('DELETE', `/conversations/${id}/handover`),
    'mail the transcript': () => http.post(`/conversations/${id}/mail-transcript`),
    correct: () => http.patch(`/visitors/${visitor.id}`, { name: 'Mine' }),
  }
  for (const [name, attempt] of Object.entries(attempts))
    expect([name, await statusOf(attempt())]).toEqual([name, 404])
  await boss.connect()
  const { socket } = boss
  socket.send({ type: 'send', conversationId: id, ...message() })
  socket.send({ type: 'note', conversationId: id, ...message() })
  await waitFor('both are refused', () => socket.ofType('refused').length === 2)
  // nor does reading mark anything as read
  socket.send({ type: 'seen', conversationId: id, readSeq: 2, receivedSeq: 2 })
  socket.send({ type: 'typing', conversationId: id, typing: true })
  await owner.says(id, 'Still mine')
  await visitor.hears('Still mine')
  expect(visitor.socket.ofType('typing')).toEqual([])
  expect((await foyer.stateOf(id)).agentId).toBe(owner.id)
})

test('taken back, it ends at once, on open sockets too', async ({ foyer }) => {
  const { admin, boss, id } = await watched(foyer)
  await boss.connect()
  expect(await statusOf(boss.http.get(`/conversations/${id}`))).toBe(200)
  await allow(admin, boss, false)
  await waitFor('the socket is closed', () => boss.socket.closed)
  expect(await statusOf(boss.http.get(`/conversations/${id}`))).toBe(404)
  expect(JSON.stringify(await boss.http.get('/conversations?view=all'))).not.toContain(id)
})
