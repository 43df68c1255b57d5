import { z } from 'zod'
import { Text } from './common.ts'

/** What a conversation keeps; never changes, whatever it is called. */
export const OutcomeKey = z.string().regex(/^[a-z0-9_]{1,40}$/, 'This is no outcome.')

export const OutcomeChoice = z.object({
  key: z.string(),
  label: z.string(),
  /** False: no longer offered; chats that have it keep it. */
  offered: z.boolean(),
})
export type OutcomeChoice = z.infer<typeof OutcomeChoice>
/** In the order they are offered, then those that are not any more. */
export const OutcomeList = z.object({
  outcomes: z.array(OutcomeChoice),
  /** Of those offered and their order; see `If-Match`. */
  version: z.string(),
})
export type OutcomeList = z.infer<typeof OutcomeList>

/** The outcomes offered from now on, in their order. One without a key is new. */
export const SaveOutcomes = z
  .strictObject({
    outcomes: z
      .array(
        z.strictObject({
          key: OutcomeKey.optional(),
          label: Text.pipe(
            z
              .string()
              .trim()
              .min(1, 'An outcome needs a name.')
              .max(40, 'An outcome has at most 40 characters.'),
          ),
        }),
      )
      // each has a digit to press
      .max(9, 'At most nine outcomes, so that choosing one stays one click.'),
  })
  .superRefine(({ outcomes }, context) => {
    const [labels, keys] = [new Set<string>(), new Set<string>()]
    for (const [index, { key, label }] of outcomes.entries()) {
      const known = label.toLocaleLowerCase('en')
      if (labels.has(known) || (key !== undefined && keys.has(key)))
        context.addIssue({
          code: 'custom',
          path: ['outcomes', index, 'label'],
          message: 'Two outcomes have this name.',
        })
      labels.add(known)
      if (key !== undefined) keys.add(key)
    }
  })
