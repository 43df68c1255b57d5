import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '#core/clock.ts'
import { EmailAddress, Id, Text } from '#core/contracts/common.ts'
import { sendMail } from '#core/contracts/jobs.ts'
import type { Db, Tx } from '#core/db/pool.ts'
import { enqueue } from '../outbox/outbox.ts'
import * as mails from './repository.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these end a header and begin another
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g

/** One line of a header. A visitor's name with a line break in it must not become a header of its own. */
const HeaderText = (most: number) =>
  z.string().transform((text) => text.toWellFormed().replace(controls, ' ').trim().slice(0, most))

// What the mailer itself says about the mail; a second copy would confuse or deceive whoever reads it.
const ownHeaders =
  /^(from|sender|to|cc|bcc|reply-to|subject|date|message-id|mime-version|return-path|received|content-.*|dkim-.*)$/i

const HeaderName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{0,60}$/)
  .refine((name) => !ownHeaders.test(name), 'This header is set by the mailer.')

/** A calendar's file that comes with a mail: RFC 6047. */
const Invitation = z.strictObject({
  method: z.enum(['REQUEST', 'CANCEL']),
  content: Text.pipe(z.string().max(100_000)),
})

const Mail = z.strictObject({
  id: Id.optional(),
  to: z.strictObject({ address: EmailAddress, name: HeaderText(100).nullish() }),
  replyTo: EmailAddress.nullish(),
  subject: HeaderText(200).pipe(z.string().min(1)),
  text: Text.pipe(z.string().max(1_000_000)),
  html: Text.pipe(z.string().max(2_000_000)).nullish(),
  headers: z.record(HeaderName, HeaderText(900)).default({}),
  /** What a calendar shows as an invitation, a change of it, or its end. */
  invitation: Invitation.nullish(),
})

/** A mail to one person. With an `id`, queueing it again changes nothing. `html` is the caller's: whatever people
 *  wrote must be escaped in it. */
export type NewMail = z.input<typeof Mail>

/** Keeps the mail and promises to send it, in the caller's transaction. Whether it can be sent is seen when it is
 *  its turn: without a mail server it stays, with the reason. @returns its id. */
export async function queueMail(tx: Tx, clock: Clock, mail: NewMail): Promise<string> {
  const { id = randomUUID(), to, replyTo, subject, text, html, headers, invitation } = Mail.parse(mail)
  const isNew = await mails.insert(tx, {
    id,
    toAddress: to.address,
    toName: to.name || null,
    replyTo: replyTo ?? null,
    subject,
    text,
    html: html ?? null,
    headers,
    invitation: invitation ?? null,
    createdAt: clock.now(),
  })
  if (isNew) await enqueue(tx, clock, { task: sendMail, payload: { mailId: id } })
  return id
}

/** Promises once more to send a mail that was given up. @returns false if it was sent or is still being tried. */
export async function resendMail(tx: Tx, clock: Clock, id: string): Promise<boolean> {
  if (!(await mails.clearUnsent(tx, id))) return false
  await enqueue(tx, clock, { task: sendMail, payload: { mailId: id } })
  return true
}

/** The newest mails not sent: `unsentBecause` says why it was given up, null that it is still being tried. */
export const listUnsent = (db: Db, limit = 100): Promise<mails.MailRow[]> => mails.listUnsent(db, limit)
