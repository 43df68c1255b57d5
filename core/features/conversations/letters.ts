import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { Db, Tx } from '../../db/pool.ts'
import { ConflictError } from '../../errors.ts'
import type { Change, Services } from '../../services.ts'
import { greetingOf } from '../mail/greeting.ts'
import { queueMail } from '../mail/mail.ts'
import type { ConversationRow } from './repository.ts'
import { makeReturnLink } from './return-links.ts'

/** Mails to the visitor of a conversation. */

interface Letter {
  subject: (organisation: string) => string
  /** Paragraphs; what people wrote stands as they wrote it. */
  body: string[]
  /** Answers to the mail go to them. */
  replyTo: string | null
  /** Makes a repeated one the same mail. */
  id?: string
}

/** Where mail to this visitor goes: what an agent corrected, else what the visitor gave.
 *  @throws {ConflictError} `no_mail_server`, `no_address`, in words for the agent */
export async function addressOf(
  services: Services,
  tx: Db | Tx,
  visitorId: string,
): Promise<{ address: string; name: string | null }> {
  if (!canMail(services))
    throw new ConflictError('no_mail_server', 'Foyer has no mail server yet. An admin can give it one.')
  const address = await knownAddress(tx, visitorId)
  if (!address) throw new ConflictError('no_address', 'No e-mail address of this visitor is known.')
  return address
}

/** Whether there is anything to send mail with. */
export const canMail = ({ config }: Pick<Services, 'config'>): boolean => config.smtpUrl !== null

/** As {@link addressOf}; null where none is known. */
export async function knownAddress(
  tx: Db | Tx,
  visitorId: string,
): Promise<{ address: string; name: string | null } | null> {
  const { rows } = await sql<{ address: string | null; name: string | null }>`
    select coalesce(corrections ->> 'email', email) as address, coalesce(corrections ->> 'name', name) as name
    from visitors where id = ${visitorId}`.execute(tx)
  const row = rows[0]
  return row?.address ? { address: row.address, name: row.name } : null
}

/** Queues a mail to the visitor with a link that opens the conversation again. */
export async function writeTo(
  services: Services,
  { tx, now, after }: Change,
  conversation: Pick<ConversationRow, 'id' | 'siteId' | 'page'>,
  to: { address: string; name: string | null },
  { subject, body, replyTo, id = randomUUID() }: Letter,
): Promise<void> {
  const { rows } = await sql<{ name: string }>`select name from organisation`.execute(tx)
  const organisation = rows[0]?.name ?? 'Foyer'
  const link = await makeReturnLink(services, tx, now, conversation)
  const paragraphs = [
    greetingOf(to.name),
    ...body,
    ...(link ? [`Go on with this chat (the link is yours alone and works for 14 days):\n${link}`] : []),
    organisation,
  ]
  await queueMail(tx, services.clock, {
    id,
    to,
    replyTo,
    subject: subject(organisation),
    text: `${paragraphs.join('\n\n')}\n`,
  })
  after(services.wakeJobs)
}

/** As answers quote what they answer. */
export const quoted = (text: string) =>
  text
    .split(/\r\n|\r|\n/)
    .map((line) => `> ${line}`)
    .join('\n')
