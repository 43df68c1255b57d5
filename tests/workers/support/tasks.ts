import { sql } from 'kysely'
import { z } from 'zod'
import { defineJob } from '#core/contracts/jobs.ts'
import { type DatabaseWork, defineOutsideTask, defineTask, type OutsideWork } from '#workers/task.ts'

/** What the test's tasks do besides leaving a line in the table `effects`. */
export interface TestServices {
  worker: string
  /** Called in the middle of each run; a run ends when it resolves and fails when it rejects. */
  inTheMiddle(key: string, signal: AbortSignal): Promise<void>
}

const payload = z.strictObject({ key: z.string() })

export const note = defineJob('note', payload)
export const noteOutside = defineJob('note-outside', payload)

export const createEffects = sql`
  create table effects (id bigint generated always as identity, key text, worker text, at timestamptz)`

const attempts = 3
const quickBackOff = (attempt: number) => 100 * attempt

export const tasks = [
  defineTask({
    ...note,
    attempts,
    backOffMs: quickBackOff,
    async run({ payload: { key }, services, tx, clock, signal }: DatabaseWork<typeof note, TestServices>) {
      await sql`insert into effects (key, worker, at) values (${key}, ${services.worker}, ${clock.now()})`.execute(
        tx,
      )
      await services.inTheMiddle(key, signal)
    },
    gaveUp: async ({ payload: { key }, tx }, reason) => {
      await sql`insert into effects (key, worker) values (${`${key} given up: ${reason}`}, 'none')`.execute(
        tx,
      )
    },
  }),
  defineOutsideTask({
    ...noteOutside,
    attempts,
    backOffMs: quickBackOff,
    leaseMs: 1_200,
    async run({ payload: { key }, services, clock, signal }: OutsideWork<typeof noteOutside, TestServices>) {
      await services.inTheMiddle(key, signal)
      return async (tx) => {
        await sql`insert into effects (key, worker, at) values (${key}, ${services.worker}, ${clock.now()})`.execute(
          tx,
        )
      }
    },
  }),
]
