import { parsePhoneNumberFromString } from 'libphonenumber-js/min'
import { z } from 'zod'

/** An instant in UTC, as ISO 8601 with a Z. */
export const Instant = z.iso.datetime()
export const Id = z.uuid()

/** PostgreSQL stores no NUL, and half of a surrogate pair is no text: the first is refused, the second made whole. */
export const Text = z
  .string()
  .refine((text) => !text.includes('\0'), 'Text must not contain the NUL character.')
  .transform((text) => text.toWellFormed())

/** A place in a log, or 0 for before its first line: what PostgreSQL's integer holds. */
export const Seq = z
  .number()
  .int()
  .nonnegative()
  .max(2 ** 31 - 1)

export const maxMessageLength = 10_000
/** What somebody says: 1 to 10,000 characters (UTF-16 units), not only white space. */
export const MessageText = Text.pipe(
  z
    .string()
    .max(maxMessageLength, `A message has at most ${maxMessageLength.toLocaleString('en')} characters.`)
    .refine((text) => text.trim() !== '', 'A message needs some text.'),
)

/** Made by the sender, unique among its own sends; a repeated one is the same message. */
export const ClientId = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[\w.:-]+$/, 'A client id has letters, digits and ".:-_" only.')

export const EmailAddress = z
  .string()
  .trim()
  .max(254, 'This e-mail address is too long.')
  .pipe(z.email('This is not an e-mail address, such as name@example.com.'))
  .transform((email) => email.toLowerCase())

/** In one line, trimmed: of what comes in several the breaks are spaces, so that a name makes no paragraph of a mail. */
export const Line = Text.pipe(
  z.string().overwrite((text) =>
    text
      .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
      .replaceAll(/ {2,}/g, ' ')
      .trim(),
  ),
)

/** One line of text about a person, trimmed; null or empty clears it. */
export const shortText = (max = 200) =>
  Line.pipe(z.string().max(max, `At most ${max} characters.`))
    .nullable()
    .transform((text) => text || null)

/** As people write it, with or without a country: one with "+" must be possible there, one without needs 5 to 15
 *  digits. Kept as written, since only the writer knows the country; null or empty clears it. */
export const PhoneNumber = shortText(50).refine(
  (phone) => phone === null || isPhoneNumber(phone),
  'This is not a phone number, such as +39 02 5550 0142.',
)

function isPhoneNumber(phone: string): boolean {
  if (phone.startsWith('+')) return parsePhoneNumberFromString(phone)?.isPossible() ?? false
  return /^[\d\s()./-]+$/.test(phone) && /^\d{5,15}$/.test(phone.replace(/\D/g, ''))
}

/** Only these reach a link: a javascript: address typed by a visitor must stay text. */
export const WebAddress = Text.pipe(
  z
    .string()
    .max(2_000)
    .regex(/^https?:\/\//i, 'A web address begins with http:// or https://.'),
)

export const Cursor = z.string().max(200)

/** RFC 9457. `code` is stable; `detail` is a sentence for people. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  detail: z.string(),
  errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  /** With `changed_meanwhile`: what stands there now. */
  current: z.unknown().optional(),
})
export type Problem = z.infer<typeof Problem>
