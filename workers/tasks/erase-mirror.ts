import { sql } from 'kysely'
import { eraseMirror as contract } from '#core/contracts/jobs.ts'
import type { Services } from '#core/services.ts'
import { defineOutsideTask, type OutsideWork } from '../task.ts'

/** So that no statement runs into the pool's time limit, and nobody waits long for a row. */
const batch = 5_000

/** What a connection that is over has read, a million people or ten. Goes on where it was when it is run again. */
export const eraseMirror = defineOutsideTask({
  ...contract,
  attempts: 20,
  run: async ({ db, payload: { connector }, signal }: OutsideWork<typeof contract, Services>) => {
    for (const table of ['people_mirror', 'companies_mirror', 'crm_users', 'mirror_gone'])
      for (let more = true; more; ) {
        signal.throwIfAborted()
        const { numAffectedRows } = await sql`
          delete from ${sql.table(table)} where ctid = any (array(
            select ctid from ${sql.table(table)} where connector = ${connector} limit ${batch}))`.execute(db)
        more = numAffectedRows === BigInt(batch)
      }
  },
})
