import { expect } from 'vitest'
import { test } from './foyer.ts'

test('a visitor asks, an agent accepts, and both read what the other says', async ({ foyer }) => {
  const { visitor, agent, id } = await foyer.chat({ first: 'Hello there' })
  await visitor.says('Do you ship to Norway?')
  await agent.hears(id, 'Do you ship to Norway?')
  await agent.says(id, 'We do.')
  await visitor.hears('We do.')
  expect(await foyer.stateOf(id)).toMatchObject({
    status: 'active',
    agentId: agent.id,
    texts: ['Hello there', 'Do you ship to Norway?', 'We do.'],
  })
})

test('moving the clock lets an offer run out', async ({ foyer }) => {
  const agent = await foyer.agent()
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks()
  const offer = await agent.offered(id)
  foyer.advance(100_000)
  const closed = await agent.socket.frame('offer_closed', (frame) => frame.offerId === offer.id)
  expect(closed.state).toBe('expired')
})
