import { z } from 'zod'
import {
  Availability,
  AvailabilityStatus,
  datesOff,
  InstantInput,
  Schedule,
  weeklyBlocks,
} from './availability.ts'
import { Id, Instant } from './common.ts'
import { TimeZone } from './time-zone.ts'

/** What the pages about schedules are drawn from. Clock arithmetic is the server's alone: its copy of the time zone
 *  database decides, and a browser may have another one. */

/** Every zone of the database, by name; `offsetMinutes` east of UTC, now. */
export const TimeZoneList = z.object({
  databaseVersion: z.string(),
  timeZones: z.array(z.object({ name: z.string(), offsetMinutes: z.number().int() })),
})
export type TimeZoneList = z.infer<typeof TimeZoneList>

export const maxLocalDays = 62
export const LocalDaysQuery = z.strictObject({
  /** Left out, it is UTC. */
  timeZone: TimeZone.default('UTC'),
  /** The first day is the one this instant is in; left out, it is now. */
  from: InstantInput.optional(),
  days: z.coerce
    .number()
    .int('A number of days is a whole number.')
    .min(1, 'At least one day.')
    .max(maxLocalDays, `At most ${maxLocalDays} days.`)
    .default(14),
})

/** One date as it lies on the time line. With the changes of the clock in it, each wall time has its instant. */
export const LocalDay = z.object({
  date: z.string(),
  weekday: z.number().int(),
  startsAt: Instant,
  /** The first instant of the next date. */
  endsAt: Instant,
  /** East of UTC, at the start. */
  offsetMinutes: z.number().int(),
  /** From `at` on the clock shows the offset named here. */
  clockChanges: z.array(z.object({ at: Instant, offsetMinutes: z.number().int() })),
})
export type LocalDay = z.infer<typeof LocalDay>
export const LocalDays = z.object({ now: Instant, timeZone: z.string(), days: z.array(LocalDay) })
export type LocalDays = z.infer<typeof LocalDays>

/** A block on one date. */
export const DatedBlock = z.object({
  date: z.string(),
  weekday: z.number().int(),
  start: z.string(),
  end: z.string(),
  startsAt: Instant,
  endsAt: Instant,
})
export type DatedBlock = z.infer<typeof DatedBlock>

/** Why somebody is available at an instant or not, with everything that took part. */
export const AvailabilityExplanation = z.object({
  at: Instant,
  /** Whether `at` is the present. */
  isNow: z.boolean(),
  timeZone: z.string(),
  /** East of UTC, at this instant. */
  offsetMinutes: z.number().int(),
  /** What a clock there shows: "2026-03-03T10:00". */
  localTime: z.string(),
  weekday: z.number().int(),
  availability: Availability,
  /** The availability's `until`, as a clock there shows it. */
  untilLocal: z.string().nullable(),
  /** What the schedule alone says. */
  scheduled: z.object({ available: z.boolean(), until: Instant.nullable() }),
  /** The blocks this instant is in; several when they overlap. */
  blocks: z.array(DatedBlock),
  /** The date there, if it is a date off. */
  dateOff: z.string().nullable(),
  /** What comes next when it is in none; null when nothing does. */
  nextBlock: DatedBlock.nullable(),
  /** The override that holds at this instant. `until` is its explicit end, `endsAt` when it really ends. */
  override: z
    .object({
      status: AvailabilityStatus,
      setAt: Instant,
      setAtLocal: z.string(),
      until: Instant.nullable(),
      endsAt: Instant,
      endsAtLocal: z.string(),
      ends: z.enum(['block_start', 'midnight', 'chosen_end']),
      cause: z.enum(['missed_offers', 'supervisor']).nullable(),
    })
    .nullable(),
})
export type AvailabilityExplanation = z.infer<typeof AvailabilityExplanation>

/** As it stands; `version`, in answers the `ETag`, is for the `If-Match` of a change. */
export const SavedSchedule = Schedule.extend({ version: z.string() })
export type SavedSchedule = z.infer<typeof SavedSchedule>

export const maxAgentsAtOnce = 500

/** What is to become of several agents' schedules; what is left out stays as each has it. */
export const SchedulesChange = z
  .strictObject({
    agentIds: z
      .array(Id)
      .min(1, 'Choose at least one agent.')
      .max(maxAgentsAtOnce, `At most ${maxAgentsAtOnce} agents at a time.`),
    timeZone: TimeZone.optional(),
    blocks: weeklyBlocks.optional(),
    addDatesOff: datesOff.optional(),
    removeDatesOff: datesOff.optional(),
  })
  .refine(
    ({ agentIds: _, ...change }) => Object.values(change).some((value) => value !== undefined),
    'Say what is to change: timeZone, blocks, addDatesOff or removeDatesOff.',
  )
export type SchedulesChange = z.infer<typeof SchedulesChange>

/** One result an agent, in the order asked. */
export const SchedulesChanged = z.object({
  results: z.array(
    z.object({
      agentId: Id,
      name: z.string().nullable(),
      outcome: z.enum(['changed', 'unchanged', 'refused']),
      /** Why it was refused, as a sentence. */
      problem: z.string().nullable(),
      before: Schedule.nullable(),
      after: Schedule.nullable(),
      availableBefore: z.boolean(),
      availableAfter: z.boolean(),
      /** Offers that are taken back and put to others, because the agent is unavailable from now on. */
      offersWithdrawn: z.number().int(),
    }),
  ),
})
export type SchedulesChanged = z.infer<typeof SchedulesChanged>
