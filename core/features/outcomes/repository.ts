import { sql } from 'kysely'
import type { OutcomeChoice, OutcomeList } from '../../contracts/outcomes.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { InvalidInputError } from '../../errors.ts'
import { versionOf } from '../content-version.ts'

/** In the order they are offered, then those that are not any more. */
export async function readOutcomes(db: Db | Tx): Promise<OutcomeChoice[]> {
  const { rows } = await sql<OutcomeChoice>`
    select key, label, place is not null as offered from outcomes
    order by place nulls last, lower(label), key`.execute(db)
  return rows
}

/** As {@link readOutcomes}, with the version of what is offered. */
export async function readOutcomeList(db: Db | Tx): Promise<OutcomeList> {
  const outcomes = await readOutcomes(db)
  const offered = outcomes.filter((outcome) => outcome.offered)
  return { outcomes, version: versionOf(offered.map(({ key, label }) => [key, label])) }
}

/** @throws {InvalidInputError} unless it is one of those offered */
export async function checkOffered(db: Db | Tx, key: string): Promise<void> {
  const { rows } = await sql`select from outcomes where key = ${key} and place is not null`.execute(db)
  if (rows[0]) return
  throw new InvalidInputError('This outcome is not offered any more. Choose another one.', [
    { field: 'outcome', message: 'Not one of the outcomes offered.' },
  ])
}

/** Keys in use are locked: of two admins who save at once the later one sees what the earlier one added. */
export async function lockOutcomes(tx: Tx): Promise<OutcomeList> {
  await sql`select pg_advisory_xact_lock(hashtextextended('outcomes', 0))`.execute(tx)
  return readOutcomeList(tx)
}

/** Makes exactly these the ones offered, in this order. */
export async function offerOnly(tx: Tx, outcomes: { key: string; label: string }[]): Promise<void> {
  await sql`
    insert into outcomes (key, label, place)
    select * from unnest(${outcomes.map(({ key }) => key)}::text[], ${outcomes.map(({ label }) => label)}::text[])
      with ordinality
    on conflict (key) do update set label = excluded.label, place = excluded.place`.execute(tx)
  await sql`
    update outcomes set place = null where not key = any (${outcomes.map(({ key }) => key)}::text[])`.execute(
    tx,
  )
}
