import { z } from 'zod'
import { Id, Instant } from './common.ts'

/** What admins see of work that did not get done. Neither payloads nor the texts of mails: they are other people's. */

export const JobFailure = z.object({
  id: z.number().int(),
  /** What was to be done, such as `send-mail`. */
  task: z.string(),
  attempts: z.number().int(),
  error: z.string().nullable(),
  createdAt: Instant,
  failedAt: Instant,
})
/** The newest 100. */
export const JobFailureList = z.object({ jobFailures: z.array(JobFailure) })

/** The number of an outbox row. */
export const JobId = z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER)

export const UnsentMail = z.object({
  id: Id,
  to: z.string(),
  subject: z.string(),
  createdAt: Instant,
  /** Why it was given up; null while it is still being tried. */
  unsentBecause: z.string().nullable(),
})
/** The newest 100. */
export const UnsentMailList = z.object({ unsentMail: z.array(UnsentMail) })
