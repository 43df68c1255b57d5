import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../../db/pool.ts'
import { joinKnown, knownField } from '../visitors/known.ts'
import type { NewMail } from './mail.ts'

type Written = Pick<NewMail, 'subject' | 'text'>

/** Which missed chats an agent wants mail of: `asked` (those put to them), `all` or `none`. Until they say, admins hear of
 *  all. @param a the agents row */
export const missedMail = (a: RawBuilder<unknown>): RawBuilder<string> => sql<string>`
  coalesce(${a}.preferences ->> 'missedMail', case ${a}.profile when 'admin' then 'all' else 'asked' end)`

interface Missed {
  id: string
  name: string | null
  company: string | null
  requestedAt: Date
  endedAt: Date
  endReason: string | null
  text: string
  messageLeft: boolean
}

/** "Missed chat: Sofia Ricci, Northwind, waited 1:40". What somebody has taken or answered meanwhile needs no mail.
 *  @returns null when nothing is left to tell */
export async function noticesOfMissed(
  tx: Tx,
  batchId: string,
  publicUrl: string | null,
): Promise<Written | null> {
  const { rows } = await sql<Missed>`
    select c.id, ${knownField('name')} as name,
           ${knownField('company')} as company,
           c.requested_at, c.ended_at, c.end_reason, left(c.first_text, 300) as text, c.message_left
    from mail_batch_items i
    join conversations c on c.id = i.conversation_id and c.status = 'missed' and c.replied_at is null and c.claimed_by is null
    join visitors v on v.id = c.visitor_id
    ${joinKnown}
    where i.batch_id = ${batchId} order by c.ended_at, c.id
    -- whoever is erased meanwhile is not named, or the mail is there to be erased
    for key share of c`.execute(tx)
  const [first] = rows
  if (!first) return null
  const subject = rows.length === 1 ? `Missed chat: ${headlineOf(first)}` : `${rows.length} missed chats`
  const parts = rows.map((row) =>
    [headlineOf(row), quote(row.text), link(publicUrl, 'Reply', `/inbox/c/${row.id}`)]
      .filter(Boolean)
      .join('\n'),
  )
  return { subject, text: foot(parts, publicUrl) }
}

/** Actions that were given up, by what they were. @returns null when none is still open */
export async function noticesOfFailures(
  tx: Tx,
  batchId: string,
  publicUrl: string | null,
): Promise<Written | null> {
  const { rows } = await sql<{ task: string; error: string | null; n: number }>`
    select o.task, max(o.last_error) as error, count(*) as n
    from mail_batch_items i join outbox o on o.id = i.job_id and o.state = 'dead'
    where i.batch_id = ${batchId} group by o.task order by o.task`.execute(tx)
  if (rows.length === 0) return null
  const all = rows.reduce((sum, { n }) => sum + n, 0)
  const parts = rows.map(({ task, error, n }) => `${n} × ${task}\n${error ?? ''}`.trim())
  return {
    subject: all === 1 ? `Foyer gave up an action: ${rows[0]?.task}` : `Foyer gave up ${all} actions`,
    text: foot(
      ['Foyer tried these several times. They are kept and can be tried again.', ...parts],
      publicUrl,
    ),
  }
}

function headlineOf({ name, company, requestedAt, endedAt, endReason }: Missed): string {
  const who = [name ?? 'Visitor', company].filter(Boolean).join(', ')
  const seconds = Math.max(0, Math.round((endedAt.getTime() - requestedAt.getTime()) / 1_000))
  // nobody waited for a message that was left
  if (endReason === 'left_message' && seconds === 0) return `${who}, left a message`
  return `${who}, waited ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

const quote = (text: string) =>
  text === ''
    ? ''
    : text
        .split(/\r?\n/)
        .map((line) => `> ${line}`)
        .join('\n')

const link = (publicUrl: string | null, label: string, path: string) =>
  publicUrl ? `${label}: ${publicUrl}${path}` : ''

const foot = (parts: string[], publicUrl: string | null) =>
  `${[...parts, `-- \n${link(publicUrl, 'What Foyer mails you', '/inbox/settings/notifications')}`].join('\n\n').trimEnd()}\n`
