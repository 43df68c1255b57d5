import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { ReachabilityWatch } from '#core/features/widget/reachability.ts'
import { canBeMet } from '#tests/support/can-be-met.ts'
import type { AnAgent } from '#tests/support/factories.ts'
import { openWorld, type RoutingWorld } from './world.ts'

const minute = 60_000
let world: RoutingWorld
let host: AnAgent

beforeAll(async () => {
  world = await openWorld()
})
beforeEach(async () => {
  await world.clear()
  const [agent] = await world.agents(1)
  if (!agent) throw new Error('There is nobody')
  host = agent
  await canBeMet(world.pool, host.id, { noChatsWhileBusy: true })
})

const inMinutes = (minutes: number) => new Date(world.clock.shown + minutes * minute)

/** Half an hour from now on. */
async function aMeeting(state = 'booked', startsIn = 0) {
  const [id, now] = [randomUUID(), inMinutes(0)]
  const eventId = id.replaceAll('-', '')
  await world.pool.query(
    `insert into meetings (id, agent_id, state, name, email, start_at, end_at, time_zone, wall_time, agent_time_zone,
       agent_wall_time, title, event_id, held_at, booked_at, cancelled_at, changed_at)
     values ($1, $2, $3, 'Ada', 'ada@northwind.test', $4, $5, 'UTC', '', 'UTC', '', 'Demo', $6, $7,
       case when $3 = 'held' then null else $7::timestamptz end, case when $3 = 'cancelled' then $7::timestamptz end, $7)`,
    [id, host.id, state, inMinutes(startsIn), inMinutes(startsIn + 30), eventId, now],
  )
  return { eventId }
}

/** What the host's own calendar says, half an hour from now on. */
async function busy(eventId: string) {
  const [connectionId, now] = [randomUUID(), inMinutes(0)]
  await world.pool.query(
    `insert into connections (id, connector, state, precedence, created_at, changed_at, agent_id)
     values ($1, 'memory-calendar', 'active', 9, $2, $2, $3)`,
    [connectionId, now, host.id],
  )
  await world.pool.query(
    `insert into calendars (agent_id, connection_id, state, calendar_id, changed_at) values ($1, $2, 'ok', 'main', $3)`,
    [host.id, connectionId, now],
  )
  await world.pool.query(
    `insert into calendar_busy (agent_id, calendar_id, event_id, start_at, end_at) values ($1, 'main', $2, $3, $4)`,
    [host.id, eventId, now, inMinutes(30)],
  )
}

/** Whether somebody who asks now is put to the host. */
async function isAsked(): Promise<boolean> {
  const { id } = await world.asks()
  return (await world.pendingOffer(id))?.agentId === host.id
}

/** As a widget that is opened now reads it. */
const firstScreen = () => new ReachabilityWatch(world.services).current()

test('ten chats, active and offered together, are all that an agent is asked for', async () => {
  const chat = await world.chat(host)
  for (let more = 0; more < 4; more++) await world.chat(host)
  for (let asked = 0; asked < 5; asked++) expect(await isAsked()).toBe(true)
  const { id } = await world.asks()
  expect(await world.conversation(id)).toMatchObject({ status: 'missed', endReason: 'nobody_available' })
  expect(await firstScreen()).toMatchObject({ open: false })
  await world.agentEnds(host, chat.id)
  expect(await isAsked()).toBe(true)
})

test('no chat is offered during a meeting, nor promised on the first screen; after it both are', async () => {
  await aMeeting()
  const end = inMinutes(30)
  const { id } = await world.asks()
  expect(await world.offers(id)).toEqual([])
  expect(await world.conversation(id)).toMatchObject({ status: 'missed', endReason: 'nobody_available' })
  const { rows } = await world.pool.query(
    'select reason, detail from routing_steps where conversation_id = $1',
    [id],
  )
  expect(rows).toEqual([{ reason: 'unavailable', detail: { until: end.toISOString() } }])
  expect(await firstScreen()).toEqual({ open: false, backAt: end.toISOString() })

  world.clock.set(end)
  expect(await firstScreen()).toEqual({ open: true, backAt: null })
  expect(await isAsked()).toBe(true)
})

test('no chat is offered while the calendar says busy, and one is as soon as that is over', async () => {
  await busy('lunch')
  expect(await isAsked()).toBe(false)
  world.clock.advance(29 * minute)
  expect(await isAsked()).toBe(false)
  world.clock.advance(minute)
  expect(await isAsked()).toBe(true)
})

test('a meeting that is about to begin, was cancelled, or is not certain yet keeps nobody from a chat', async () => {
  await aMeeting('booked', 1)
  await aMeeting('cancelled')
  await aMeeting('held')
  expect(await isAsked()).toBe(true)
})

test('a meeting that was moved away counts no more, although the mirror of the calendar has not heard of it', async () => {
  const { eventId } = await aMeeting('booked', 120)
  await busy(eventId)
  expect(await firstScreen()).toEqual({ open: true, backAt: null })
  expect(await isAsked()).toBe(true)
})

test('whoever did not ask for that is offered chats in a meeting, too', async () => {
  await canBeMet(world.pool, host.id, { noChatsWhileBusy: false })
  await aMeeting()
  expect(await isAsked()).toBe(true)
})

test('a chat that is going on goes on in a meeting, and one who is busy past their hours is back with the next', async () => {
  const chat = await world.chat(host)
  await aMeeting()
  await world.says(chat, host, 'One moment, please.')
  expect(await world.conversation(chat.id)).toMatchObject({ status: 'active', agentId: host.id })

  const day = new Date(inMinutes(0).toISOString().slice(0, 10))
  const clockAt = (ms: number) => new Date(ms).toISOString().slice(11, 16)
  const schedule = {
    timeZone: 'UTC',
    blocks: [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({
      weekday,
      start: '00:00',
      end: clockAt(world.clock.shown + 10 * minute),
    })),
    datesOff: [],
  }
  await world.pool.query('update agents set live_chat_schedule = $2 where id = $1', [
    host.id,
    JSON.stringify(schedule),
  ])
  const tomorrow = new Date(day.getTime() + 86_400_000).toISOString()
  expect(await firstScreen()).toEqual({ open: false, backAt: tomorrow })
})
