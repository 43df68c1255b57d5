import { sendMail as contract } from '#core/contracts/jobs.ts'
import { type Mailer, MailRefusedError } from '#core/features/mail/mailer.ts'
import * as mails from '#core/features/mail/repository.ts'
import { defineOutsideTask, type OutsideWork, PermanentError } from '../task.ts'

export interface MailServices {
  /** Undefined without FOYER_SMTP_URL. */
  mailer: Mailer | undefined
}

/** Why a mail was not sent, as admins read it. */
export const noMailServer = 'no mail server'

/** Sends one mail. If the worker dies after the server took the mail and before the row says so, it is sent again
 *  with the same Message-ID. */
export const sendMail = defineOutsideTask({
  ...contract,
  // with back-off up to an hour: for half a day
  attempts: 20,
  leaseMs: 30_000,

  async run({
    payload: { mailId },
    services: { mailer },
    db,
    clock,
    signal,
  }: OutsideWork<typeof contract, MailServices>) {
    if (!mailer) return (tx) => mails.markUnsent(tx, mailId, noMailServer)
    const from = await mailer.sender()
    const messageId = `<${mailId}@${from.address.slice(from.address.lastIndexOf('@') + 1)}>`
    const mail = await mails.prepareToSend(db, mailId, messageId)
    if (!mail) return
    try {
      await mailer.send({ ...mail, messageId: mail.messageId ?? messageId }, from, signal)
    } catch (error) {
      if (error instanceof MailRefusedError) throw new PermanentError(error.message, { cause: error })
      throw error
    }
    return (tx) => mails.markSent(tx, mailId, clock.now())
  },

  gaveUp: ({ payload: { mailId }, tx }, reason) => mails.markUnsent(tx, mailId, reason),
})
