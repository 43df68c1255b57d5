// @module-tag first-try
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { atLeast, runs, within } from '#tests/support/soak.ts'
import type { VisitorActor } from '#tests/support/visitor-actor.ts'
import { waitFor } from '#tests/support/wait.ts'
import { AgentTab, VisitorTab } from './followers.ts'
import { agentLine, visitorLine } from './line.ts'

const visitorDoes = [
  'asks',
  'says',
  'says',
  'reads',
  'receives',
  'ends',
  'leaves a message',
  'goes and comes',
] as const
const agentDoes = [
  'accepts',
  'accepts',
  'declines',
  'says',
  'says',
  'reads',
  'notes',
  'ends',
  'pauses',
  'is back',
  'corrects',
] as const

const step = fc.oneof(
  fc.record({ visitor: fc.nat(2), does: fc.constantFrom(...visitorDoes) }),
  fc.record({ agent: fc.nat(1), does: fc.constantFrom(...agentDoes) }),
)

const generous = {
  visitorBurst: 1_000,
  visitorPerSecond: 1_000,
  addressBurst: 10_000,
  addressPerSecond: 1_000,
  visitorHelloBurst: 100_000,
  addressHelloBurst: 100_000,
  sessionsPerMinute: 1_000,
}

test('a tab that only follows shows what a tab that loads afresh shows', {
  timeout: within(180_000),
}, async () => {
  const foyer = await startFoyer({ settings: { agentCap: 2, limits: generous } })
  const agents = [await foyer.agent(), await foyer.agent()]
  const visitors = [await foyer.visitor(), await foyer.visitor(), await foyer.visitor()]
  await fc.assert(
    fc.asyncProperty(
      // what stands in one group happens at the same time
      fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 3, maxLength: 12 }),
      atLeast(3, 8_000, async (groups) => {
        const agentTabs = await Promise.all(agents.map((agent) => openAgentTab(foyer, agent)))
        const visitorTabs = await Promise.all(visitors.map((visitor) => openVisitorTab(foyer, visitor)))
        const followed = [
          ...agentTabs.map(({ socket }) => new AgentTab(socket)),
          ...visitorTabs.map(({ socket }) => new VisitorTab(socket)),
        ]
        for (const group of groups)
          await Promise.allSettled(
            group.map((one) =>
              'visitor' in one
                ? visitorStep(pick(visitors, one.visitor), one.does)
                : agentStep(pick(agents, one.agent), one.does),
            ),
          )
        let fresh: unknown[] = []
        const alike = await waitFor(
          'both show the same',
          async () => {
            fresh = await loadAfresh(foyer, agents, visitors)
            return isDeepEqual(
              followed.map((tab) => tab.shown),
              fresh,
            )
          },
          { everyMs: 50 },
        ).catch(() => false)
        if (!alike) expect(followed.map((tab) => tab.shown)).toEqual(fresh)
        await Promise.all([...agentTabs, ...visitorTabs].map(({ socket }) => socket.close()))
      }),
    ),
    { numRuns: runs(6, 10), endOnFailure: true },
  )
  await foyer.close()
})

async function openAgentTab(foyer: TestFoyer, agent: AgentActor) {
  const socket = await agentLine(foyer, agent)
  socket.send({ type: 'hello', token: agent.me.socketToken })
  await socket.frame('welcome')
  return { socket }
}

async function openVisitorTab(foyer: TestFoyer, visitor: VisitorActor) {
  const socket = await visitorLine(foyer)
  socket.send({ type: 'hello', token: visitor.session.token })
  await socket.frame('welcome')
  return { socket }
}

async function loadAfresh(foyer: TestFoyer, agents: AgentActor[], visitors: VisitorActor[]) {
  const opened = await Promise.all([
    ...agents.map(async (agent) => {
      const { socket } = await openAgentTab(foyer, agent)
      return { socket, shown: new AgentTab(socket).shown }
    }),
    ...visitors.map(async (visitor) => {
      const { socket } = await openVisitorTab(foyer, visitor)
      return { socket, shown: new VisitorTab(socket).shown }
    }),
  ])
  await Promise.all(opened.map(({ socket }) => socket.close()))
  return opened.map(({ shown }) => shown)
}

async function visitorStep(visitor: VisitorActor, does: (typeof visitorDoes)[number]): Promise<void> {
  const { http, socket, conversation } = visitor
  const seen = (readSeq: number, receivedSeq: number) =>
    socket.send({ type: 'seen', conversationId: conversation?.id, readSeq, receivedSeq })
  if (does === 'asks') await http.post('/widget/conversations', { text: 'Hello', clientId: randomUUID() })
  else if (does === 'goes and comes') {
    await visitor.leaves()
    await visitor.connect()
  } else if (!conversation) return
  else if (does === 'says') await visitor.says(`I say ${randomUUID()}`)
  else if (does === 'reads') seen(conversation.lastSeq + 3, 0)
  else if (does === 'receives') seen(0, conversation.lastSeq + 1)
  else if (does === 'ends') await visitor.ends()
  else {
    const fields = { email: 'someone@example.test' }
    const body = { conversationId: conversation.id, fields, text: 'Later', clientId: randomUUID() }
    await http.post('/widget/messages', body)
  }
}

async function agentStep(agent: AgentActor, does: (typeof agentDoes)[number]): Promise<void> {
  const { http, socket } = agent
  const [offer] = agent.offers.values()
  const chat = [...agent.conversations.values()].find(({ status }) => status === 'active')
  if (does === 'pauses') await agent.switchTo('unavailable')
  else if (does === 'is back') await agent.switchTo('schedule')
  else if (does === 'accepts' && offer) await http.post(`/offers/${offer.id}/accept`)
  else if (does === 'declines' && offer) await http.post(`/offers/${offer.id}/decline`)
  else if (!chat) return
  else if (does === 'says') await agent.says(chat.id, `We say ${randomUUID()}`)
  else if (does === 'reads')
    socket.send({ type: 'seen', conversationId: chat.id, readSeq: chat.lastSeq + 2, receivedSeq: 0 })
  else if (does === 'notes') await agent.writesNote(chat.id, 'A note')
  else if (does === 'ends') await agent.ends(chat.id)
  else if (does === 'corrects') await http.patch(`/visitors/${chat.visitor.id}`, { name: randomUUID() })
}

function pick<T>(all: T[], index: number): T {
  const one = all[index]
  if (one === undefined) throw new Error(`There is no ${index}`)
  return one
}

function isDeepEqual(a: unknown, b: unknown): boolean {
  try {
    expect(a).toEqual(b)
    return true
  } catch {
    return false
  }
}

test('an open widget hears when somebody can be reached again, and when nobody can', async () => {
  const foyer = await startFoyer({ workers: false })
  const visitor = await foyer.visitor()
  expect((await visitor.socket.frame('welcome')).reachability.open).toBe(false)
  const agent = await foyer.agent()
  await visitor.socket.frame('reachability', ({ reachability }) => reachability.open)
  await agent.switchTo('unavailable')
  await waitFor('nobody can', () => visitor.socket.ofType('reachability').at(-1)?.reachability.open === false)
  await foyer.close()
})
