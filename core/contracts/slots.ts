import { z } from 'zod'
import { datesOff, InstantInput, weeklyBlocks } from './availability.ts'
import { Instant } from './common.ts'
import { TimeZone } from './time-zone.ts'

const minutes = (least: number, most: number, what: string) =>
  z.int(`${what} is a whole number of minutes.`).min(least).max(most)

export const DurationMinutes = minutes(1, 1_440, 'A duration')
export const StepMinutes = minutes(1, 1_440, 'An interval')
export const BufferMinutes = minutes(0, 1_440, 'A buffer')
export const NoticeMinutes = minutes(0, 525_600, 'A notice')

export const Slot = z.object({ start: Instant, end: Instant })
export type Slot = z.infer<typeof Slot>

// bounds on what a preview may cost
const maxBusy = 10_000
const maxDays = 366
export const maxPreviewSlots = 50_000

/** Settings that need not be anybody's, and what stands in a calendar that need not be. */
export const SlotsPreviewRequest = z
  .strictObject({
    timeZone: TimeZone.nullish().transform((zone) => zone ?? null),
    blocks: weeklyBlocks,
    datesOff: datesOff.default([]),
    durationMinutes: DurationMinutes,
    /** From one start to the next; left out: the duration. */
    stepMinutes: StepMinutes.nullish(),
    bufferBeforeMinutes: BufferMinutes.default(0),
    bufferAfterMinutes: BufferMinutes.default(0),
    noticeMinutes: NoticeMinutes.default(0),
    busy: z
      .array(
        z
          .strictObject({ start: InstantInput, end: InstantInput })
          .refine(({ start, end }) => start <= end, 'Busy time does not end before it starts.'),
      )
      .max(maxBusy, `At most ${maxBusy.toLocaleString('en')} stretches of busy time.`)
      .default([]),
    now: InstantInput,
    from: InstantInput,
    to: InstantInput,
  })
  .refine(({ from, to }) => from <= to, { path: ['to'], message: 'The end is not before the start.' })
  // what is no instant comes here as the text it is
  .refine(({ from, to }) => !(Number(to) - Number(from) > maxDays * 86_400_000), {
    path: ['to'],
    message: `At most ${maxDays} days at a time.`,
  })
export type SlotsPreviewRequest = z.infer<typeof SlotsPreviewRequest>

/** Those that start from `from` to before `to`, ascending. */
export const SlotsPreviewResponse = z.object({ slots: z.array(Slot) })
export type SlotsPreviewResponse = z.infer<typeof SlotsPreviewResponse>
