import { z } from 'zod'
import { Instant } from './common.ts'
import { TimeZone } from './time-zone.ts'

const earliest = new Date('1900-01-01T00:00:00Z')
const latest = new Date('2100-01-01T00:00:00Z')

/** An instant as people send it: ISO 8601 with a Z or an offset. Inside it is a Date. Bounded, so that an answer
 *  computed from it still has a year of four digits, and a preview does not walk through centuries. */
export const InstantInput = z.iso
  .datetime({ offset: true, error: 'An instant looks like 2026-03-29T09:00:00Z.' })
  .transform((text) => new Date(text))
  .refine((at) => at >= earliest && at < latest, 'An instant lies between the years 1900 and 2100.')

/** "HH:MM" on a 24 hour clock compares as text. */
const startTime = z
  .string()
  .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'A start is a time of day from 00:00 to 23:59, such as 09:00.')
const endTime = z
  .string()
  .regex(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, 'An end is a time of day up to 24:00, such as 17:30.')

/** A stretch of one weekday (Monday is 1), in local time of the schedule's zone, end exclusive. 24:00 is the end of
 *  the day. Blocks may touch, overlap and nest. */
export const WeeklyBlock = z
  .strictObject({
    weekday: z
      .int('A weekday is a number from 1 (Monday) to 7 (Sunday).')
      .min(1, 'A weekday is a number from 1 (Monday) to 7 (Sunday).')
      .max(7, 'A weekday is a number from 1 (Monday) to 7 (Sunday).'),
    start: startTime,
    end: endTime,
  })
  .refine(({ start, end }) => start < end, {
    path: ['end'],
    message: 'A block ends after it starts; one that crosses midnight is entered as two.',
  })
export type WeeklyBlock = z.infer<typeof WeeklyBlock>

// bounds on what a preview may cost: 5,000 instants against the worst schedule keep the event loop for 0.3 s
export const maxWeeklyBlocks = 70
export const maxDatesOff = 400

export const weeklyBlocks = z
  .array(WeeklyBlock)
  .max(maxWeeklyBlocks, `A week has at most ${maxWeeklyBlocks} blocks.`)
export const datesOff = z
  .array(z.iso.date('A date off looks like 2026-12-25.'))
  .max(maxDatesOff, `At most ${maxDatesOff.toLocaleString('en')} dates off; remove some that have passed.`)

/** When somebody is there, week after week; null as zone means UTC. */
export const Schedule = z.strictObject({ timeZone: TimeZone.nullable(), blocks: weeklyBlocks, datesOff })
export type Schedule = z.infer<typeof Schedule>

export const AvailabilityStatus = z.enum(['available', 'unavailable'])
export type AvailabilityStatus = z.infer<typeof AvailabilityStatus>

/** The switch. Without `until` it lasts as long as a hand toggle does; "schedule" gives the schedule back its say. */
export const AvailabilityRequest = z
  .strictObject({
    status: z.enum(['available', 'unavailable', 'schedule']),
    until: InstantInput.nullish(),
  })
  .refine(({ status, until }) => status !== 'schedule' || !until, {
    path: ['until'],
    message: 'Following the schedule has no end; leave "until" out.',
  })
export type AvailabilityRequest = z.infer<typeof AvailabilityRequest>

export const AvailabilityQuery = z.strictObject({ at: InstantInput.optional() })
export type AvailabilityQuery = z.infer<typeof AvailabilityQuery>

/** Why the answer is what it is, for the browser to put into words in the reader's language. `timeZone` is the
 *  schedule's: "until midnight" is midnight there. `ends` says what an override waits for. */
export const AvailabilityReason = z.discriminatedUnion('code', [
  z.object({ code: z.literal('by_schedule_until'), until: Instant, timeZone: z.string() }),
  /** The schedule never gives another answer. */
  z.object({ code: z.literal('by_schedule'), timeZone: z.string() }),
  z.object({
    code: z.enum(['set_by_you_until', 'set_by_supervisor_until', 'missed_offers_until']),
    until: Instant,
    timeZone: z.string(),
    ends: z.enum(['block_start', 'midnight', 'chosen_end']),
  }),
])
export type AvailabilityReason = z.infer<typeof AvailabilityReason>

const answer = {
  available: z.boolean(),
  source: z.enum(['schedule', 'override']),
  /** When `available` or `source` is next something else; null if never. */
  until: Instant.nullable(),
}

export const Availability = z.object({ ...answer, reason: AvailabilityReason })
export type Availability = z.infer<typeof Availability>

export const maxPreviewInstants = 5_000

/** A schedule and a switch that need not be anybody's, asked about any number of instants. */
export const AvailabilityPreviewRequest = z.strictObject({
  timeZone: TimeZone.nullish().transform((zone) => zone ?? null),
  blocks: weeklyBlocks,
  datesOff: datesOff.default([]),
  override: z
    .strictObject({ status: AvailabilityStatus, setAt: InstantInput, until: InstantInput.nullish() })
    .nullish()
    .transform((override) => override ?? null),
  instants: z
    .array(InstantInput)
    .max(maxPreviewInstants, `At most ${maxPreviewInstants.toLocaleString('en')} instants at a time.`),
})
export type AvailabilityPreviewRequest = z.infer<typeof AvailabilityPreviewRequest>

/** One result an instant, in the order asked. */
export const AvailabilityPreviewResponse = z.object({
  results: z.array(z.object({ at: Instant, ...answer })),
})
export type AvailabilityPreviewResponse = z.infer<typeof AvailabilityPreviewResponse>
