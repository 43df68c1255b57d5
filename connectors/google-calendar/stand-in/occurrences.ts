import type { StoredCalendar, StoredEvent, StoredWhen } from './store.ts'

export interface Occurrence {
  event: StoredEvent
  start: number
  end: number
}

/** What stands in a calendar between two instants, repeated events one by one. */
export const occurrences = (calendar: StoredCalendar, from: number, to: number): Occurrence[] =>
  [...calendar.events.values()]
    .filter(({ status }) => status !== 'cancelled')
    .flatMap((event) => expanded(event, calendar.timeZone))
    .filter(({ start, end }) => start < to && end > from)
    .sort((a, b) => a.start - b.start)

function expanded(event: StoredEvent, timeZone: string): Occurrence[] {
  const [start, end] = [instantOf(event.start, timeZone), instantOf(event.end, timeZone)]
  const rule = event.recurrence?.[0]
  if (rule === undefined) return [{ event, start, end }]
  const days = /FREQ=WEEKLY/.test(rule) ? 7 : 1
  const count = Number(/COUNT=(\d+)/.exec(rule)?.[1] ?? 1)
  const zone = ('timeZone' in event.start && event.start.timeZone) || timeZone
  // the clock there shows the same each time, whatever becomes of its offset
  const later = (instant: number, times: number) =>
    Temporal.Instant.fromEpochMilliseconds(instant)
      .toZonedDateTimeISO(zone)
      .add({ days: days * times })
  return Array.from({ length: count }, (_, times) => {
    const [at, until] = [later(start, times), later(end, times)]
    const stamp = at
      .toInstant()
      .toString()
      .replace(/[-:]|\.\d+/g, '')
    return {
      event: {
        ...event,
        id: `${event.id}_${stamp}`,
        recurrence: undefined,
        start: { dateTime: at.toString({ timeZoneName: 'never' }) },
        end: { dateTime: until.toString({ timeZoneName: 'never' }) },
      },
      start: at.epochMilliseconds,
      end: until.epochMilliseconds,
    }
  })
}

const instantOf = (when: StoredWhen, timeZone: string): number =>
  'dateTime' in when
    ? Date.parse(when.dateTime)
    : Temporal.PlainDate.from(when.date).toZonedDateTime(timeZone).epochMilliseconds
