import type { Pool } from 'pg'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DatabaseClock } from '#core/clock.ts'

/** How long a question is on its way to PostgreSQL, and its answer back. */
let there = 1
let back = 1
/** PostgreSQL's clock, by this machine's monotonic one. */
let databaseAt = 0
let clock: DatabaseClock

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const databaseNow = () => databaseAt + performance.now()
const pool = {
  async query() {
    await wait(there)
    const at = new Date(databaseNow())
    await wait(back)
    return { rows: [{ at }] }
  },
} as unknown as Pool

beforeEach(async () => {
  vi.useFakeTimers()
  ;[there, back] = [1, 1]
  databaseAt = Date.parse('2026-03-03T09:00:00Z')
  clock = new DatabaseClock(pool)
  await started()
})
afterEach(() => {
  clock.stop()
  vi.useRealTimers()
})

async function started() {
  const start = clock.start()
  await vi.advanceTimersByTimeAsync(20_000)
  await start
}
/** The next look at the database, and its answer. */
const look = () => vi.advanceTimersByTimeAsync(30_000)
const aheadMs = () => clock.now().getTime() - databaseNow()

test('a question that is held up on its way, or an answer, moves the clock not at all', async () => {
  expect(Math.abs(aheadMs())).toBeLessThanOrEqual(2)
  const before = aheadMs()
  for (const stalled of [
    [1_800, 1],
    [1, 1_800],
    [400, 9_000],
  ]) {
    ;[there = 0, back = 0] = stalled
    await look()
    expect(aheadMs()).toBe(before)
  }
})

test('a first look that is held up is set right by the next', async () => {
  clock.stop()
  clock = new DatabaseClock(pool)
  there = 1_600
  const start = clock.start()
  await vi.advanceTimersByTimeAsync(1_600)
  there = 1
  await vi.advanceTimersByTimeAsync(20_000)
  await start
  expect(Math.abs(aheadMs())).toBeLessThanOrEqual(2)
})

test('it follows a clock that goes on or back a little, and never shows an earlier instant', async () => {
  databaseAt += 300
  await look()
  expect(Math.abs(aheadMs())).toBeLessThanOrEqual(2)
  const before = clock.now()
  databaseAt -= 500
  await look()
  expect(clock.now().getTime()).toBeGreaterThan(before.getTime())
  expect(Math.abs(aheadMs())).toBeLessThanOrEqual(2)
})

test('ahead by less than a second it stands still until it is right; by more, it steps back', async () => {
  await vi.advanceTimersByTimeAsync(9_990)
  const before = clock.now()
  databaseAt -= 500
  await vi.advanceTimersByTimeAsync(20)
  expect(clock.now()).toEqual(before)
  await vi.advanceTimersByTimeAsync(300)
  expect(clock.now()).toEqual(before)
  await vi.advanceTimersByTimeAsync(300)
  expect(Math.abs(aheadMs())).toBeLessThanOrEqual(2)
  databaseAt -= 60_000
  await look()
  expect(Math.abs(aheadMs())).toBeLessThanOrEqual(2)
})
