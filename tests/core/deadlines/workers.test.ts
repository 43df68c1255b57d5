import { randomUUID } from 'node:crypto'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Services } from '#core/services.ts'
import type { AnAgent } from '#tests/support/factories.ts'
import { waitFor } from '#tests/support/wait.ts'
import { startWorkers, type Workers, type WorkersOptions } from '#workers/start.ts'
import { deadlineSweep, deadlineTasks } from '#workers/tasks/deadlines.ts'
import { openWorld, type RoutingWorld } from '../routing/world.ts'

/** Jobs and sweep are each enough alone, and together do nothing twice. */

const minute = 60_000
let world: RoutingWorld
let workers: Workers | undefined

beforeAll(async () => {
  world = await openWorld()
})
beforeEach(() => world.clear())
afterEach(async () => {
  await workers?.stop()
  workers = undefined
})

async function work(parts: Pick<WorkersOptions<Services>, 'tasks' | 'schedules'>): Promise<void> {
  const { db, pool, clock, log } = world.services
  workers = await startWorkers({
    ...parts,
    db,
    pool,
    clock,
    log,
    services: world.services,
    queue: { databaseUrl: world.databaseUrl },
    // nothing is handed to the queue before it is due: its timers do not follow the test's clock
    timing: { pollMs: 50, lookAheadMs: 0 },
  })
}

/** A request, a chat and somebody who leaves, all overdue after what follows. */
async function promises() {
  const [agent] = (await world.agents(1)) as [AnAgent]
  const chat = await world.chat(agent)
  const request = await world.asks()
  const leaver = await world.asks({ stays: false })
  return { agent, chat, request, leaver }
}

const isOver = (id: string, endReason: string) =>
  waitFor(`${endReason}`, async () => (await world.conversation(id)).endReason === endReason)

async function kept(): Promise<void> {
  const { chat, request, leaver } = await promises()
  // what the sockets would have promised when the visitor's last one dropped
  await world.pool.query(
    `insert into outbox (task, payload, run_at, created_at) values ('withdraw-gone', $1, $2, $3)`,
    [
      JSON.stringify({ conversationId: leaver.id }),
      new Date(world.clock.shown + 30_000),
      new Date(world.clock.shown),
    ],
  )
  world.clock.advance(31_000)
  await isOver(leaver.id, 'visitor_left')
  world.clock.advance(70_000)
  await isOver(request.id, 'no_answer')
  world.clock.advance(8 * minute)
  await waitFor('the warning', async () => (await world.kinds(chat.id)).includes('warning'))
  world.clock.advance(minute)
  await isOver(chat.id, 'timeout')
  expect(await world.kinds(chat.id)).toEqual(['message', 'joined', 'warning', 'ended'])
  expect(await world.kinds(request.id)).toEqual(['message', 'ended'])
  expect(await world.kinds(leaver.id)).toEqual(['message', 'ended'])
}

test('the jobs alone keep every deadline', async () => {
  await work({ tasks: deadlineTasks, schedules: [] })
  await kept()
})

test('the sweep alone keeps every deadline', async () => {
  await work({ tasks: [], schedules: [deadlineSweep] })
  await kept()
})

test('both together keep every deadline once', async () => {
  await work({ tasks: deadlineTasks, schedules: [deadlineSweep] })
  await kept()
})

test('workers that start when everything is overdue act on it', async () => {
  const { chat, request, leaver } = await promises()
  world.clock.advance(11 * minute)
  await world.restart()
  await work({ tasks: deadlineTasks, schedules: [deadlineSweep] })
  await isOver(request.id, 'no_answer')
  await isOver(chat.id, 'timeout')
  // whichever of its two deadlines is looked at first
  await waitFor('the leaver is missed', async () => (await world.conversation(leaver.id)).status === 'missed')
})

test('deadlines survive a queue that forgot everything', async () => {
  const { request } = await promises()
  // as if handed to a queue that was emptied since
  await world.pool.query('update outbox set relayed_at = $1', [world.clock.now()])
  world.clock.advance(101_000)
  // the relay takes what is long overdue for lost; until then nobody does anything
  await work({ tasks: deadlineTasks, schedules: [] })
  expect(await world.conversation(request.id)).toMatchObject({ status: 'waiting' })
  world.clock.advance(30_000)
  await isOver(request.id, 'no_answer')
})

test('a message that comes while the end is being decided is either in the log or refused', async () => {
  const [agent] = (await world.agents(1)) as [AnAgent]
  await work({ tasks: deadlineTasks, schedules: [deadlineSweep] })
  for (let round = 0; round < 5; round++) {
    const { id, visitorId } = await world.chat(agent)
    world.clock.advance(10 * minute - 5)
    const send = () =>
      world.services.messageLog.append({
        conversationId: id,
        senderType: 'visitor',
        senderId: visitorId,
        clientId: randomUUID(),
        text: 'Wait!',
      })
    const outcomes: string[] = []
    await waitFor('the end of one or the other', async () => {
      await send().then(
        () => outcomes.push('stored'),
        (error: { code: string }) => outcomes.push(error.code),
      )
      return outcomes.length === 3
    })
    const kinds = await world.kinds(id)
    const stored = outcomes.filter((outcome) => outcome === 'stored').length
    expect(outcomes.every((outcome) => outcome === 'stored' || outcome === 'conversation_ended')).toBe(true)
    expect(kinds.filter((kind) => kind === 'message')).toHaveLength(1 + stored)
    if (kinds.includes('ended')) expect(kinds.at(-1)).toBe('ended')
    await world.agentEnds(agent, id)
  }
})
