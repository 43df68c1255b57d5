import { z } from 'zod'
import { Id, Text } from './common.ts'

/** What is typed after "/": one word, found whatever the case. */
export const Shortcut = Text.pipe(
  z
    .string()
    .trim()
    .toLowerCase()
    .max(40, 'A shortcut has at most 40 characters.')
    .regex(/^[^\s/]+$/u, 'A shortcut is one word, without spaces and slashes, such as "hello".'),
)

const maxLength = 4_000
const ReplyText = Text.pipe(
  z
    .string()
    .max(maxLength, `A canned reply has at most ${maxLength.toLocaleString('en')} characters.`)
    .refine((text) => text.trim() !== '', 'A canned reply needs some text.'),
)

/** A text somebody writes again and again. `{{visitor.name|there}}` stands for what is known in the chat it is used in,
 *  or for "there". */
export const CannedReply = z.object({
  id: Id,
  /** Everybody's, or only the reader's own. */
  shared: z.boolean(),
  shortcut: z.string(),
  text: z.string(),
  /** Of what a change replaces; see `If-Match`. */
  version: z.string(),
})
export type CannedReply = z.infer<typeof CannedReply>
/** One's own and everybody's, by shortcut. */
export const CannedReplyList = z.object({ replies: z.array(CannedReply) })

export const SaveCannedReply = z.strictObject({ shared: z.boolean(), shortcut: Shortcut, text: ReplyText })
export type SaveCannedReply = z.infer<typeof SaveCannedReply>
