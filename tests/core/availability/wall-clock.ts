/** What clocks on the wall of a zone show, minute by minute, read from Intl.DateTimeFormat. Knows nothing of Temporal
 *  nor of Foyer: the tests compare Foyer with it. Instants are minutes since 1970-01-01T00:00Z; what is shown is the
 *  minutes that reading lies after 1970-01-01 00:00 of the same calendar. */

const formats = new Map<string, Intl.DateTimeFormat>()

const formatOf = (timeZone: string): Intl.DateTimeFormat => {
  const known = formats.get(timeZone)
  if (known) return known
  const numeric = 'numeric'
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: numeric,
    month: numeric,
    day: numeric,
    hour: numeric,
    minute: numeric,
  })
  formats.set(timeZone, format)
  return format
}

/** One look at the clock. */
export const shownAt = (timeZone: string, instant: number): number => {
  const text = formatOf(timeZone).format(instant * 60_000)
  const [month, day, year, hour, minute] = text.match(/\d+/g)?.map(Number) ?? []
  if (!year || !month || !day || hour === undefined || minute === undefined) throw new Error(text)
  return Date.UTC(year, month - 1, day, hour, minute) / 60_000
}

/** Readings of every minute from an instant on. Between two looks six hours apart that are six hours apart on the
 *  clock too, the clock was not touched; any other six hours are looked at more closely. */
export const readings = (timeZone: string, from: number, minutes: number): Int32Array => {
  const shown = new Int32Array(minutes)
  const look = (first: number, last: number) => {
    const [a, b] = [shown[first] ?? 0, shown[last] ?? 0]
    if (b - a === last - first) {
      for (let i = first + 1; i < last; i++) shown[i] = a + i - first
    } else if (last - first > 1) {
      const middle = (first + last) >> 1
      shown[middle] = shownAt(timeZone, from + middle)
      look(first, middle)
      look(middle, last)
    }
  }
  shown[0] = shownAt(timeZone, from)
  for (let first = 0; first < minutes - 1; first += 360) {
    const last = Math.min(first + 360, minutes - 1)
    shown[last] = shownAt(timeZone, from + last)
    look(first, last)
  }
  return shown
}

/** The minutes of a year at which the clock changes. Changes less than three days apart that cancel out are missed. */
export const changesIn = (timeZone: string, year: number): number[] => {
  const changes: number[] = []
  const offset = (instant: number) => shownAt(timeZone, instant) - instant
  const end = Date.UTC(year + 1, 0) / 60_000
  for (let at = Date.UTC(year, 0) / 60_000; at < end; at += 3 * 1440) {
    let [before, after] = [at, at + 3 * 1440]
    if (offset(before) === offset(after)) continue
    while (after - before > 1) {
      const middle = (before + after) >> 1
      if (offset(middle) === offset(before)) before = middle
      else after = middle
    }
    changes.push(after)
  }
  return changes
}

/** Changes worth a look each: across midnight, at midnight, by half an hour, by a day, twice a year, and backwards. */
export const notableChanges: { timeZone: string; at: string; what: string }[] = [
  { timeZone: 'Pacific/Apia', at: '2011-12-30T10:00Z', what: 'skips 30 December' },
  { timeZone: 'Pacific/Fakaofo', at: '2011-12-30T11:00Z', what: 'skips 30 December' },
  { timeZone: 'Pacific/Kwajalein', at: '1993-08-21T12:00Z', what: 'skips 21 August' },
  { timeZone: 'Pacific/Kiritimati', at: '1994-12-31T10:00Z', what: 'skips 31 December' },
  { timeZone: 'Australia/Lord_Howe', at: '2026-04-04T15:00Z', what: 'goes back half an hour' },
  { timeZone: 'Australia/Lord_Howe', at: '2026-10-03T15:30Z', what: 'goes forward half an hour' },
  { timeZone: 'America/Sao_Paulo', at: '2018-11-04T03:00Z', what: 'has no 00:00' },
  { timeZone: 'America/Sao_Paulo', at: '2019-02-17T02:00Z', what: 'goes back at midnight' },
  { timeZone: 'America/St_Johns', at: '2006-10-29T02:31Z', what: 'goes back at 00:01, across midnight' },
  { timeZone: 'America/St_Johns', at: '2006-04-02T03:31Z', what: 'goes forward at 00:01' },
  { timeZone: 'America/Nuuk', at: '2025-03-30T01:00Z', what: 'skips the last hour of a day' },
  { timeZone: 'America/Nuuk', at: '2025-10-26T01:00Z', what: 'goes back at midnight' },
  { timeZone: 'America/Scoresbysund', at: '2024-10-27T01:00Z', what: 'goes back at midnight' },
  { timeZone: 'America/Santiago', at: '2026-09-06T04:00Z', what: 'has no 00:00' },
  { timeZone: 'America/Santiago', at: '2026-04-05T03:00Z', what: 'goes back at midnight' },
  { timeZone: 'America/Havana', at: '2026-03-08T05:00Z', what: 'has no 00:00' },
  { timeZone: 'America/Havana', at: '2026-11-01T05:00Z', what: 'shows 00:00 to 01:00 twice' },
  { timeZone: 'America/New_York', at: '2026-03-08T07:00Z', what: 'goes forward' },
  { timeZone: 'America/New_York', at: '2026-11-01T06:00Z', what: 'goes back' },
  { timeZone: 'Atlantic/Azores', at: '2026-03-29T01:00Z', what: 'has no 00:00' },
  { timeZone: 'Atlantic/Azores', at: '2026-10-25T01:00Z', what: 'shows 00:00 to 01:00 twice' },
  { timeZone: 'Africa/Cairo', at: '2026-04-23T22:00Z', what: 'has no 00:00' },
  { timeZone: 'Africa/Cairo', at: '2026-10-29T21:00Z', what: 'goes back at midnight' },
  { timeZone: 'Asia/Beirut', at: '2026-03-28T22:00Z', what: 'has no 00:00' },
  { timeZone: 'Asia/Beirut', at: '2026-10-24T21:00Z', what: 'goes back at midnight' },
  { timeZone: 'Africa/Casablanca', at: '2026-02-15T02:00Z', what: 'goes back for Ramadan' },
  { timeZone: 'Africa/Casablanca', at: '2026-03-22T02:00Z', what: 'goes forward after Ramadan' },
  { timeZone: 'Antarctica/Troll', at: '2026-03-29T01:00Z', what: 'goes forward two hours' },
  { timeZone: 'Asia/Pyongyang', at: '2015-08-14T15:00Z', what: 'goes back half an hour for good' },
  { timeZone: 'Asia/Kathmandu', at: '1985-12-31T18:30Z', what: 'goes forward a quarter of an hour' },
  { timeZone: 'America/Caracas', at: '2007-12-09T07:00Z', what: 'goes back half an hour for good' },
  { timeZone: 'Europe/Berlin', at: '2026-03-29T01:00Z', what: 'goes forward' },
  { timeZone: 'Europe/Berlin', at: '2026-10-25T01:00Z', what: 'goes back' },
]
