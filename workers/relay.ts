import type { Clock } from '#core/clock.ts'
import type { Db } from '#core/db/pool.ts'
import * as outbox from '#core/features/outbox/repository.ts'
import { rarely } from './bullmq.ts'
import type { JobQueue } from './queue.ts'
import type { Lane, Log } from './task.ts'

/** As {@link startRelay} gives it. */
export interface Relay {
  /** Looks at the outbox now instead of at the next poll. */
  wake(): void
  /** The queue has forgotten this row's job, and it is not done: hand it over again when it is due. */
  again(row: number): void
  stop(): Promise<void>
}

export interface RelayTiming {
  pollMs: number
  /** Rows due within this time are handed over as delayed jobs; later ones stay in the outbox. */
  lookAheadMs: number
  /** A row handed over and due that long ago, yet not done, is handed over again in case the queue lost it. */
  lostAfterMs: number
}

interface Due {
  id: number
  task: string
  runAt: Date
}

interface RelayParts {
  db: Db
  clock: Clock
  queues: Record<Lane, JobQueue>
  laneOf(task: string): Lane
  log: Log
}

const batch = 200

/** Carries open rows from the outbox to the queue: new ones, those due soon, those the queue lost. Any number of
 *  relays may run; each row is taken by one of them. */
export function startRelay({ db, clock, queues, laneOf, log }: RelayParts, timing: RelayTiming): Relay {
  const outage = rarely(log, 'The outbox could not be relayed')
  const toUnrelay = new Set<number>()
  let woken = false
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let emptied = false
  let lookForLostAt = 0

  function wake() {
    woken = true
    if (stopped || running) return
    clearTimeout(timer)
    running = runWhileWoken().finally(() => {
      running = undefined
      if (!stopped) timer = setTimeout(wake, timing.pollMs)
    })
  }

  async function runWhileWoken() {
    while (woken && !stopped) {
      woken = false
      try {
        await relay()
      } catch (error) {
        outage(error)
        return // the next poll tries again
      }
    }
  }

  async function relay() {
    // one Redis holds them all
    emptied ||= await queues.own.wasEmptied()
    if (emptied) await outbox.unrelayAll(db)
    emptied = false
    await unrelayPending()
    while (!stopped) {
      const now = clock.now()
      const rows = await outbox.takeUnrelayed(db, now, after(now, timing.lookAheadMs), batch)
      await handOver(rows, now)
      if (rows.length < batch) break
    }
    if (stopped || performance.now() < lookForLostAt) return
    lookForLostAt = performance.now() + timing.lostAfterMs / 6
    const now = clock.now()
    const overdue = await outbox.takeOverdue(db, now, after(now, -timing.lostAfterMs), batch)
    await handOver(overdue, now)
    for (const [lane, rows] of byLane(overdue)) await queues[lane].hurry(rows.map((row) => row.id))
  }

  async function unrelayPending() {
    if (toUnrelay.size === 0) return
    for (const id of await outbox.unrelay(db, [...toUnrelay])) toUnrelay.delete(id)
  }

  async function handOver(rows: Due[], now: Date) {
    const left = new Set(rows)
    try {
      for (const [lane, some] of byLane(rows)) {
        await queues[lane].add(
          some.map(({ id, runAt }) => ({ row: id, delayMs: runAt.getTime() - now.getTime() })),
        )
        for (const row of some) left.delete(row)
      }
    } catch (error) {
      for (const { id } of left) toUnrelay.add(id)
      throw error
    }
  }

  const byLane = (rows: Due[]) => Map.groupBy(rows, ({ task }) => laneOf(task))

  wake()
  return {
    wake,
    again(row) {
      toUnrelay.add(row)
      wake()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
      // what was not handed over before the end is left for others to find at once
      await unrelayPending().catch(outage)
    },
  }
}

const after = (instant: Date, ms: number) => new Date(instant.getTime() + ms)
