import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import { knownEmail } from '../visitors/known.ts'
import { sameVisitor } from '../visitors/repository.ts'
import { distinct, type Told } from './distinct.ts'

const foyerChat = /^foyer-chat-([0-9a-f-]{36})$/
const foyerMeeting = /^foyer-meeting-([0-9a-f-]{36})$/

/**
 * What the CRMs told of the person with the visitor's address between two instants (both included), each once. What Foyer
 * wrote about chats and meetings of this very visitor is left out: the history shows them anyway.
 */
export async function mirroredActivities(
  db: Db,
  { visitorId, from, to }: { visitorId: string; from: Date; to: Date },
): Promise<Told[]> {
  const { rows } = await sql<Told & { precedence: number }>`
    select a.connector, a.person_id, a.external_id, a.keys, a.kind, a.at, a.foyer_key, c.precedence
    from visitors v
    join people_mirror_emails e on e.email = ${knownEmail()}
    join connections c on c.connector = e.connector and c.state in ('active', 'paused', 'broken')
    join activities_mirror a on a.connector = e.connector and a.person_id = e.external_id
    where v.id = ${visitorId} and a.at between ${from} and ${to}`.execute(db)
  if (rows.length === 0) return []
  const chats = rows.flatMap(({ foyerKey }) => foyerChat.exec(foyerKey ?? '')?.[1] ?? [])
  const meetings = rows.flatMap(({ foyerKey }) => foyerMeeting.exec(foyerKey ?? '')?.[1] ?? [])
  const ours = new Set([
    ...(await chatsOf(db, visitorId, chats)),
    ...(await meetingsOf(db, visitorId, meetings)),
  ])
  const byPrecedence = rows.toSorted((one, other) => one.precedence - other.precedence)
  const order = [...new Set(byPrecedence.map(({ connector }) => connector))]
  return distinct(rows, order, (key) => ours.has(key))
}

/** @returns the keys of those that are chats of this visitor. */
async function chatsOf(db: Db, visitorId: string, ids: string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<{ key: string }>`
    select 'foyer-chat-' || c.id as key from visitors v
    join conversations c on c.visitor_id in (${sameVisitor()})
    where v.id = ${visitorId} and c.id::text = any (${ids})`.execute(db)
  return rows.map(({ key }) => key)
}

async function meetingsOf(db: Db, visitorId: string, ids: string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<{ key: string }>`
    select 'foyer-meeting-' || m.id as key from visitors v
    join meetings m on m.visitor_id in (${sameVisitor()}) or m.email = ${knownEmail()}
    where v.id = ${visitorId} and m.id::text = any (${ids})`.execute(db)
  return rows.map(({ key }) => key)
}
