import { sql } from 'kysely'
import type { z } from 'zod'
import { sendMail } from '../../contracts/jobs.ts'
import type { MailSettings, MailTest, SaveMailSettings } from '../../contracts/mail.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { ConflictError, NotFoundError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { refuseStale, versionOf } from '../content-version.ts'
import { readOrganisation } from '../organisation/settings.ts'
import { queueMail } from './mail.ts'
import { defaultSender, type Sender } from './mailer.ts'

/** By which the audit log knows the one set of settings there is. */
const settingsId = 'mail'

/** Who mails are from at the moment. */
export async function readSender(db: Db | Tx, config: Services['config']): Promise<Sender> {
  const organisation = await readOrganisation(db)
  const otherwise = defaultSender(
    config.smtpUrl ?? 'smtp://localhost',
    config.publicUrl ?? 'http://localhost',
    organisation?.name ?? 'Foyer',
  )
  const said = organisation?.settings.mail
  return {
    name: said?.fromName ?? otherwise.name,
    address: said?.fromAddress ?? otherwise.address,
    replyTo: said?.replyTo ?? null,
  }
}

export async function readMailSettings(
  db: Db | Tx,
  config: Services['config'],
): Promise<z.infer<typeof MailSettings>> {
  const said = (await readOrganisation(db))?.settings.mail
  const { name, address } = await readSender(db, config)
  const server = config.smtpUrl ? new URL(config.smtpUrl) : null
  const own = {
    fromName: said?.fromName ?? null,
    fromAddress: said?.fromAddress ?? null,
    replyTo: said?.replyTo ?? null,
  }
  return {
    ...own,
    version: versionOf(own),
    from: { name, address },
    // neither user nor password
    server: server ? server.host : null,
  }
}

/** @param expected the version it replaces, if the caller says
 *  @throws {ConflictError} `changed_meanwhile` */
export function saveMailSettings(
  services: Services,
  actorId: string,
  settings: z.output<typeof SaveMailSettings>,
  expected?: string,
): Promise<z.infer<typeof MailSettings>> {
  const { config } = services
  return change(services, async ({ tx, now }) => {
    await sql`select from organisation for update`.execute(tx)
    await refuseStale(tx, expected, await readMailSettings(tx, config), {
      what: 'page',
      objectId: settingsId,
      actorId,
    })
    await sql`
      update organisation set settings = jsonb_set(settings, '{mail}', ${JSON.stringify(settings)}::jsonb)`.execute(
      tx,
    )
    await audit(tx, {
      now,
      actorId,
      action: 'mail.settings_changed',
      objectType: 'mail_settings',
      objectId: settingsId,
    })
    return readMailSettings(tx, config)
  })
}

/** A mail to whoever asks for it. @throws {ConflictError} `no_mail_server` */
export async function queueTest(
  services: Services,
  { tx, after }: Change,
  to: { email: string; name: string },
): Promise<{ id: string }> {
  if (services.config.smtpUrl === null)
    throw new ConflictError('no_mail_server', 'Foyer has no mail server: set FOYER_SMTP_URL first.')
  const id = await queueMail(tx, services.clock, {
    to: { address: to.email, name: to.name },
    subject: 'A test from Foyer',
    text: 'Foyer can send mail: this is the test you asked for.\n',
  })
  after(services.wakeJobs)
  return { id }
}

/** What became of a mail to this person. @throws {NotFoundError} */
export async function readTest(db: Db, email: string, id: string): Promise<z.infer<typeof MailTest>> {
  const { rows } = await sql<{ sentAt: Date | null; unsentBecause: string | null; lastError: string | null }>`
    select m.sent_at, m.unsent_because,
           (select last_error from outbox where task = ${sendMail.name} and payload ->> 'mailId' = ${id}
            order by id desc limit 1) as last_error
    from mails m where m.id = ${id} and m.to_address = ${email}`.execute(db)
  const row = rows[0]
  if (!row) throw new NotFoundError('mail')
  if (row.sentAt) return { state: 'sent', reason: null }
  if (row.unsentBecause) return { state: 'failed', reason: row.unsentBecause }
  return { state: 'waiting', reason: row.lastError }
}
