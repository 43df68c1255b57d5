import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { patienceMs } from '#tests/support/patience.ts'
import { every } from '#workers/schedules.ts'
import { World } from './support/world.ts'

let database: ScratchDatabase
let world: World

beforeAll(async () => {
  database = await scratchDatabase()
  world = new World(database.url, { databaseUrl: database.url })
  await world.prepare()
})
afterEach(() => world.clear())
afterAll(async () => {
  await world.close()
  await database.drop()
})

const soon = { timeout: patienceMs, interval: 10 }

/** A run that ends when told to, and knows how many of its kind were under way at the same time. */
function aSweep() {
  let running = 0
  let over = false
  let next = Promise.withResolvers<void>()
  const sweep = {
    runs: 0,
    mostAtOnce: 0,
    end() {
      next.resolve()
      next = Promise.withResolvers()
    },
    /** From now on runs end by themselves. */
    endAll() {
      over = true
      next.resolve()
    },
    async run() {
      sweep.runs++
      sweep.mostAtOnce = Math.max(sweep.mostAtOnce, ++running)
      if (!over) await next.promise
      running--
    },
  }
  return sweep
}

test('periodic work that found nothing, or much, comes again later', async () => {
  const found = [false, 'much', true, true]
  const began: number[] = []
  const looking = every(
    20,
    'looking',
    async () => {
      began.push(performance.now())
      return found[began.length - 1]
    },
    { idleMs: 400, muchMs: 1_200 },
  )
  await world.start({}, {}, [looking])
  await expect.poll(() => began.length, soon).toBeGreaterThan(4)
  const [afterNothing = 0, afterMuch = 0, ...others] = began
    .slice(1)
    .map((at, place) => at - (began[place] ?? 0))
  // give or take a tenth, and a timer may be early by a millisecond
  expect(afterNothing).toBeGreaterThan(355)
  expect(afterMuch).toBeGreaterThan(1_075)
  expect(Math.min(...others)).toBeLessThan(355)
})

test('periodic work that is asked for runs at once, and once more after a run that was under way', async () => {
  const [sweep, other] = [aSweep(), aSweep()]
  const workers = await world.start({}, {}, [
    every(600_000, 'asked for', sweep.run),
    every(600_000, 'not asked for', other.run),
  ])
  workers.runSchedule('asked for')
  expect(sweep.runs).toBe(1)
  for (let times = 0; times < 3; times++) workers.runSchedule('asked for')
  sweep.end()
  await expect.poll(() => sweep.runs, soon).toBe(2)
  sweep.endAll()
  await workers.stop()
  workers.runSchedule('asked for')
  expect(sweep).toMatchObject({ runs: 2, mostAtOnce: 1 })
  expect(other.runs).toBe(0)
})

test('periodic work comes again and again, one run after the other', async () => {
  const slow = aSweep()
  let quickRuns = 0
  await world.start({}, {}, [every(20, 'slow', slow.run), every(20, 'quick', async () => void quickRuns++)])
  await expect.poll(() => slow.runs, soon).toBe(1)
  // many periods of the slow one
  await expect.poll(() => quickRuns, soon).toBeGreaterThan(10)
  expect(slow).toMatchObject({ runs: 1, mostAtOnce: 1 })
  slow.end()
  await expect.poll(() => slow.runs, soon).toBe(2)
  slow.endAll()
})

test('work for one process is done by one at a time, and by another when the first is done', async () => {
  const sweep = aSweep()
  let others = 0
  const schedules = [
    every(20, 'sweep', sweep.run, { oneProcess: true }),
    every(20, 'all', async () => void others++),
  ]
  await world.start({}, {}, schedules)
  await world.start({}, {}, schedules)
  await expect.poll(() => sweep.runs, soon).toBe(1)
  await expect.poll(() => others, soon).toBeGreaterThan(20)
  expect(sweep).toMatchObject({ runs: 1, mostAtOnce: 1 })
  for (const runs of [2, 3, 4]) {
    sweep.end()
    await expect.poll(() => sweep.runs, soon).toBe(runs)
  }
  expect(sweep.mostAtOnce).toBe(1)
  sweep.endAll()
})

test('a run that fails does not end the series', async () => {
  let runs = 0
  await world.start({}, {}, [
    every(10, 'broken', async () => {
      if (++runs < 4) throw new Error('Not today')
    }),
  ])
  await expect.poll(() => runs, soon).toBeGreaterThan(5)
  expect(world.logged.filter((line) => line.includes('"broken" failed'))).toHaveLength(1)
})

test('stopping waits for the run under way and starts no other', async () => {
  const sweep = aSweep()
  const workers = await world.start({}, {}, [every(10, 'sweep', sweep.run, { oneProcess: true })])
  await expect.poll(() => sweep.runs, soon).toBe(1)
  let stopped = false
  const stopping = workers.stop().then(() => {
    stopped = true
  })
  await world.pool.query('select 1')
  expect(stopped).toBe(false)
  sweep.endAll()
  await stopping
  expect(sweep.runs).toBe(1)
})

test('a sweep that hears nothing but the signal ends when the grace is over', async () => {
  let aborted = false
  const begun = Promise.withResolvers<void>()
  const workers = await world.start({}, { graceMs: 100 }, [
    every(10, 'endless', async ({ signal }) => {
      begun.resolve()
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      aborted = signal.aborted
    }),
  ])
  await begun.promise
  await workers.stop()
  expect(aborted).toBe(true)
})
