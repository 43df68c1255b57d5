import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { plannedOnce } from '#core/db/planned-once.ts'
import { createDb, createPool } from '#core/db/pool.ts'
import { scratchDatabase } from '#tests/support/database.ts'

test('a statement that is planned once is prepared on its connection, and only such a one', async () => {
  const database = await scratchDatabase()
  const pool = createPool(database.url, 1, 'test')
  const db = createDb(pool)
  const double = (n: number) => sql<{ twice: number }>`${plannedOnce} select ${n}::int * 2 as twice`
  for (const n of [1, 2, 3]) expect((await double(n).execute(db)).rows).toEqual([{ twice: 2 * n }])
  expect((await sql`select ${4}::int * 2 as "twiceAgain"`.execute(db)).rows).toEqual([{ twiceAgain: 8 }])
  const { rows } = await pool.query<{ statement: string; plans: number }>(
    'select statement, (generic_plans + custom_plans)::int as plans from pg_prepared_statements',
  )
  expect(rows).toEqual([{ statement: expect.stringContaining('* 2 as twice'), plans: 3 }])
  await db.destroy()
  await database.drop()
})
