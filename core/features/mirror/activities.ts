import { sql } from 'kysely'
import type { CrmActivity } from '#connectors/sdk/crm.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { historyMs } from '../activities/history.ts'

/** What the mirror keeps beyond the history's 90 days, for clocks that differ. */
const slackMs = 24 * 60 * 60_000

/**
 * Takes a person's activities of the last 90 days into the mirror, all of them: what is not among them is gone.
 * @param readAt when they were asked for.
 */
export async function replaceActivities(
  tx: Tx,
  { connector, personId, readAt }: { connector: string; personId: string; readAt: Date },
  activities: CrmActivity[],
): Promise<void> {
  const { rows } = await sql`
    update people_mirror set activities_at = ${readAt}
    where connector = ${connector} and external_id = ${personId}
      and (activities_at is null or activities_at <= ${readAt})
    returning 1`.execute(tx)
  // gone meanwhile, or read by somebody else since
  if (rows.length === 0) return
  const given = activities.map((activity) => ({
    id: activity.id,
    keys: keysOf(connector, activity),
    kind: activity.kind,
    at: activity.at.toISOString(),
    is_all_day: activity.isAllDay,
    title: clean(activity.title, 500),
    detail: clean(activity.detail, 2_000),
    url: activity.url,
    foyer_key: activity.foyerKey,
  }))
  await sql`
    with given as materialized (
      select distinct on (g.id) g.* from jsonb_to_recordset(${JSON.stringify(given)}::jsonb) as g (id text, keys text[],
        kind text, at timestamptz, is_all_day boolean, title text, detail text, url text, foyer_key text)
    ), gone as (
      delete from activities_mirror where connector = ${connector} and person_id = ${personId}
        and external_id not in (select id from given)
    )
    insert into activities_mirror (connector, person_id, external_id, keys, kind, at, is_all_day, title, detail, url, foyer_key)
    select ${connector}, ${personId}, id, keys, kind, at, is_all_day, title, detail, url, foyer_key from given
    on conflict (connector, person_id, external_id) do update set
      keys = excluded.keys, kind = excluded.kind, at = excluded.at, is_all_day = excluded.is_all_day,
      title = excluded.title, detail = excluded.detail, url = excluded.url, foyer_key = excluded.foyer_key`.execute(
    tx,
  )
}

/** What it shares with others that are the same. A connector may name another record of its own by its id alone. */
const keysOf = (connector: string, { id, sameAs }: CrmActivity): string[] => [
  ...new Set([`${connector}:${id}`, ...sameAs.flatMap((key) => [key, `${connector}:${key}`])]),
]

const clean = (text: string | null, length: number) =>
  text?.replaceAll('\0', '').slice(0, length).toWellFormed() ?? null

/** Activities older than the history shows. @returns how many. */
export async function forgetOldActivities(tx: Db | Tx, now: Date, limit: number): Promise<number> {
  const before = new Date(now.getTime() - historyMs - slackMs)
  const { numAffectedRows } = await sql`
    delete from activities_mirror where ctid in (
      select ctid from activities_mirror where at < ${before} limit ${limit})`.execute(tx)
  return Number(numAffectedRows)
}
