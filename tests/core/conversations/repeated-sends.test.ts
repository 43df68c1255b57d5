import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { test } from '#tests/support/foyer.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

test('a message stored just before its process died reaches the others when its sender repeats it', async ({
  foyer,
}) => {
  const { visitor, agent, id } = await foyer.chat()
  const clientId = randomUUID()
  const message = { conversationId: id, senderType: 'visitor', senderId: visitor.id, clientId } as const
  // all that happened there: the commit
  await foyer.app.services.messageLog.append({ ...message, text: 'Are you there?' })
  const { seq } = await visitor.says('Are you there?', { conversationId: id, clientId })
  await agent.hears(id, 'Are you there?')
  // a repeated send changes nothing, whatever it says now
  const again = await visitor.says('Something else', { conversationId: id, clientId })
  expect(again.seq).toBe(seq)
  await visitor.says('And now?', { conversationId: id })
  await agent.hears(id, 'And now?')
  expect((await foyer.stateOf(id)).texts.slice(1)).toEqual(['Are you there?', 'And now?'])
  const told = agent.socket.ofType('entry').filter(({ entry }) => entry.seq === seq)
  expect(new Set(told.map(({ entry }) => entry.text))).toEqual(new Set(['Are you there?']))
})

test('over HTTP and the socket a client id is one message', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  const clientId = randomUUID()
  const sent = await visitor.http.post<{ seq: number; at: string }>(`/widget/conversations/${id}/messages`, {
    clientId,
    text: 'Once',
  })
  expect(await visitor.says('Once', { conversationId: id, clientId })).toMatchObject({
    seq: sent.seq,
    at: sent.at,
  })
  // the same id of another sender is another message
  expect((await agent.says(id, 'Mine', clientId)).seq).toBe(sent.seq + 1)
  expect((await foyer.stateOf(id)).texts.slice(1)).toEqual(['Once', 'Mine'])
})

test('a send repeated after the chat has ended is acknowledged as it was', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  const clientId = randomUUID()
  const { seq, at } = await visitor.says('Just in time', { conversationId: id, clientId })
  await agent.ends(id)
  expect(await visitor.says('Just in time', { conversationId: id, clientId })).toMatchObject({ seq, at })
  await expect(visitor.says('Too late', { conversationId: id })).rejects.toThrow('conversation_ended')
})

test('a request repeated while another one is open stays the answer it had', async ({ foyer }) => {
  const agent = await foyer.agent()
  const visitor = await foyer.visitor()
  const request = { text: 'First question', clientId: randomUUID() }
  const first = await visitor.http.post<WidgetConversation>('/widget/conversations', request)
  await agent.accepts(first.id)
  await agent.ends(first.id)
  const second = await visitor.asks('Second question')
  expect(second.id).not.toBe(first.id)
  // a tab that slept through all of it tries once more
  expect(await visitor.http.post('/widget/conversations', request)).toMatchObject({
    id: first.id,
    status: 'ended',
  })
  expect((await foyer.stateOf(second.id)).texts).toEqual(['Second question'])
})

test('what a second tab filled in reaches the agent of the chat that the first one opened', async ({
  foyer,
}) => {
  const agent = await foyer.agent()
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks('Hello')
  await agent.accepts(id)
  const fields = { name: 'Ottoline', email: 'otto@quux-works.test' }
  const asked = { text: 'It is me', fields, clientId: randomUUID() }
  expect(await visitor.http.post('/widget/conversations', asked)).toMatchObject({ id, status: 'active' })
  await agent.hears(id, 'It is me')
  const told = agent.socket.ofType('visitor').at(-1)
  expect(told?.visitor).toMatchObject(fields)
})

test('two tabs that ask at once open one conversation and lose no text', async ({ foyer }) => {
  await foyer.agent()
  const visitor = await foyer.visitor()
  const ask = (text: string) =>
    visitor.http.post<WidgetConversation>('/widget/conversations', { text, clientId: randomUUID() })
  const asked = await Promise.all(['One', 'Two', 'Three'].map(ask))
  const ids = new Set(asked.map(({ id }) => id))
  expect(ids.size).toBe(1)
  const [id = ''] = ids
  expect((await foyer.stateOf(id)).texts.sort()).toEqual(['One', 'Three', 'Two'])
})
