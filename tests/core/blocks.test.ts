import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { BlockedVisitor, BlockPage } from '#core/contracts/blocks.ts'
import type { ConversationPage } from '#core/contracts/conversations.ts'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

test.afterEach(({ foyer }) => retireEverybody(foyer))

const block = ({ http }: AgentActor, id: string, body: object = {}) =>
  http.post<BlockedVisitor>(`/conversations/${id}/block`, body)
const blocks = async ({ http }: AgentActor) => (await http.get<BlockPage>('/blocks')).blocks
const seen = async ({ http }: AgentActor) => {
  const pages = await Promise.all(
    ['active', 'all', 'missed', 'all&query=Grumble'].map((view) =>
      http.get<ConversationPage>(`/conversations?view=${view}`),
    ),
  )
  return pages.flatMap(({ conversations }) => conversations.map(({ id }) => id))
}

test('blocking ends the chat, and from then on nobody is available for the visitor, who is not told why', async ({
  foyer,
}) => {
  const { visitor, agent, id } = await foyer.chat({ first: 'Grumble' })
  const { block: made, conversation } = await block(agent, id)
  expect(conversation).toMatchObject({ id, status: 'ended', endReason: 'agent' })
  expect(made).toMatchObject({ visitor: { id: visitor.id }, email: null, blockedBy: { name: agent.me.name } })
  await waitFor('the visitor sees the end', () => visitor.conversation?.status === 'ended')
  await expect(visitor.says('You!', { conversationId: id })).rejects.toThrow('conversation_ended')

  const offers = agent.socket.ofType('offer').length
  const counts = agent.missed
  const asked = await visitor.asks('Grumble again')
  expect(asked).toMatchObject({ status: 'missed', endReason: 'nobody_available' })
  // what a stranger would read where nobody is there, to the line
  const stranger = await foyer.visitor()
  await agent.switchTo('unavailable')
  const alone = await stranger.asks('Hello')
  expect(Object.keys(asked).sort()).toEqual(Object.keys(alone).sort())
  const linesOf = async (one: typeof visitor, of: WidgetConversation) =>
    (
      await one.http.get<{ entries: { kind: string; data: unknown }[] }>(
        `/widget/conversations/${of.id}/messages`,
      )
    ).entries.map(({ kind, data }) => ({ kind, data }))
  expect(await linesOf(visitor, asked)).toEqual(await linesOf(stranger, alone))
  const left = await visitor.http.post<WidgetConversation>('/widget/messages', {
    conversationId: asked.id,
    fields: { email: 'grumble@example.test' },
    text: 'Grumble grumble',
    clientId: randomUUID(),
  })
  expect(left).toMatchObject({ id: asked.id, messageLeft: true })

  await waitFor('the stranger’s request shows', () => agent.missed === counts + 1)
  expect(await seen(agent)).not.toContain(asked.id)
  for (const path of ['', '/messages', '/transcript.txt'])
    await expect(agent.http.get(`/conversations/${asked.id}${path}`)).rejects.toMatchObject({ status: 404 })
  expect(agent.socket.ofType('offer')).toHaveLength(offers)
  expect(JSON.stringify(agent.socket.frames)).not.toContain(asked.id)
  await agent.connect()
  expect(agent.missed).toBe(counts + 1)
})

test('whoever gives a blocked address is blocked in any browser, and undoing it brings everybody back', async ({
  foyer,
}) => {
  const agent = await foyer.agent()
  const fields = { email: 'Pest@Example.test', name: 'Pest' }
  const visitor = await foyer.visitor({ fields })
  const { id } = await visitor.asks('First')
  await agent.accepts(id)
  const { block: made } = await block(agent, id, { email: true })
  expect(made).toMatchObject({ email: 'pest@example.test', visitor: { name: 'Pest' } })
  const other = await foyer.visitor({ fields })
  expect((await other.asks('Second')).status).toBe('missed')
  expect((await (await foyer.visitor()).asks('Somebody else')).status).toBe('waiting')
  expect((await blocks(agent)).map((one) => one.id)).toContain(made.id)

  const colleague = await foyer.agent()
  await colleague.http.call('DELETE', `/blocks/${made.id}`)
  await colleague.http.call('DELETE', `/blocks/${made.id}`)
  expect((await blocks(agent)).map((one) => one.id)).not.toContain(made.id)
  expect((await other.asks('Third')).status).toBe('waiting')
  const admin = await foyer.agent({ profile: 'admin', online: false })
  const { entries } = await admin.http.get<{ entries: { action: string; actor: string }[] }>('/audit-log')
  expect(entries.filter(({ action }) => action.startsWith('visitor.')).slice(0, 2)).toMatchObject([
    { action: 'visitor.unblocked', actor: colleague.me.name },
    { action: 'visitor.blocked', actor: agent.me.name },
  ])
})

test('of a block and a request at the same time, none slips through', async ({ foyer }) => {
  for (let round = 0; round < 5; round++) {
    const { visitor, agent, id } = await foyer.chat()
    await agent.ends(id)
    const [, asked] = await Promise.all([block(agent, id), visitor.asks('Quick')])
    await waitFor('it is over', async () => (await foyer.stateOf(asked.id)).status === 'missed')
    expect((await visitor.asks('And now?')).status).toBe('missed')
    expect([...agent.offers.values()].map((offer) => offer.conversationId)).not.toContain(asked.id)
    await retireEverybody(foyer)
  }
})

test('only one’s own active chat, or one that is over, is blocked from', async ({ foyer }) => {
  const { agent, id, visitor } = await foyer.chat()
  const other = await foyer.agent({ online: false })
  await expect(block(other, id)).rejects.toMatchObject({ status: 404 })
  await expect(block(agent, randomUUID())).rejects.toMatchObject({ status: 404 })
  await expect(block(agent, id, { email: 'yes' })).rejects.toMatchObject({ status: 422 })
  await expect(agent.http.call('DELETE', `/blocks/${randomUUID()}`)).rejects.toMatchObject({ status: 404 })
  await expect(agent.http.get('/blocks?cursor=x')).rejects.toMatchObject({ status: 422 })
  expect((await foyer.stateOf(id)).status).toBe('active')
  await visitor.ends(id)
  // again is no second one
  const [first, second] = [await block(other, id), await block(agent, id, { email: true })]
  expect(second.block.id).toBe(first.block.id)
})
