import type { Pool } from 'pg'
import type { Clock } from '#core/clock.ts'
import type { Db } from '#core/db/pool.ts'
import { rarely } from './bullmq.ts'
import type { Log } from './task.ts'

/** Periodic work that needs no row: sweeps that catch what a lost job missed, cleaning up. */
export interface Schedule<S> {
  everyMs: number
  /** How long to the next run after one that said `false`: there was nothing to do. */
  idleMs: number
  /** How long to the next run after one that said `'much'`: more at once is cheaper. */
  muchMs: number
  name: string
  run: (work: ScheduledWork<S>) => Promise<unknown>
  oneProcess: boolean
}

export interface ScheduledWork<S> {
  db: Db
  clock: Clock
  services: S
  log: Log
  /** Aborted when the worker must stop now. */
  signal: AbortSignal
}

/** @param everyMs from the end of one run to the start of the next, give or take a tenth.
 *  @param options.oneProcess not while another process of this Foyer runs it, by an advisory lock of PostgreSQL. The
 *  lock goes with its connection, so a run may still overlap the end of one whose connection broke.
 *  @param options.idleMs how long to wait instead after a run that resolved with `false`, having found nothing to do.
 *  @param options.muchMs the same after one that resolved with `'much'`, having found so much that it is better done in bigger portions. */
export const every = <S>(
  everyMs: number,
  name: string,
  run: Schedule<S>['run'],
  options: { oneProcess?: boolean; idleMs?: number; muchMs?: number } = {},
): Schedule<S> => ({
  everyMs,
  idleMs: options.idleMs ?? everyMs,
  muchMs: options.muchMs ?? everyMs,
  name,
  run,
  oneProcess: options.oneProcess ?? false,
})

export interface Schedules {
  /** Runs the one of that name now, or after the run that is under way. */
  runNow(name: string): void
  /** Stops the clocks and waits for the runs under way. */
  stop(): Promise<void>
}

/** Runs each schedule by itself, first within its period; a run that fails is logged and the next one comes anyway. */
export function startSchedules<S>(schedules: Schedule<S>[], pool: Pool, work: ScheduledWork<S>): Schedules {
  const runners = schedules.map((schedule) => startSchedule(schedule, pool, work))
  return {
    runNow(name) {
      for (const runner of runners) runner.runNow(name)
    },
    async stop() {
      await Promise.all(runners.map((runner) => runner.stop()))
    },
  }
}

function startSchedule<S>(schedule: Schedule<S>, pool: Pool, work: ScheduledWork<S>): Schedules {
  const failed = rarely(work.log, `The periodic work "${schedule.name}" failed`)
  let stopped = false
  let isAskedFor = false
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout

  /** @returns how long to wait for the next run. */
  const runOnce = async (): Promise<number> => {
    try {
      if (schedule.oneProcess) await alone(pool, schedule.name, () => schedule.run(work))
      else {
        const found = await schedule.run(work)
        if (found === false) return schedule.idleMs
        if (found === 'much') return schedule.muchMs
      }
    } catch (error) {
      failed(error)
    }
    return schedule.everyMs
  }
  const plan = (delayMs: number) => {
    timer = setTimeout(run, delayMs)
  }
  const run = () => {
    running = runOnce().then((waitMs) => {
      running = undefined
      if (stopped) return
      plan(isAskedFor ? 0 : waitMs * (0.9 + Math.random() / 5))
      isAskedFor = false
    })
  }

  // many processes started together must not sweep in step
  plan(schedule.everyMs * Math.random())
  return {
    runNow(name) {
      if (name !== schedule.name) return
      isAskedFor = running !== undefined
      if (stopped || running) return
      clearTimeout(timer)
      run()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await running
    },
  }
}

async function alone(pool: Pool, name: string, run: () => Promise<unknown>): Promise<void> {
  const client = await pool.connect()
  const lock = 'hashtextextended($1, 0)'
  const key = [`schedule: ${name}`]
  let lost: Error | undefined
  try {
    const { rows } = await client.query<{ mine: boolean }>(
      `select pg_try_advisory_lock(${lock}) as mine`,
      key,
    )
    if (!rows[0]?.mine) return
    try {
      await run()
    } finally {
      await client.query(`select pg_advisory_unlock(${lock})`, key).catch((error: Error) => {
        lost = error
      })
    }
  } finally {
    // a connection that may still hold the lock must not go back to the pool
    client.release(lost)
  }
}
