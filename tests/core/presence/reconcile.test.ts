import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { pino } from 'pino'
import { beforeAll, expect, test } from 'vitest'
import { readConfig } from '#core/config.ts'
import { endByAgent } from '#core/features/conversations/endings.ts'
import { requestConversation } from '#core/features/conversations/requests.ts'
import { accept, decline } from '#core/features/routing/offers.ts'
import { openServices } from '#core/open-services.ts'
import { MemoryBus } from '#core/realtime/bus.ts'
import type { Services } from '#core/services.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'

/** What a process commits and dies before telling, or tells a bus that loses it: people connected to other processes
 *  learn of it all the same, within seconds. */

let foyer: TestFoyer
/** Another process, whose frames reach nobody. */
let mute: Services

beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
  const config = readConfig('start', { FOYER_DATA_DIR: tmpdir(), FOYER_LOG_LEVEL: 'silent' })
  const opened = await openServices(
    { ...config, databaseUrl: foyer.databaseUrl },
    pino({ level: 'silent' }),
    {
      pool: foyer.pool,
      clock: foyer.clock,
      bus: new MemoryBus(),
    },
  )
  mute = opened.services
  return () => opened.close()
})

const silently = (conversationId: string, sender: { type: 'visitor' | 'agent'; id: string }, text: string) =>
  mute.messageLog.append({
    conversationId,
    senderType: sender.type,
    senderId: sender.id,
    clientId: randomUUID(),
    text,
  })
const asksSilently = async (visitorId: string) => {
  const { conversation } = await requestConversation(mute, {
    siteId: foyer.site.id,
    visitorId,
    fields: {},
    text: 'Anybody?',
    clientId: randomUUID(),
    page: null,
  })
  return conversation.id
}

test('people learn what was committed and never told, and only what is theirs', async () => {
  const { visitor, agent, id } = await foyer.chat()
  const colleague = await foyer.agent()
  const [stranger, second, third] = [await foyer.visitor(), await foyer.visitor(), await foyer.visitor()]
  const logs = [visitor.follow(id), agent.follow(id)] as const

  await silently(id, { type: 'agent', id: agent.id }, 'One')
  await silently(id, { type: 'visitor', id: visitor.id }, 'Two')
  await silently(id, { type: 'agent', id: agent.id }, 'Three')
  // in turn: to the colleague, then to the agent
  const declinedId = await asksSilently(second.id)
  const acceptedId = await asksSilently(third.id)

  for (const log of logs) await waitFor('all the lines', () => log.texts.length === 4)
  for (const log of logs) expect(log.texts.slice(1)).toEqual(['One', 'Two', 'Three'])
  expect(agent.conversations.get(id)).toMatchObject({ lastText: 'Three', lastSeq: 5 })
  const [declined, accepted] = await Promise.all([
    waitFor('the colleague’s offer', () => [...colleague.offers.values()][0]),
    waitFor('the agent’s offer', () => [...agent.offers.values()][0]),
  ])
  expect([declined.conversationId, accepted.conversationId]).toEqual([declinedId, acceptedId])
  await waitFor('the visitor’s tab shows the request', () => second.conversation?.status === 'waiting')

  const as = { id: agent.id, name: agent.me.name }
  await decline(mute, colleague.id, declined.id)
  await accept(mute, as, accepted.id)
  await endByAgent(mute, as, id, null)
  await waitFor('the declined offer is gone', () => colleague.offers.size === 0)
  await waitFor('it went on to the agent, and the accepted one is gone', () => {
    const offers = [...agent.offers.values()]
    return offers.length === 1 && offers[0]?.conversationId === declinedId
  })
  await waitFor('the visitor is with somebody', () => third.conversation?.status === 'active')
  await waitFor('so is the agent', () => agent.conversations.get(acceptedId)?.status === 'active')
  await waitFor('the visitor sees the end', () => visitor.conversation?.status === 'ended')
  await waitFor('all agents may see it', () => colleague.conversations.get(id)?.status === 'ended')

  expect(JSON.stringify(stranger.socket.frames)).not.toContain(id)
  const lines = colleague.socket.frames.filter(({ type }) => type === 'entry' || type === 'entries')
  expect(lines).toEqual([])
  expect(JSON.stringify(colleague.socket.frames)).not.toContain(acceptedId)
})
