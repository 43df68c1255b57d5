import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RedisBus } from '#core/realtime/redis-bus.ts'
import { waitFor } from '#tests/support/wait.ts'
import { startRedis, type TestRedis } from '#tests/workers/support/redis.ts'

let redis: TestRedis
const buses: RedisBus[] = []

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(async () => {
  for (const bus of buses) await bus.close()
  await redis.stop()
})

/** One process's bus, and what it heard. */
function process() {
  const bus = new RedisBus(redis.url, pino({ level: 'silent' }))
  buses.push(bus)
  const heard: string[] = []
  let gaps = 0
  bus.onGap(() => gaps++)
  return { bus, heard, gaps: () => gaps }
}

/** A frame gets from one to the other. */
async function isConnected(from: ReturnType<typeof process>, to: ReturnType<typeof process>): Promise<void> {
  let tries = 0
  const told = new Set<string>()
  const leave = to.bus.subscribe('control', (frame) => told.add(frame))
  await waitFor('the buses are connected', () => {
    from.bus.publish('control', `try ${tries++}`)
    return told.size > 0
  })
  leave()
}

async function redisCommand(...args: [string, ...string[]]): Promise<void> {
  const client = new Redis(redis.url)
  await client.call(...args)
  client.disconnect()
}

test('a frame reaches the listeners of every process once, and not the socket it came from', async () => {
  const [one, two] = [process(), process()]
  one.bus.subscribe('agent:a', (frame, except) => one.heard.push(`${frame} but for ${except}`))
  two.bus.subscribe('agent:a', (frame, except) => two.heard.push(`${frame} but for ${except}`))
  await isConnected(one, two)
  one.bus.publish('agent:a', '{"text":"a|b"}', 'socket 1')
  await waitFor('the other process hears', () => two.heard.length > 0)
  expect([one.heard, two.heard]).toEqual([
    ['{"text":"a|b"} but for socket 1'],
    ['{"text":"a|b"} but for socket 1'],
  ])
})

test('whoever listens hears everything from then on, wherever it is said', async () => {
  const [one, two] = [process(), process()]
  await isConnected(one, two)
  for (let n = 0; n < 50; n++) {
    two.bus.subscribe(`agent:late ${n}`, (frame) => two.heard.push(frame))
    await two.bus.listening(`agent:late ${n}`)
    one.bus.publish(`agent:late ${n}`, String(n))
  }
  await waitFor('the last is heard', () => two.heard.includes('49'))
  expect(two.heard).toEqual(Array.from({ length: 50 }, (_, n) => String(n)))
})

test('what is meant for this process alone stays here', async () => {
  const [one, two] = [process(), process()]
  one.bus.subscribe('agent:b', (frame) => one.heard.push(frame))
  two.bus.subscribe('agent:b', (frame) => two.heard.push(frame))
  await isConnected(one, two)
  one.bus.publishHere('agent:b', 'here')
  one.bus.publish('agent:b', 'everywhere')
  await waitFor('the other process hears', () => two.heard.length > 0)
  expect([one.heard, two.heard]).toEqual([['here', 'everywhere'], ['everywhere']])
  expect([one.bus.has('agent:b'), one.bus.has('agent:c')]).toEqual([true, false])
})

test('whoever could not hear is told so, and hears again', async () => {
  const [one, two] = [process(), process()]
  two.bus.subscribe('agent:a', (frame) => two.heard.push(frame))
  await isConnected(one, two)
  const before = two.gaps()
  await redisCommand('client', 'kill', 'type', 'pubsub')
  await waitFor('the gap is told', () => two.gaps() > before)
  await isConnected(one, two)
  one.bus.publish('agent:a', 'again')
  await waitFor('frames come again', () => two.heard.includes('again'))
})

test('frames lost because their sender could not send them are told to those who could have heard them', async () => {
  const [one, two] = [process(), process()]
  await isConnected(one, two)
  const before = two.gaps()
  // the subscribers' connections stay up, so that they notice nothing by themselves
  await redisCommand('client', 'kill', 'type', 'normal')
  one.bus.publish('agent:a', 'lost')
  await waitFor('the gap is told', () => two.gaps() > before)
})

test('a Redis that is restarted is a gap for everybody', async () => {
  const [one, two] = [process(), process()]
  await isConnected(one, two)
  const before = [one.gaps(), two.gaps()] as const
  await redis.restart()
  await waitFor('both gaps are told', () => one.gaps() > before[0] && two.gaps() > before[1])
  await isConnected(one, two)
  await isConnected(two, one)
})

test('a Redis that is there and answers nothing counts as away', async () => {
  const [one, two] = [process(), process()]
  await isConnected(one, two)
  const before = two.gaps()
  await redisCommand('client', 'pause', '10500', 'ALL')
  await waitFor('the gap is told', () => two.gaps() > before)
  await isConnected(one, two)
})
