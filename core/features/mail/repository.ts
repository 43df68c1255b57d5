import { sql } from 'kysely'
import type { Db, Tx } from '#core/db/pool.ts'

export interface MailRow {
  id: string
  toAddress: string
  toName: string | null
  replyTo: string | null
  subject: string
  text: string
  html: string | null
  headers: Record<string, string>
  invitation: { method: 'REQUEST' | 'CANCEL'; content: string } | null
  messageId: string | null
  createdAt: Date
  sentAt: Date | null
  unsentBecause: string | null
}

const columns = sql`id, to_address, to_name, reply_to, subject, text, html, headers, invitation, message_id, created_at,
  sent_at, unsent_because`

/** @returns false if there is a mail with this id already: it stays as it is. */
export async function insert(
  tx: Tx,
  mail: Omit<MailRow, 'messageId' | 'sentAt' | 'unsentBecause'>,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into mails (id, to_address, to_name, reply_to, subject, text, html, headers, invitation, created_at)
    values (${mail.id}, ${mail.toAddress}, ${mail.toName}, ${mail.replyTo}, ${mail.subject}, ${mail.text},
      ${mail.html}, ${JSON.stringify(mail.headers)}::jsonb,
      ${mail.invitation && JSON.stringify(mail.invitation)}::jsonb, ${mail.createdAt})
    on conflict (id) do nothing`.execute(tx)
  return numAffectedRows === 1n
}

/** The mail, if there is one and it has not been sent, with the Message-ID it keeps from now on. */
export async function prepareToSend(db: Db, id: string, messageId: string): Promise<MailRow | undefined> {
  const { rows } = await sql<MailRow>`
    update mails set message_id = coalesce(message_id, ${messageId})
    where id = ${id} and sent_at is null
    returning ${columns}`.execute(db)
  return rows[0]
}

export async function markSent(tx: Tx, id: string, at: Date): Promise<void> {
  await sql`
    update mails set sent_at = ${at}, unsent_because = null where id = ${id} and sent_at is null`.execute(tx)
}

export async function markUnsent(tx: Tx, id: string, reason: string): Promise<void> {
  await sql`update mails set unsent_because = ${reason} where id = ${id} and sent_at is null`.execute(tx)
}

/** @returns whether there was an unsent mail that nobody was going to send any more. */
export async function clearUnsent(tx: Tx, id: string): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update mails set unsent_because = null
    where id = ${id} and sent_at is null and unsent_because is not null`.execute(tx)
  return numAffectedRows === 1n
}

export async function listUnsent(db: Db, limit: number): Promise<MailRow[]> {
  const { rows } = await sql<MailRow>`
    select ${columns} from mails where sent_at is null order by created_at desc limit ${limit}`.execute(db)
  return rows
}
