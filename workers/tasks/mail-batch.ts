import { mailBatch as contract } from '#core/contracts/jobs.ts'
import { mailDueBatch } from '#core/features/mail/batches.ts'
import type { Services } from '#core/services.ts'
import { type DatabaseWork, defineTask } from '../task.ts'

/** The mail is written in the transaction that closes its batch, and sent by a job of its own. */
export const mailBatch = defineTask({
  ...contract,
  attempts: 10,
  run: ({ services, payload, tx }: DatabaseWork<typeof contract, Services>) =>
    mailDueBatch(services, tx, payload.batchId),
})
