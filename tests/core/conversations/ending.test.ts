import { expect } from 'vitest'
import type { Conversation } from '#core/contracts/conversations.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { test } from '#tests/support/foyer.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

test('an agent may end a chat without a word', async ({ foyer }) => {
  const { agent, id } = await foyer.chat()
  const reply = await agent.http.raw('POST', `/conversations/${id}/end`)
  expect(reply.status).toBe(200)
  expect(await reply.json()).toMatchObject({ status: 'ended', outcome: null })
})

test('an outcome given as the visitor ends the chat is kept, and the first one stays', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat()
  await visitor.ends(id)
  const end = (outcome: string) => agent.http.post<Conversation>(`/conversations/${id}/end`, { outcome })
  expect((await end('qualified')).outcome).toBe('qualified')
  expect((await end('spam')).outcome).toBe('qualified')
})

test('who comes back meets the agent of their last chat, also after a request nobody took', async ({
  foyer,
}) => {
  const { visitor, agent, id } = await foyer.chat()
  await agent.ends(id)
  await agent.switchTo('unavailable')
  expect((await visitor.asks('Anybody?')).status).toBe('missed')
  await foyer.agent()
  await agent.switchTo('available')
  const asked = await visitor.asks('And now?')
  await agent.accepts(asked.id)
})
