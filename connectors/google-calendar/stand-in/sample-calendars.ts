import type { createStore, StoredEvent } from './store.ts'

/** Who of the demo has an account at Google. */
const people = ['dana', 'marco', 'aiko'].map((name) => ({ name, email: `${name}@foyer.test` }))
const timeZone = 'Europe/Berlin'

/** What fills a working week: weekday (Mon = 1), hour there, minutes, title. */
const week: [weekday: number, hour: number, minutes: number, title: string][] = [
  [1, 9, 30, 'Sales stand-up'],
  [2, 14, 60, 'Pipeline review'],
  [3, 11, 45, 'Contoso: terms'],
  [4, 16, 30, 'Coaching'],
  [5, 13, 60, 'Lunch with the team'],
]

/** Calendars with the next weeks in them, and a day off, so that not every slot is free. */
export function seedSampleCalendars(store: ReturnType<typeof createStore>, now: Date): void {
  const today = Temporal.Instant.fromEpochMilliseconds(now.getTime())
    .toZonedDateTimeISO(timeZone)
    .toPlainDate()
  const monday = today.subtract({ days: today.dayOfWeek - 1 })
  for (const { name, email } of people) {
    store.addCalendar({
      id: email,
      owner: email,
      summary: `${name[0]?.toUpperCase()}${name.slice(1)}`,
      timeZone,
    })
    for (const [weekday, hour, minutes, summary] of week)
      store.addEvent(email, {
        summary,
        ...timeOf(monday.add({ days: weekday - 1 }), hour, minutes),
        ...weekly,
      })
    const off = monday.add({ days: 10 })
    store.addEvent(email, {
      summary: 'Day off',
      start: { date: off.toString() },
      end: { date: off.add({ days: 1 }).toString() },
    })
  }
}

const weekly: Pick<StoredEvent, 'recurrence'> = { recurrence: ['RRULE:FREQ=WEEKLY;COUNT=60'] }

function timeOf(day: Temporal.PlainDate, hour: number, minutes: number): Pick<StoredEvent, 'start' | 'end'> {
  const start = day.toZonedDateTime({ timeZone, plainTime: Temporal.PlainTime.from({ hour }) })
  const at = (time: Temporal.ZonedDateTime) => ({
    dateTime: time.toString({ timeZoneName: 'never' }),
    timeZone,
  })
  return { start: at(start), end: at(start.add({ minutes })) }
}
