import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { pino } from 'pino'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { readConfig } from '#core/config.ts'
import { setAvailability } from '#core/features/availability/service.ts'
import { endByAgent } from '#core/features/conversations/endings.ts'
import * as conversations from '#core/features/conversations/repository.ts'
import { leaveMessage, requestConversation } from '#core/features/conversations/requests.ts'
import { addNote, setOutcome } from '#core/features/conversations/service.ts'
import { handOver } from '#core/features/routing/handover.ts'
import { accept, decline } from '#core/features/routing/offers.ts'
import { routeAgain } from '#core/features/routing/route.ts'
import { openServices } from '#core/open-services.ts'
import { MemoryBus } from '#core/realtime/bus.ts'
import { change, type Services } from '#core/services.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { aConversation } from '#tests/support/factories.ts'
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

afterEach(() => retireEverybody(foyer))

/** What was committed is repeated once it is so old. */
const quietMs = 5_000
const getsOld = () => foyer.clock.advance(quietMs)

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

  getsOld()
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
  getsOld()
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

test('who hands a chat over learns what became of it, and who had it that it is routed again', async () => {
  const { agent: first, id } = await foyer.chat()
  const second = await foyer.agent()
  const handsOver = () => handOver(mute, first.id, id, { to: { agentId: second.id }, note: null })
  const handover = () => first.conversations.get(id)?.handover?.state

  await handsOver()
  getsOld()
  const declined = await second.offered(id)
  await waitFor('the first’s other tabs show it', () => handover() === 'pending')
  await decline(mute, second.id, declined.id)
  getsOld()
  await waitFor('the first keeps it', () => handover() === 'declined')
  await waitFor('the second is asked no more', () => !second.offers.has(declined.id))

  await handsOver()
  getsOld()
  const accepted = await second.offered(id)
  await accept(mute, { id: second.id, name: second.me.name }, accepted.id)
  getsOld()
  await waitFor('the first has it no more', () => !first.conversations.has(id))
  await waitFor('the second has it', () => second.conversations.get(id)?.status === 'active')
  expect(first.socket.ofType('conversation_left').at(-1)?.to).toBe(second.me.name)

  await change(mute, async (change) => routeAgain(mute, change, await conversations.lock(change.tx, id)))
  getsOld()
  await waitFor('the second has it no more', () => !second.conversations.has(id))
  expect(second.socket.ofType('conversation_left').at(-1)?.to).toBeNull()
})

test('agents learn of a line left later, an outcome, a note and a switch, and of nothing that is blocked', async () => {
  const { agent, id } = await foyer.chat()
  const hourAgo = new Date(foyer.clock.now().getTime() - 3_600_000)
  const past = async (status: 'missed' | 'ended') => {
    const visitorId = (await foyer.visitor()).id
    const parts = { siteId: foyer.site.id, visitorId, agentId: status === 'ended' ? agent.id : null, status }
    return { visitorId, id: await aConversation(foyer.pool, hourAgo, parts) }
  }
  const [answered, blocked, ended] = [await past('missed'), await past('missed'), await past('ended')]
  await foyer.pool.query('update conversations set claimed_by = $2, replied_at = $3 where id = $1', [
    answered.id,
    agent.id,
    hourAgo,
  ])
  await foyer.pool.query('update conversations set blocked = true where id = $1', [blocked.id])
  const colleague = await foyer.agent()
  const { missed } = colleague

  for (const { id: conversationId, visitorId } of [answered, blocked])
    await leaveMessage(mute, visitorId, foyer.site.id, {
      conversationId,
      fields: {},
      text: 'Call me',
      clientId: randomUUID(),
      page: null,
    })
  const viewer = { id: agent.id, name: agent.me.name, permissions: new Set<never>() }
  await setOutcome(mute, viewer, ended.id, 'qualified')
  await addNote(mute, viewer, { conversationId: id, clientId: randomUUID(), text: 'A good customer' })
  await setAvailability(mute, agent.id, { status: 'unavailable' })

  getsOld()
  const known = (one: { id: string }) => colleague.conversations.get(one.id)
  await waitFor('the line that was left', () => known(answered)?.lastText === 'Call me')
  await waitFor('it is to be answered again', () => colleague.missed === missed + 1)
  await waitFor('the outcome', () => known(ended)?.outcome === 'qualified')
  await waitFor('the note', () => agent.notes.some(({ text }) => text === 'A good customer'))
  await waitFor('the own switch', () => !agent.availability.available)
  await waitFor('a colleague’s switch', () => colleague.others.get(agent.id)?.available === false)
  expect(JSON.stringify(colleague.socket.frames)).not.toContain(blocked.id)
  expect(JSON.stringify(colleague.socket.frames)).not.toContain('A good customer')
})
