import { z } from 'zod'
import { InvalidInputError } from '../errors.ts'

/** A place in a list, opaque to whoever holds it. It opens nothing: whoever makes one up only chooses where reading
 *  begins, and every read checks again what may be seen. */
export const writePlace = (...place: (string | number)[]): string =>
  Buffer.from(JSON.stringify(place)).toString('base64url')

/** @param shape the parts that {@link writePlace} was given, and what each may be.
 *  @throws {InvalidInputError} a cursor that no list of this shape gave */
export function readPlace<P>(shape: z.ZodType<P>, cursor: string): P {
  const parsed = shape.safeParse(decode(cursor))
  if (!parsed.success) throw badCursor()
  return parsed.data
}

/** For lists that check more of a place than its shape. */
export const badCursor = () =>
  new InvalidInputError('This cursor is not valid. Begin at the first page.', [
    { field: 'cursor', message: 'Not a cursor of this list.' },
  ])

const Position = z.tuple([z.number().int().min(0).max(8.64e15), z.uuid()])

/** A place in a list ordered by an instant and an id, both descending. */
export const writeCursor = (at: Date, id: string) => writePlace(at.getTime(), id)

/** @throws {InvalidInputError} a cursor that no list gave */
export function readCursor(cursor: string): { at: Date; id: string } {
  const [at, id] = readPlace(Position, cursor)
  return { at: new Date(at), id }
}

function decode(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
}
