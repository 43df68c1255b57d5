import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { ConversationPage, Entry } from '#core/contracts/conversations.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

const secret = 'pangolin'

async function statusOf(call: Promise<unknown>): Promise<number> {
  return call.then(
    () => 200,
    (error: { status?: number }) => error.status ?? -1,
  )
}

/** Everything about a chat that an agent might try, and what becomes of it. */
function attempts(
  { http }: AgentActor,
  id: string,
  visitorId: string,
): Record<string, () => Promise<unknown>> {
  const message = () => ({ clientId: randomUUID(), text: 'Let me in' })
  return {
    read: () => http.get(`/conversations/${id}`),
    messages: () => http.get(`/conversations/${id}/messages`),
    'transcript as text': () => http.get(`/conversations/${id}/transcript.txt`),
    'transcript as json': () => http.get(`/conversations/${id}/transcript.json`),
    say: () => http.post(`/conversations/${id}/messages`, message()),
    note: () => http.post(`/conversations/${id}/notes`, message()),
    end: () => http.post(`/conversations/${id}/end`),
    outcome: () => http.put(`/conversations/${id}/outcome`, { outcome: 'spam' }),
    visitor: () => http.get(`/visitors/${visitorId}`),
    correct: () => http.patch(`/visitors/${visitorId}`, { name: 'Mine' }),
    refresh: () => http.post(`/visitors/${visitorId}/refresh`),
    activities: () => http.get(`/visitors/${visitorId}/activities`),
  }
}

async function found({ http }: AgentActor, query = ''): Promise<string[]> {
  const ids: string[] = []
  for (const view of ['active', 'all', 'missed'])
    for (const filter of ['', `&query=${query || secret}`]) {
      const page = await http.get<ConversationPage>(`/conversations?view=${view}${filter}`)
      ids.push(...page.conversations.map(({ id }) => id))
    }
  return ids
}

test('an active chat of somebody else does not exist, for agents and admins alike', async ({ foyer }) => {
  const owner = await foyer.agent()
  const visitor = await foyer.visitor({ fields: { name: `Ada ${secret}` } })
  const { id } = await visitor.asks(`My ${secret} is ill`)
  const offer = await owner.offered(id)
  const others = [await foyer.agent({ name: 'Other' }), await foyer.agent({ name: 'Boss', profile: 'admin' })]

  // while it is on offer to one agent it is nobody else's either
  for (const other of others) {
    expect(await statusOf(other.http.post(`/offers/${offer.id}/accept`))).toBe(404)
    expect(await statusOf(other.http.post(`/offers/${offer.id}/decline`))).toBe(404)
    expect(await statusOf(other.http.get(`/conversations/${id}`))).toBe(404)
    expect(await statusOf(other.http.get(`/visitors/${visitor.id}`))).toBe(404)
  }
  await owner.accepts(id)
  await owner.says(id, `Bring the ${secret} in`)
  await owner.writesNote(id, `A ${secret}!`)
  await waitFor('its owner finds it', async () => (await found(owner)).includes(id))

  for (const other of others) {
    for (const [name, attempt] of Object.entries(attempts(other, id, visitor.id)))
      expect([name, await statusOf(attempt())]).toEqual([name, 404])
    expect(await found(other)).not.toContain(id)
    expect(await found(other, 'Ada')).not.toContain(id)

    const { socket } = other
    const clientIds = [randomUUID(), randomUUID()]
    socket.send({ type: 'typing', conversationId: id, typing: true })
    socket.send({ type: 'seen', conversationId: id, readSeq: 3, receivedSeq: 3 })
    socket.send({ type: 'resume', conversationId: id, afterSeq: 0 })
    socket.send({ type: 'send', conversationId: id, clientId: clientIds[0], text: 'Let me in' })
    socket.send({ type: 'note', conversationId: id, clientId: clientIds[1], text: 'Let me in' })
    await waitFor('all three are refused', () => socket.ofType('refused').length === 3)
    for (const refused of socket.ofType('refused')) expect(refused.code).toBe('not_found')
    const clientIdsRefused = socket.ofType('refused').map(({ clientId }) => clientId)
    expect(clientIdsRefused).toEqual(expect.arrayContaining(clientIds))
  }
  // what the owner does after them arrives, and nothing of theirs came before it
  owner.socket.send({ type: 'seen', conversationId: id, readSeq: 1, receivedSeq: 1 })
  expect((await visitor.socket.frame('seen')).readSeq).toBe(1)
  expect(visitor.socket.ofType('typing')).toEqual([])
  for (const other of others) expect(JSON.stringify(other.socket.frames)).not.toContain(secret)
  expect((await foyer.stateOf(id)).texts).toEqual([`My ${secret} is ill`, `Bring the ${secret} in`])

  // over, it is everybody's to read and nobody's to go on with
  await owner.ends(id)
  for (const other of others) {
    const seen = await other.socket.frame('conversation', ({ conversation }) => conversation.id === id)
    expect(seen.conversation.status).toBe('ended')
    expect(await found(other)).toContain(id)
    const page = await other.http.get<{ entries: Entry[] }>(`/conversations/${id}/messages`)
    expect(page.entries.length).toBe(4)
    expect(await statusOf(other.http.get(`/visitors/${visitor.id}`))).toBe(200)
    expect(await statusOf(other.http.post(`/conversations/${id}/end`))).toBe(404)
    const body = { clientId: randomUUID(), text: 'And me' }
    expect(await statusOf(other.http.post(`/conversations/${id}/messages`, body))).toBe(404)
  }
})

test('the same visitor’s older chat with somebody else shows nothing of the one going on', async ({
  foyer,
}) => {
  const { visitor, agent: first, id: older } = await foyer.chat({ first: 'Long ago' })
  await first.ends(older)
  await first.switchTo('unavailable')
  const second = await foyer.agent()
  const { id } = await visitor.asks(`Only for you: ${secret}`)
  await second.accepts(id)
  await second.says(id, `The ${secret} again`)
  const { http } = first
  expect(await statusOf(http.get(`/conversations/${older}`))).toBe(200)
  expect(await statusOf(http.get(`/conversations/${id}`))).toBe(404)
  const panel = await http.get(`/visitors/${visitor.id}`)
  const history = await http.get(`/visitors/${visitor.id}/activities`)
  expect(JSON.stringify([panel, history])).toContain('Long ago')
  expect(JSON.stringify([panel, history])).not.toContain(secret)
  expect(JSON.stringify([panel, history])).not.toContain(id)
})

test('a visitor reaches only their own conversations', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat({ first: `My ${secret}` })
  const stranger = await foyer.visitor()
  const { http, socket } = stranger
  const message = () => ({ clientId: randomUUID(), text: 'Let me in' })
  expect(await statusOf(http.get(`/widget/conversations/${id}/messages`))).toBe(404)
  expect(await statusOf(http.post(`/widget/conversations/${id}/messages`, message()))).toBe(404)
  expect(await statusOf(http.post(`/widget/conversations/${id}/end`))).toBe(404)
  expect(JSON.stringify(await http.get('/widget/conversations'))).not.toContain(id)
  socket.send({ type: 'typing', conversationId: id, typing: true })
  socket.send({ type: 'seen', conversationId: id, readSeq: 1, receivedSeq: 1 })
  socket.send({ type: 'resume', conversationId: id, afterSeq: 0 })
  socket.send({ type: 'send', conversationId: id, ...message() })
  await waitFor('both are refused', () => socket.ofType('refused').length === 2)
  for (const refused of socket.ofType('refused')) expect(refused.code).toBe('not_found')
  await visitor.says('Still mine', { conversationId: id })
  await agent.hears(id, 'Still mine')
  expect(agent.socket.ofType('typing')).toEqual([])
  expect((await foyer.stateOf(id)).status).toBe('active')
  expect(JSON.stringify(socket.frames)).not.toContain(secret)
})

test('a token of another site begins as somebody new', async ({ foyer }) => {
  const { visitor } = await foyer.chat({ first: `My ${secret}` })
  const { aSite } = await import('#tests/support/factories.ts')
  const elsewhere = await aSite(foyer.pool, foyer.clock.now(), { name: 'Elsewhere' })
  const there = await foyer.visitor({ siteKey: elsewhere.key, token: visitor.session.token })
  expect(there.id).not.toBe(visitor.id)
  expect(there.session.token).not.toBe(visitor.session.token)
  expect(there.session.conversation).toBeNull()
  const here = await foyer.visitor({ token: visitor.session.token })
  expect(here.id).toBe(visitor.id)
  expect(here.session.conversation?.id).toBe(visitor.conversation?.id)
})
