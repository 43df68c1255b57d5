import * as z from 'zod'
import { CursorExpiredError } from '../sdk/errors.ts'

const Round = z.object({
  /** What was changed then or later is asked for; milliseconds. */
  from: z.number(),
  /** The newest change seen. */
  newest: z.number(),
  /** HubSpot's own cursor within a search, and how many results came before it. */
  after: z.string().nullable(),
  rows: z.number(),
  /** The last id seen of those that changed at `from`, when more share that instant than a search gives. */
  tie: z.string().nullable(),
  /** Changes within the overlap that were told already: `id@instant`. */
  seen: z.array(z.string()),
})
export type Round = z.infer<typeof Round>

const Sweep = z.object({
  /** When the last look at the archived contacts began, and the one that is under way. */
  at: z.number(),
  startedAt: z.number(),
  /** Where it goes on; empty: at the beginning; null: none is under way. */
  after: z.string().nullable(),
})
export type Sweep = z.infer<typeof Sweep>

const Cursor = z.object({ round: Round, sweep: Sweep })
type Cursor = z.infer<typeof Cursor>

export const firstCursor = (now: number): Cursor => ({
  round: { from: now, newest: now, after: null, rows: 0, tie: null, seen: [] },
  sweep: { at: now, startedAt: now, after: null },
})

export const writeCursor = (cursor: Cursor): string => JSON.stringify(cursor)

export function parseCursor(text: string): Cursor {
  try {
    return Cursor.parse(JSON.parse(text))
  } catch (cause) {
    throw new CursorExpiredError('HubSpot’s changes cannot be followed from here. Everybody is read anew.', {
      cause,
    })
  }
}
