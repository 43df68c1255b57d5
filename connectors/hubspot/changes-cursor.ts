import * as z from 'zod'
import { CursorExpiredError } from '../sdk/errors.ts'
import { type EngagementType, engagementTypes } from './object-types.ts'

/** The types of record whose changes are followed, in the order in which they are read. */
export const followedTypes = ['contacts', 'companies', ...engagementTypes] as const
export type FollowedType = (typeof followedTypes)[number]

const Round = z.object({
  /** What was changed then or later is told in this round; milliseconds, by HubSpot's clock. */
  from: z.number(),
  /** When its first page was asked for, by ours; null: it has not begun. */
  startedAt: z.number().nullable(),
  /** How far it has come: all that changed before was told. */
  at: z.number(),
  /** The last id told of those that changed at `at`, while more share that instant than a page holds. */
  tie: z.string().nullable(),
  /** The newest change seen. */
  newest: z.number(),
  /** What was told already of the overlap with the rounds before: `id@instant`. */
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

const Cursor = z.object({
  rounds: z.record(z.enum(followedTypes), Round),
  /** The type that is being read. */
  type: z.enum(followedTypes),
  /** The kind of activity whose turn it is, one each poll. */
  turn: z.enum(engagementTypes).default(engagementTypes[0]),
  sweep: Sweep,
})
export type Cursor = z.infer<typeof Cursor>

/** Of versions that followed contacts alone. */
const ContactsCursor = z
  .object({ round: z.object({ from: z.number() }), sweep: z.object({ at: z.number() }) })
  .transform(({ round, sweep }): Cursor => {
    const rounds = firstCursor(round.from).rounds
    // what companies are called now has not been followed: each is told once, a hundred a search
    return { ...firstCursor(sweep.at), rounds: { ...rounds, companies: roundFrom(0) } }
  })

export const roundFrom = (from: number, seen: string[] = []): Round => ({
  from,
  startedAt: null,
  at: from,
  tie: null,
  newest: from,
  seen,
})

export const firstCursor = (now: number): Cursor => ({
  rounds: Object.fromEntries(followedTypes.map((type) => [type, roundFrom(now)])) as Cursor['rounds'],
  type: followedTypes[0],
  turn: engagementTypes[0],
  sweep: { at: now, startedAt: now, after: null },
})

/** Contacts, companies, and the kind of activity whose turn it is. Null: that was the last one. */
export const typeAfter = (type: FollowedType, turn: EngagementType): FollowedType | null =>
  type === 'contacts' ? 'companies' : type === 'companies' ? turn : null

export const turnAfter = (turn: EngagementType): EngagementType =>
  engagementTypes[engagementTypes.indexOf(turn) + 1] ?? engagementTypes[0]

export const writeCursor = (cursor: Cursor): string => JSON.stringify(cursor)

export function parseCursor(text: string): Cursor {
  try {
    return z.union([Cursor, ContactsCursor]).parse(JSON.parse(text))
  } catch (cause) {
    throw new CursorExpiredError('HubSpot’s changes cannot be followed from here. Everybody is read anew.', {
      cause,
    })
  }
}
