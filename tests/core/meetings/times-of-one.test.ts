import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPool } from '#core/db/pool.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { anAgent } from '#tests/support/factories.ts'

let database: ScratchDatabase

beforeAll(async () => {
  database = await scratchDatabase()
})
afterAll(() => database.drop())

test('the times of a meeting are found without a look at those of all others', async () => {
  const pool = createPool(database.url, 1, 'times of one')
  const now = new Date('2026-03-02T09:00:00Z')
  const { id } = await anAgent(pool, now)
  await pool.query(
    `with made as (
       insert into meetings (id, agent_id, state, name, email, start_at, end_at, time_zone, wall_time, agent_time_zone, agent_wall_time,
         title, event_id, held_at, booked_at, changed_at)
       select gen_random_uuid(), $1, 'booked', 'Ada', 'ada@northwind.test', at, at + interval '30 minutes', 'UTC', '', 'UTC', '',
         'Demo', n::text, at, at, at
       from generate_series(1, 2000) n, lateral (select $2::timestamptz + n * interval '1 hour') t (at)
       returning id, start_at, end_at)
     insert into taken_times (meeting_id, agent_id, taken) select id, $1, tstzrange(start_at, end_at) from made`,
    [id, now],
  )
  await pool.query('vacuum analyze taken_times')
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(
    `explain delete from taken_times where meeting_id = '018f0000-0000-7000-8000-000000000000'`,
  )
  await pool.end()
  expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain(' using taken_times_of_meeting ')
})
