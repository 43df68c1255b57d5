import type { AvailabilityPreviewRequest, AvailabilityPreviewResponse } from '#core/contracts/availability.ts'
import { availabilityAt } from './schedule.ts'

/** Answers about a schedule that need not be saved, one an instant and in the order asked. */
export const previewAvailability = ({
  override,
  instants,
  ...schedule
}: AvailabilityPreviewRequest): AvailabilityPreviewResponse => {
  const results: AvailabilityPreviewResponse['results'] = new Array(instants.length)
  // in order of time, neighbours share the timetable's remembered stretch
  const order = instants.map((at, place) => ({ at, place })).sort((a, b) => a.at.getTime() - b.at.getTime())
  for (const { at, place } of order) {
    const { available, source, until } = availabilityAt(schedule, override, at)
    results[place] = { at: at.toISOString(), available, source, until: until?.toISOString() ?? null }
  }
  return { results }
}
