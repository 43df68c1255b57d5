import {
  maxPreviewSlots,
  type SlotsPreviewRequest,
  type SlotsPreviewResponse,
} from '#core/contracts/slots.ts'
import { InvalidInputError } from '#core/errors.ts'
import { minuteMs } from '../availability/zone.ts'
import { freeStarts } from './slots.ts'

/** The slots of settings that need not be saved. @throws {InvalidInputError} for more than anybody can look at */
export function previewSlots(request: SlotsPreviewRequest): SlotsPreviewResponse {
  const { timeZone, blocks, datesOff, busy, now, from, to, stepMinutes, ...rules } = request
  const stepMs = (stepMinutes ?? rules.durationMinutes) * minuteMs
  if ((to.getTime() - from.getTime()) / stepMs > maxPreviewSlots) {
    const message = `More than ${maxPreviewSlots.toLocaleString('en')} slots fit in there. Ask about fewer days.`
    throw new InvalidInputError(message, [{ field: 'to', message }])
  }
  const starts = freeStarts(
    {
      ...rules,
      schedule: { timeZone, blocks, datesOff },
      stepMinutes: stepMinutes ?? null,
      daysAhead: null,
      dailyMax: null,
    },
    {
      now: now.getTime(),
      from: from.getTime(),
      to: to.getTime(),
      busy: busy.map(({ start, end }) => ({ start: start.getTime(), end: end.getTime() })),
    },
  )
  return { slots: slotsAt(starts, rules.durationMinutes) }
}

export const slotsAt = (starts: readonly number[], durationMinutes: number) =>
  starts.map((start) => ({
    start: new Date(start).toISOString(),
    end: new Date(start + durationMinutes * minuteMs).toISOString(),
  }))
