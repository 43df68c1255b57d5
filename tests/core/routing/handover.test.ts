import { beforeAll, beforeEach, expect, test } from 'vitest'
import { FoyerError } from '#core/errors.ts'
import { setAvailability } from '#core/features/availability/service.ts'
import { handOver, takeBack } from '#core/features/routing/handover.ts'
import { sweepOffers } from '#core/features/routing/offers.ts'
import { readRouting } from '#core/features/routing/trace.ts'
import type { Services } from '#core/services.ts'
import type { AnAgent } from '#tests/support/factories.ts'
import { startFoyer } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { openWorld, type RoutingWorld } from './world.ts'

/** A chat goes from its agent to another one. */

const cap = 3
let world: RoutingWorld
let dana: AnAgent
let marco: AnAgent
let aiko: AnAgent

beforeAll(async () => {
  world = await openWorld({ agentCap: cap })
})
beforeEach(async () => {
  await world.clear()
  world.clock.set(new Date('2026-03-03T00:30:00Z'))
  ;[dana, marco, aiko] = (await world.agents(3)) as [AnAgent, AnAgent, AnAgent]
})

const give = (id: string, to: AnAgent, services = world.services, note: string | null = null) =>
  handOver(services, dana.id, id, { to: { agentId: to.id }, note })
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error: unknown) => {
      if (error instanceof FoyerError && error.status < 500) return error.code
      throw error
    },
  )
const ownerOf = async (id: string) => (await world.conversation(id)).agentId

/** In a team, in this order. @returns its id */
async function team(...agents: AnAgent[]): Promise<string> {
  const { rows } = await world.pool.query<{ id: string }>(
    `insert into teams (id, name, created_at) values (gen_random_uuid(), 'Sales ' || gen_random_uuid(), now()) returning id`,
  )
  const id = rows[0]?.id ?? ''
  for (const agent of agents)
    await world.pool.query('insert into team_members (team_id, agent_id) values ($1, $2)', [id, agent.id])
  return id
}

test('the chat stays with its agent until the other one has accepted', async () => {
  const chat = await world.chat(dana)
  const offered = await give(chat.id, marco, world.services, 'Asks about prices')
  expect(offered).toMatchObject({
    agent: { id: dana.id },
    handover: { state: 'pending', to: { id: marco.id } },
  })
  expect(await world.broken(cap)).toEqual([])
  await world.says(chat, dana, 'A colleague takes over.')
  const offer = await world.pendingOffer(chat.id)
  const taken = await world.accepts(marco, offer?.id ?? '')
  expect(taken).toMatchObject({ status: 'active', agent: { id: marco.id }, handover: { state: 'accepted' } })
  expect(await world.kinds(chat.id)).toEqual(['message', 'joined', 'message', 'handed_over'])
  const { rows } = await world.pool.query(
    `select data from entries where conversation_id = $1 and kind = 'handed_over'`,
    [chat.id],
  )
  const names = await world.pool.query(
    'select name from agents where id = any ($1::uuid[]) order by position',
    [[dana.id, marco.id]],
  )
  expect(rows[0].data).toEqual({ name: names.rows[1].name, from: names.rows[0].name })
  await expect(world.says(chat, dana, 'One more thing')).rejects.toMatchObject({ status: 404 })
  await world.says(chat, marco, 'Hello!')
  expect(await world.broken(cap)).toEqual([])
  // and back again, though both were asked before
  await handOver(world.services, marco.id, chat.id, { to: { agentId: dana.id }, note: null })
  await world.accepts(dana, (await world.pendingOffer(chat.id))?.id ?? '')
  expect(await ownerOf(chat.id)).toBe(dana.id)
  expect(await world.broken(cap)).toEqual([])
})

test('declined, run out or taken back, it stays where it is, and the first agent reads how', async () => {
  const chat = await world.chat(dana)
  const handover = async () => (await codeHandover(chat.id)).state
  await give(chat.id, marco)
  await world.declines(marco, (await world.pendingOffer(chat.id))?.id ?? '')
  expect(await handover()).toBe('declined')
  await give(chat.id, marco)
  world.clock.advance(100_000)
  await sweepOffers(world.services)
  expect(await handover()).toBe('expired')
  await give(chat.id, aiko)
  await takeBack(world.services, dana.id, chat.id)
  expect(await handover()).toBe('withdrawn')
  expect(await ownerOf(chat.id)).toBe(dana.id)
  expect(await world.kinds(chat.id)).toEqual(['message', 'joined'])
  expect(await world.broken(cap)).toEqual([])
})

const codeHandover = async (id: string) => {
  const { rows } = await world.pool.query<{ state: string; agentId: string }>(
    `select state, agent_id as "agentId" from offers where conversation_id = $1 and kind = 'handover'
     order by offered_at desc, id desc limit 1`,
    [id],
  )
  return rows[0] ?? { state: 'none', agentId: '' }
}

test('only its agent hands a chat over, once at a time, to somebody who can take it', async () => {
  const chat = await world.chat(dana)
  expect(
    await codeOf(handOver(world.services, marco.id, chat.id, { to: { agentId: aiko.id }, note: null })),
  ).toBe('not_found')
  expect(await codeOf(give(chat.id, dana))).toBe('invalid_input')
  await setAvailability(world.services, marco.id, { status: 'unavailable' })
  expect(await codeOf(give(chat.id, marco))).toBe('agent_unavailable')
  const [gone] = (await world.agents(1)) as [AnAgent]
  await world.deactivates(gone)
  expect(await codeOf(give(chat.id, gone))).toBe('agent_inactive')
  await give(chat.id, aiko)
  expect(await codeOf(give(chat.id, aiko))).toBe('handover_pending')
  await world.visitorEnds(chat.visitorId, chat.id)
  expect(await codeOf(give(chat.id, aiko))).toBe('not_found')
  expect(await world.pendingOffer(chat.id)).toBeUndefined()
})

test('nobody beyond the cap', async () => {
  const chat = await world.chat(dana)
  const { rows } = await world.pool.query('select id from conversations')
  expect(rows).toHaveLength(1)
  await setAvailability(world.services, dana.id, { status: 'unavailable' })
  await setAvailability(world.services, aiko.id, { status: 'unavailable' })
  for (let n = 0; n < cap; n++) await world.chat(marco)
  expect(await codeOf(give(chat.id, marco))).toBe('agent_full')
})

test('in a team the available members are asked in turn, then it stays', async () => {
  const sales = await team(dana, marco, aiko)
  const chat = await world.chat(dana)
  await handOver(world.services, dana.id, chat.id, { to: { teamId: sales }, note: null })
  expect(await world.pendingOffer(chat.id)).toMatchObject({ agentId: marco.id })
  await world.declines(marco, (await world.pendingOffer(chat.id))?.id ?? '')
  expect(await world.pendingOffer(chat.id)).toMatchObject({ agentId: aiko.id })
  await setAvailability(world.services, aiko.id, { status: 'unavailable' })
  expect(await world.pendingOffer(chat.id)).toBeUndefined()
  expect(await ownerOf(chat.id)).toBe(dana.id)
  const again = handOver(world.services, dana.id, chat.id, { to: { teamId: sales }, note: null })
  expect((await again).handover?.to.id).toBe(marco.id)
  await setAvailability(world.services, marco.id, { status: 'unavailable' })
  expect(
    await codeOf(handOver(world.services, dana.id, chat.id, { to: { teamId: sales }, note: null })),
  ).toBe('nobody_free')
  expect(await world.broken(cap)).toEqual([])
})

test('the trace tells whom it was handed over to, why others were passed over, and that it stayed', async () => {
  const sales = await team(dana, marco, aiko)
  const chat = await world.chat(dana)
  await setAvailability(world.services, marco.id, { status: 'unavailable' })
  await handOver(world.services, dana.id, chat.id, { to: { teamId: sales }, note: null })
  await world.declines(aiko, (await world.pendingOffer(chat.id))?.id ?? '')
  await setAvailability(world.services, marco.id, { status: 'available' })
  await give(chat.id, marco)
  await world.accepts(marco, (await world.pendingOffer(chat.id))?.id ?? '')
  const { steps } = await readRouting(world.services.db, chat.id)
  const names = new Map([dana, marco, aiko].map((one, n) => [one.id, ['dana', 'marco', 'aiko'][n]]))
  expect(
    steps.map(({ round, stage, agent, reason, offer }) =>
      [round, stage, names.get(agent?.id ?? ''), reason ?? offer?.state].join(' '),
    ),
  ).toEqual([
    '1 round_robin dana accepted',
    '2 handover marco unavailable',
    '2 handover aiko declined',
    '3 handover marco accepted',
  ])
  const byName = await world.pool.query('select name from agents where id = $1', [dana.id])
  expect(steps.map(({ handedOverBy }) => handedOverBy)).toEqual([null, ...Array(3).fill(byName.rows[0].name)])
  expect(steps[1]?.label).toMatch(/^Sales /)
})

test('a handover that nobody could be asked for stays in the trace, with the reason and whose it was', async () => {
  const chat = await world.chat(dana)
  await setAvailability(world.services, marco.id, { status: 'unavailable' })
  expect(await codeOf(give(chat.id, marco))).toBe('agent_unavailable')
  const alone = await team(dana)
  const toTeam = { to: { teamId: alone }, note: null }
  expect(await codeOf(handOver(world.services, dana.id, chat.id, toTeam))).toBe('nobody_free')
  const { rows } = await world.pool.query('select name from agents where id = $1', [dana.id])
  const { steps } = await readRouting(world.services.db, chat.id)
  const common = { stage: 'handover', outcome: 'passed_over', handedOverBy: rows[0].name, offer: null }
  expect(steps.slice(1)).toMatchObject([
    { ...common, round: 2, agent: { id: marco.id }, reason: 'unavailable', others: null },
    { ...common, round: 3, agent: null, reason: null, label: expect.stringMatching(/^Sales /), others: {} },
  ])
  // and nothing else has changed
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'active', agentId: dana.id })
  expect(await world.pendingOffer(chat.id)).toBeUndefined()
  expect(await world.kinds(chat.id)).toEqual(['message', 'joined'])
  await give(chat.id, aiko)
  await world.accepts(aiko, (await world.pendingOffer(chat.id))?.id ?? '')
  expect(await ownerOf(chat.id)).toBe(aiko.id)
  expect(await world.broken(cap)).toEqual([])
})

test('deactivating either of the two leaves the chat with one who is there', async () => {
  const first = await world.chat(dana)
  await give(first.id, marco)
  await world.deactivates(marco)
  expect(await world.conversation(first.id)).toMatchObject({ status: 'active', agentId: dana.id })
  expect((await codeHandover(first.id)).state).toBe('withdrawn')
  await world.activates(marco)
  await give(first.id, marco)
  await world.deactivates(dana)
  expect(await world.conversation(first.id)).toMatchObject({ status: 'waiting', agentId: null })
  expect(await world.broken(cap)).toEqual([])
})

test('whatever races, a chat has one agent, and somebody who is there', async () => {
  const other = await world.another()
  const either = (n: number): Services => (n % 2 === 0 ? world.services : other)
  const ends = new Set<string>()
  for (let round = 0; round < 24; round++) {
    await world.clear()
    ;[dana, marco, aiko] = (await world.agents(3)) as [AnAgent, AnAgent, AnAgent]
    const chat = await world.chat(dana)
    await give(chat.id, marco)
    const offer = await world.pendingOffer(chat.id)
    if (!offer) throw new Error('Nobody was asked')
    const all = [
      () => world.accepts(marco, offer.id, either(round)),
      () => world.accepts(marco, offer.id, either(round + 1)),
      () => takeBack(either(round), dana.id, chat.id),
      ...(round % 3 === 0 ? [() => world.visitorEnds(chat.visitorId, chat.id, either(round))] : []),
      ...(round % 4 === 1 ? [() => world.deactivates(dana)] : []),
      ...(round % 4 === 3 ? [() => world.deactivates(marco), () => world.deactivates(dana)] : []),
      () => world.declines(marco, offer.id, either(round)),
    ]
    const inTurn = all.map((_, n) => all[(n + round) % all.length] as () => Promise<unknown>)
    await Promise.all(inTurn.map((one) => codeOf(one())))
    expect(await world.broken(cap)).toEqual([])
    const { status, agentId } = await world.conversation(chat.id)
    ends.add(`${status} ${agentId === dana.id ? 'first' : agentId === marco.id ? 'second' : 'nobody'}`)
    const lines = (await world.kinds(chat.id)).filter((kind) => kind === 'ended')
    expect(lines).toHaveLength(status === 'ended' || status === 'missed' ? 1 : 0)
  }
  expect(ends.size).toBeGreaterThan(2)
})

test('both inboxes and the visitor see it change hands, with the whole log and the notes', async () => {
  const foyer = await startFoyer()
  const { visitor, agent: first, id } = await foyer.chat({ first: 'What does it cost?' })
  await first.writesNote(id, 'A good customer')
  const second = await foyer.agent({ name: 'Marco' })
  await first.http.post(`/conversations/${id}/handover`, { agentId: second.id, note: 'Prices, please' })
  expect((await second.offered(id)).handover).toEqual({ from: first.me.name, note: 'Prices, please' })
  // until then it is not the colleague's to see
  await expect(second.http.get(`/conversations/${id}`)).rejects.toMatchObject({ status: 404 })
  await expect(first.http.post(`/conversations/${id}/handover`, {})).rejects.toMatchObject({ status: 422 })
  await second.declines(id)
  await waitFor('the first reads it', () => first.conversations.get(id)?.handover?.state === 'declined')
  await first.http.post(`/conversations/${id}/handover`, { agentId: second.id })
  await second.offered(id)
  await first.http.call('DELETE', `/conversations/${id}/handover`)
  await waitFor('the offer is gone', () => second.offers.size === 0)
  await first.http.post(`/conversations/${id}/handover`, { agentId: second.id })
  await second.accepts(id)
  const left = await first.socket.frame('conversation_left', ({ conversationId }) => conversationId === id)
  expect(left.to).toBe('Marco')
  await waitFor('the visitor reads it', () => visitor.conversation?.agent?.id === second.id)
  await expect(first.http.get(`/conversations/${id}`)).rejects.toMatchObject({ status: 404 })
  const page = await second.http.get<{ entries: { kind: string }[]; notes: { text: string }[] }>(
    `/conversations/${id}/messages`,
  )
  expect(page.entries.map(({ kind }) => kind)).toEqual(['message', 'joined', 'handed_over'])
  expect(page.notes.map(({ text }) => text)).toEqual(['A good customer'])
  await second.says(id, 'It costs 40 €.')
  await visitor.hears('It costs 40 €.')
  const frames = first.socket.frames.length
  await visitor.says('Thank you!')
  await second.hears(id, 'Thank you!')
  expect(JSON.stringify(first.socket.frames.slice(frames))).not.toContain('Thank you!')
})
