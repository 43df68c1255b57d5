import { randomUUID } from 'node:crypto'
import { beforeAll, expect } from 'vitest'
import type { CannedReply } from '#core/contracts/canned-replies.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'

let foyer: TestFoyer
let admin: AgentActor
let dana: AgentActor
let marco: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
  admin = await foyer.agent({ name: 'Ada Admin', profile: 'admin' })
  dana = await foyer.agent({ name: 'Dana' })
  marco = await foyer.agent({ name: 'Marco' })
})

const save = ({ http }: AgentActor, shortcut: string, change: Partial<CannedReply> = {}) =>
  http.post<CannedReply>('/canned-replies', {
    shared: false,
    shortcut,
    text: `Text of ${shortcut}`,
    ...change,
  })
const listOf = async ({ http }: AgentActor) =>
  (await http.get<{ replies: CannedReply[] }>('/canned-replies')).replies

test('one’s own are one’s own, and what an admin shares is everybody’s', async () => {
  const own = await save(dana, ' Hello ', { text: 'Hi {{visitor.name|there}}!' })
  expect(own).toMatchObject({ shared: false, shortcut: 'hello', text: 'Hi {{visitor.name|there}}!' })
  const shared = await save(admin, 'hello', { shared: true })
  expect(await listOf(dana)).toEqual([own, shared])
  expect(await listOf(marco)).toEqual([shared])
  const change = { shared: false, shortcut: 'mine', text: 'Mine now' }
  await expect(marco.http.put(`/canned-replies/${own.id}`, change)).rejects.toMatchObject({ status: 404 })
  await marco.http.call('DELETE', `/canned-replies/${own.id}`)
  expect(await listOf(dana)).toContainEqual(own)
  await dana.http.call('DELETE', `/canned-replies/${own.id}`)
  await dana.http.call('DELETE', `/canned-replies/${own.id}`)
  expect(await listOf(dana)).toEqual([shared])
})

test('only who may share touches what is everybody’s, in either direction, and it is written down', async () => {
  const shared = await save(admin, 'opening', { shared: true })
  const own = await save(dana, 'private')
  const refused = { status: 403, code: 'forbidden', problem: { permission: 'canned_replies.share' } }
  await expect(save(dana, 'all', { shared: true })).rejects.toMatchObject(refused)
  for (const [id, isShared] of [
    [shared.id, true],
    [shared.id, false],
    [own.id, true],
  ] as const)
    await expect(
      dana.http.put(`/canned-replies/${id}`, { shared: isShared, shortcut: 'x', text: 'x' }),
    ).rejects.toMatchObject(refused)
  await expect(dana.http.call('DELETE', `/canned-replies/${shared.id}`)).rejects.toMatchObject(refused)
  expect(await listOf(dana)).toEqual(expect.arrayContaining([shared, own]))
  const { entries } = await admin.http.get<{ entries: { action: string; object: string }[] }>('/audit-log')
  expect(entries.filter(({ action }) => action.startsWith('canned_reply'))).toContainEqual(
    expect.objectContaining({ action: 'canned_reply.created', object: shared.id }),
  )
  expect(JSON.stringify(entries)).not.toContain(own.id)
})

test('open inboxes hear that there is something new, of one’s own only oneself', async () => {
  const told = (one: AgentActor) => one.socket.ofType('settings_changed').length
  const before = [told(dana), told(marco)]
  await save(admin, 'news', { shared: true })
  await save(dana, 'only-me')
  await save(admin, 'last', { shared: true })
  await dana.socket.frame('settings_changed', () => told(dana) === (before[0] ?? 0) + 3)
  await marco.socket.frame('settings_changed', () => told(marco) === (before[1] ?? 0) + 2)
  expect(told(marco)).toBe((before[1] ?? 0) + 2)
})

test('a shortcut stands for one text of one owner, whoever is first', async () => {
  await save(dana, 'twice')
  await expect(save(dana, 'TWICE')).rejects.toMatchObject({
    status: 409,
    code: 'shortcut_taken',
    problem: { errors: [{ field: 'shortcut' }] },
  })
  await save(marco, 'twice')
  const raced = await Promise.allSettled(Array.from({ length: 8 }, () => save(dana, 'raced')))
  expect(raced.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  for (const { reason } of raced.filter((one) => one.status === 'rejected'))
    expect(reason).toMatchObject({ status: 409 })
})

test('what is none is refused by field', async () => {
  for (const [change, field] of [
    [{ shortcut: '' }, 'shortcut'],
    [{ shortcut: 'two words' }, 'shortcut'],
    [{ shortcut: 'a/b' }, 'shortcut'],
    [{ shortcut: 'x'.repeat(41) }, 'shortcut'],
    [{ shortcut: 'nul\0' }, 'shortcut'],
    [{ text: ' \n ' }, 'text'],
    [{ text: 'x'.repeat(4_001) }, 'text'],
    [{ shared: 'yes' }, 'shared'],
  ] as const)
    await expect(
      dana.http.post('/canned-replies', { shared: false, shortcut: 'fine', text: 'Fine', ...change }),
    ).rejects.toMatchObject({ status: 422, problem: { errors: [{ field }] } })
  await expect(
    dana.http.put(`/canned-replies/${randomUUID()}`, { shared: false, shortcut: 'a', text: 'a' }),
  ).rejects.toMatchObject({ status: 404 })
  expect(await save(dana, '日本')).toMatchObject({ shortcut: '日本' })
})

test('an agent has at most 200, however many come at once', async () => {
  const busy = await foyer.agent({ online: false })
  await foyer.pool.query(
    `insert into canned_replies (id, agent_id, shortcut, text, changed_at)
     select gen_random_uuid(), $1, 'r' || n, 'x', now() from generate_series(1, 197) n`,
    [busy.id],
  )
  const raced = await Promise.allSettled(Array.from({ length: 6 }, (_, n) => save(busy, `more-${n}`)))
  expect(raced.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
  await expect(save(busy, 'one-more')).rejects.toMatchObject({ status: 409, code: 'too_many' })
})
