import { z } from 'zod'
import { EmailAddress, Id, shortText } from './common.ts'

const Address = z
  .union([EmailAddress, z.literal('')])
  .nullable()
  .transform((address) => address || null)

/** Null: as Foyer would have it. */
export const SaveMailSettings = z.strictObject({
  fromName: shortText(100),
  fromAddress: Address,
  replyTo: Address,
})

export const MailSettings = z.object({
  fromName: z.string().nullable(),
  fromAddress: z.string().nullable(),
  replyTo: z.string().nullable(),
  /** What mails carry at the moment. */
  from: z.object({ name: z.string(), address: z.string() }),
  /** Host and port of the mail server; null: there is none, and nothing is mailed. */
  server: z.string().nullable(),
  /** Of what a change replaces; see `If-Match`. */
  version: z.string(),
})
export type MailSettings = z.infer<typeof MailSettings>

export const MailTestSent = z.object({ id: Id })
/** `reason`: why the last try did not work. */
export const MailTest = z.object({
  state: z.enum(['waiting', 'sent', 'failed']),
  reason: z.string().nullable(),
})
export type MailTest = z.infer<typeof MailTest>
