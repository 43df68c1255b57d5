import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

const fields = { email: 'sofia.ricci@northwind.test' }

test.afterEach(({ foyer }) => retireEverybody(foyer))

test('a message left with nobody there is one missed conversation, however often it is sent', async ({
  foyer,
}) => {
  const visitor = await foyer.visitor()
  const message = { fields, text: 'Please write to me.', clientId: randomUUID() }
  const left = await visitor.http.post<WidgetConversation>('/widget/messages', message)
  expect(left).toMatchObject({ status: 'missed', endReason: 'left_message', messageLeft: true, lastSeq: 1 })
  expect(await visitor.http.post('/widget/messages', message)).toMatchObject({ id: left.id, lastSeq: 1 })
  expect((await foyer.stateOf(left.id)).texts).toEqual(['Please write to me.'])
})

test('nobody fills the list of missed chats: a visitor begins at most 50 in 24 hours', async ({ foyer }) => {
  const visitor = await foyer.visitor()
  await foyer.pool.query(
    `insert into conversations (id, site_id, visitor_id, status, client_id, requested_at, ended_at, end_reason, last_at, visitor_seen_at, first_text)
     select gen_random_uuid(), v.site_id, v.id, 'missed', 'earlier-' || n, at, at, 'left_message', at, at, 'Hello'
     from visitors v, generate_series(1, 49) n, lateral (select $2::timestamptz - n * interval '1 minute') t (at)
     where v.id = $1`,
    [visitor.id, foyer.clock.now()],
  )
  const message = { fields, text: 'Please write to me.', clientId: randomUUID() }
  await visitor.http.post('/widget/messages', message)
  const another = { ...message, clientId: randomUUID() }
  await expect(visitor.http.post('/widget/messages', another)).rejects.toMatchObject({ status: 429 })
  // what was stored before is none too many
  await visitor.http.post('/widget/messages', message)
})

test('an ended chat is read-only: what is left after it becomes a conversation of its own', async ({
  foyer,
}) => {
  const { visitor, agent, id } = await foyer.chat({ first: 'Hello' })
  await agent.ends(id)
  const message = { conversationId: id, fields, text: 'One more thing', clientId: randomUUID() }
  const left = await visitor.http.post<WidgetConversation>('/widget/messages', message)
  expect(left.id).not.toBe(id)
  expect(left.status).toBe('missed')
  expect((await visitor.http.post<WidgetConversation>('/widget/messages', message)).id).toBe(left.id)
  expect((await foyer.stateOf(id)).texts).toEqual(['Hello'])
  expect((await foyer.stateOf(left.id)).texts).toEqual(['One more thing'])
})

test('a tab that has not heard of the request leaves its message there', async ({ foyer }) => {
  await foyer.agent()
  const visitor = await foyer.visitor()
  const open = await visitor.asks('Hello')
  const message = { fields, text: 'Call me back', clientId: randomUUID() }
  const left = await visitor.http.post<WidgetConversation>('/widget/messages', message)
  expect(left).toMatchObject({ id: open.id, messageLeft: true, lastSeq: 2 })
})

test('a blocked visitor’s message is one conversation that nobody sees, however often it is sent', async ({
  foyer,
}) => {
  const { visitor, agent, id: blockedIn } = await foyer.chat()
  const before = await foyer.visitor({ token: visitor.session.token })
  await agent.ends(blockedIn)
  await agent.switchTo('unavailable')
  const missed = await before.asks('Anybody?')
  const seen = { conversationId: missed.id, fields, text: 'Before', clientId: randomUUID() }
  await before.http.post('/widget/messages', seen)
  const apart = { fields, text: 'On its own', clientId: randomUUID() }
  const own = await before.http.post<WidgetConversation>('/widget/messages', apart)
  await agent.http.post(`/conversations/${blockedIn}/block`)

  const message = { conversationId: missed.id, fields, text: 'You!', clientId: randomUUID() }
  const left = await before.http.post<WidgetConversation>('/widget/messages', message)
  expect(left.id).not.toBe(missed.id)
  for (const again of [message, { ...message, conversationId: undefined }])
    expect(await before.http.post('/widget/messages', again)).toMatchObject({ id: left.id, lastSeq: 1 })
  // what was said before the block is said once as well
  expect(await before.http.post('/widget/messages', seen)).toMatchObject({ id: missed.id })
  expect(await before.http.post('/widget/messages', apart)).toMatchObject({ id: own.id, lastSeq: 1 })
  expect((await foyer.stateOf(missed.id)).texts).toEqual(['Anybody?', 'Before'])
  const { rows } = await foyer.pool.query(
    'select id, blocked from conversations where visitor_id = $1 order by requested_at, id',
    [visitor.id],
  )
  expect(rows.map((row) => row.id)).toEqual([blockedIn, missed.id, own.id, left.id])
  expect(rows.map((row) => row.blocked)).toEqual([false, false, false, true])
})

test('a left message that is sent once more after an answer asks for no other', async ({ foyer }) => {
  const visitor = await foyer.visitor()
  const message = { fields, text: 'Please write to me.', clientId: randomUUID() }
  const { id } = await visitor.http.post<WidgetConversation>('/widget/messages', message)
  await foyer.pool.query('update conversations set replied_at = $2 where id = $1', [id, foyer.clock.now()])
  expect(await visitor.http.post('/widget/messages', message)).toMatchObject({ id, lastSeq: 1 })
  const { rows } = await foyer.pool.query('select replied_at from conversations where id = $1', [id])
  expect(rows[0].replied_at).not.toBeNull()
})

test('nobody leaves messages in the conversations of others', async ({ foyer }) => {
  const { id } = await foyer.chat()
  const stranger = await foyer.visitor()
  const message = { conversationId: id, fields, text: 'Let me in', clientId: randomUUID() }
  await expect(stranger.http.post('/widget/messages', message)).rejects.toMatchObject({ status: 404 })
})

test('however many are missed at once, every badge ends with the number of all', async ({ foyer }) => {
  const watcher = await foyer.agent()
  await watcher.switchTo('unavailable')
  const visitors = await Promise.all(Array.from({ length: 12 }, () => foyer.visitor()))
  await Promise.all(
    visitors.map((visitor, n) =>
      n % 2 === 0
        ? visitor.asks()
        : visitor.http.post('/widget/messages', { fields, text: 'Later then', clientId: randomUUID() }),
    ),
  )
  const { rows } = await foyer.pool.query<{ n: number }>(
    `select count(*) as n from conversations where status = 'missed' and not blocked and replied_at is null`,
  )
  await waitFor('the badge shows them all', () => watcher.missed === rows[0]?.n)
  const counts = watcher.socket.ofType('counts').map((frame) => frame.counts.missed)
  expect(counts).toEqual([...counts].sort((a, b) => a - b))
})

// last, since a clock that jumps makes agents unreachable until their process renews its lease
test('a message left just as an agent accepts is a message like any other', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  await agent.says(id, 'Hi, how can I help?')
  const before = await agent.http.get<{ waitingSince: string | null }>(`/conversations/${id}`)
  expect(before.waitingSince).toBeNull()
  foyer.clock.advance(5 * 60_000)
  await visitor.http.post('/widget/messages', {
    conversationId: id,
    fields,
    text: 'Call me back',
    clientId: randomUUID(),
  })
  await agent.hears(id, 'Call me back')
  const after = await agent.http.get<{ waitingSince: string; lastAt: string; idleAt: string }>(
    `/conversations/${id}`,
  )
  expect(after.waitingSince).toBe(after.lastAt)
  expect(Date.parse(after.idleAt) - Date.parse(after.lastAt)).toBe(10 * 60_000)
})
