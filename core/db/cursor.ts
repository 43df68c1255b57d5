import { z } from 'zod'
import { InvalidInputError } from '../errors.ts'

/** The place after the last row of a page, as an opaque text. It opens nothing: whoever makes one up only chooses
 *  where reading begins, and every read checks again what may be seen. */
export const writeCursor = (...place: (string | number)[]): string =>
  Buffer.from(JSON.stringify(place)).toString('base64url')

/** @param place the parts that `writeCursor` was given, and what each may be.
 *  @throws {InvalidInputError} for a text that is no cursor of this list */
export function readCursor<T extends [z.ZodType, ...z.ZodType[]]>(
  place: z.ZodTuple<T, null>,
  cursor: string,
): z.infer<z.ZodTuple<T, null>> {
  const parsed = place.safeParse(decode(cursor))
  if (!parsed.success) throw badCursor()
  return parsed.data
}

export const badCursor = () =>
  new InvalidInputError('This cursor does not belong to this list. Begin again without it.', [
    { field: 'cursor', message: 'Not a cursor of this list.' },
  ])

function decode(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
}
