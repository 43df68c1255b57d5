const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
/** By how much clocks are set back in autumn: an hour, half of one on Lord Howe Island, two at Troll in Antarctica. */
const setBacks = [hour, 30 * minute, 2 * hour]
/** Whether two instants that near each other are written alike. */
const isTwice = (ms: number, write: (ms: number) => string) =>
  setBacks.flatMap((by) => [ms - by, ms + by]).some((other) => write(other) === write(ms))

/** "9:05 AM" where clocks have twelve hours, "09:05" where they have 24. */
const hourAndMinute = (locale: string) =>
  ({
    hour: new Intl.DateTimeFormat(locale, { hour: 'numeric' }).resolvedOptions().hour12
      ? 'numeric'
      : '2-digit',
    minute: '2-digit',
  }) as const

/** As browsers still call places that have changed their names; the widget's are in `widget/app/time.ts`. */
const formerNames: Record<string, string> = {
  Asmera: 'Asmara',
  Calcutta: 'Kolkata',
  Enderbury: 'Kanton',
  Faeroe: 'Faroe',
  Godthab: 'Nuuk',
  Katmandu: 'Kathmandu',
  Kiev: 'Kyiv',
  Ponape: 'Pohnpei',
  Rangoon: 'Yangon',
  Saigon: 'Ho Chi Minh',
  Truk: 'Chuuk',
}

/** An IANA zone as people know it: "Asia/Ho Chi Minh". */
export const zoneName = (timeZone: string): string =>
  timeZone.replaceAll('_', ' ').replace(/[^/]+$/, (city) => formerNames[city] ?? city)

/** Every zone of this browser under its name of today, and how it calls it; `own` among them, whatever this browser knows. */
export function namedZones(own: string): [name: string, zone: string][] {
  const zones = new Map<string, string>()
  for (const zone of [own, 'UTC', ...Intl.supportedValuesOf('timeZone')])
    if (!zones.has(zoneName(zone))) zones.set(zoneName(zone), zone)
  return [...zones].sort(([one], [other]) => (one < other ? -1 : 1))
}

/** "Rome" for Europe/Rome: how people call where a clock hangs. Etc/GMT+5 means UTC−5, and is called so. */
export function placeOf(timeZone: string): string {
  const [, sign, hours] = /^Etc\/GMT([+-])(\d+)$/.exec(timeZone) ?? []
  if (sign) return `UTC${sign === '+' ? '−' : '+'}${hours}`
  return zoneName(timeZone).split('/').at(-1) ?? timeZone
}

/** Numbers, dates and lists in the reader's way. Instants are ISO strings or ms since 1970; `now` is the server's. */
export class Format {
  readonly #clock: Intl.DateTimeFormat
  readonly #clockWithOffset: Intl.DateTimeFormat
  readonly #exact: Intl.DateTimeFormat
  readonly #weekday: Intl.DateTimeFormat
  readonly #shortDate: Intl.DateTimeFormat
  readonly #longDate: Intl.DateTimeFormat
  readonly #longDateWithYear: Intl.DateTimeFormat
  readonly #dayKey: Intl.DateTimeFormat
  readonly #ago: Intl.RelativeTimeFormat
  readonly #now: Intl.RelativeTimeFormat
  readonly #number: Intl.NumberFormat
  readonly #list: Intl.ListFormat
  readonly #plurals: Intl.PluralRules
  readonly #locale: string
  readonly #hourAndMinute: ReturnType<typeof hourAndMinute>
  /** Those for one weekday, one date, one zone; see #formatter. */
  readonly #others = new Map<string, Intl.DateTimeFormat>()
  /** The reader's. */
  readonly zone: string

  /** @param timeZone the browser's, unless a test says otherwise */
  constructor(locale: string, timeZone?: string) {
    const zone = { timeZone }
    this.#locale = locale
    this.zone = timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
    this.#hourAndMinute = hourAndMinute(locale)
    this.#clock = new Intl.DateTimeFormat(locale, { ...zone, ...this.#hourAndMinute })
    this.#clockWithOffset = new Intl.DateTimeFormat(locale, {
      ...zone,
      ...this.#hourAndMinute,
      timeZoneName: 'shortOffset',
    })
    this.#exact = new Intl.DateTimeFormat(locale, { ...zone, dateStyle: 'full', timeStyle: 'long' })
    this.#weekday = new Intl.DateTimeFormat(locale, { ...zone, weekday: 'short' })
    this.#shortDate = new Intl.DateTimeFormat(locale, { ...zone, day: 'numeric', month: 'short' })
    this.#longDate = new Intl.DateTimeFormat(locale, {
      ...zone,
      weekday: 'long',
      day: 'numeric',
      month: 'long',
    })
    this.#longDateWithYear = new Intl.DateTimeFormat(locale, { ...zone, dateStyle: 'full' })
    this.#dayKey = new Intl.DateTimeFormat('en-CA', { ...zone, dateStyle: 'short' })
    this.#now = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
    this.#ago = new Intl.RelativeTimeFormat(locale, { numeric: 'always', style: 'short' })
    this.#number = new Intl.NumberFormat(locale)
    this.#list = new Intl.ListFormat(locale, { type: 'unit', style: 'short' })
    this.#plurals = new Intl.PluralRules(locale)
  }

  /** Kept: to make one takes a browser a millisecond or two, and a page of settings asks for dozens. */
  #formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
    const key = JSON.stringify(options)
    const made = this.#others.get(key) ?? new Intl.DateTimeFormat(this.#locale, options)
    this.#others.set(key, made)
    return made
  }

  number = (value: number) => this.#number.format(value)
  list = (parts: string[]) => this.#list.format(parts)

  /** "7 chats": `#` stands for the number; forms as Intl.PluralRules names them. */
  plural(count: number, forms: Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }): string {
    const form = forms[this.#plurals.select(count)] ?? forms.other
    return form.replace('#', this.number(count))
  }

  /** "10:34" */
  time = (at: string | number) => this.#clock.format(new Date(at))
  /** "Rome", the reader's: what stands beside the times of a group. */
  get place(): string {
    return placeOf(this.zone)
  }
  /** "10:34"; where clocks go back, the two of that hour differ: "02:30 GMT+1". */
  startTime(at: string | number): string {
    const ms = new Date(at).getTime()
    // an hour off is another time of day wherever clocks go on, so days need not be compared
    return (isTwice(ms, this.time) ? this.#clockWithOffset : this.#clock).format(ms)
  }
  /** "10:47" somewhere else. @throws {RangeError} for a zone this browser does not know */
  timeIn = (timeZone: string, at: number) => this.#formatter({ timeZone, ...this.#hourAndMinute }).format(at)
  /** The whole truth, for hovering. */
  exact = (at: string | number) => this.#exact.format(new Date(at))
  /** "2026-11-22" in the reader's zone: what days are grouped by. */
  dayKey = (at: string | number) => this.#dayKey.format(new Date(at))
  /** "Monday" for 1, "Sunday" for 7 */
  weekday = (weekday: number, width: 'short' | 'long' = 'long') =>
    this.#formatter({ weekday: width, timeZone: 'UTC' }).format(Date.UTC(2024, 0, weekday))
  /** A date of some calendar, "2026-12-25": "Fri, 25 Dec"; with the year when it is another one than `today`'s. */
  calendarDate = (date: string, today = date) =>
    this.#formatter({
      timeZone: 'UTC',
      weekday: 'short',
      day: 'numeric',
      month: 'short',
      year: date.slice(0, 4) === today.slice(0, 4) ? undefined : 'numeric',
    }).format(Date.parse(`${date}T00:00:00Z`))
  /** "+02:00" */
  offset = (minutes: number) => {
    const ahead = Math.abs(minutes)
    const clock = `${String(Math.floor(ahead / 60)).padStart(2, '0')}:${String(ahead % 60).padStart(2, '0')}`
    return `${minutes < 0 ? '−' : '+'}${clock}`
  }
  /** "14 Nov" */
  date = (at: string | number) => this.#shortDate.format(new Date(at))

  /** "Friday, 14 November"; with the year when it is another one than `now`'s. */
  longDate(at: string | number, now: number): string {
    const sameYear = this.dayKey(at).slice(0, 4) === this.dayKey(now).slice(0, 4)
    return (sameYear ? this.#longDate : this.#longDateWithYear).format(new Date(at))
  }

  /** "17:00" today, "Wed 09:00" within a week, "3 Dec 09:00" beyond; where clocks go back, the two of that hour differ. */
  timeOrDay(at: string | number, now: number): string {
    const ms = new Date(at).getTime()
    if (this.dayKey(ms) === this.dayKey(now)) return this.startTime(ms)
    const day_ = Math.abs(ms - now) < 6 * day ? this.#weekday.format(ms) : this.date(ms)
    return `${day_} ${this.startTime(ms)}`
  }

  /** "Fri, 14 Nov, 09:00", with the year when it is another one than `now`'s; where clocks go back, the two of that hour
   *  differ: "02:30 GMT+1". */
  when(at: string | number, now: number, timeZone = this.zone): string {
    const ms = new Date(at).getTime()
    const year = (of: number) => this.#formatter({ timeZone, year: 'numeric' }).format(of)
    const shown = {
      timeZone,
      weekday: 'short',
      day: 'numeric',
      month: 'short',
      year: year(ms) === year(now) ? undefined : 'numeric',
      ...this.#hourAndMinute,
    } as const
    const plain = this.#formatter(shown)
    return isTwice(ms, plain.format)
      ? this.#formatter({ ...shown, timeZoneName: 'shortOffset' }).format(ms)
      : plain.format(ms)
  }

  /** "Fri, 14 Nov, 09:00 (Rome)": a time that stands by itself says whose clock shows it. */
  whenThere = (at: string | number, now: number, timeZone = this.zone): string =>
    `${this.when(at, now, timeZone)} (${placeOf(timeZone)})`

  /** A length in its largest whole unit, by the symbols every language shares: "40 s", "4 min", "3 h", "2 d". */
  length(ms: number): string {
    const [unit, symbol] =
      ms < minute ? [second, 's'] : ms < hour ? [minute, 'min'] : ms < day ? [hour, 'h'] : [day, 'd']
    return `${this.number(Math.floor(Math.max(0, ms) / unit))}\u00a0${symbol}`
  }

  /** "2.4 MB": in thousands of 1,000, as systems show files. */
  bytes(bytes: number): string {
    const [unit, size] =
      bytes < 1e6
        ? ['kilobyte', Math.max(1, Math.round(bytes / 1e3))]
        : ['megabyte', Math.round(bytes / 1e5) / 10]
    return new Intl.NumberFormat(this.#locale, {
      style: 'unit',
      unit: unit as string,
      unitDisplay: 'short',
    }).format(size as number)
  }

  /** "1:40" */
  countdown(ms: number): string {
    const seconds = Math.max(0, Math.ceil(ms / 1000))
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
  }

  /** "now", "40 sec. ago", "2 hr. ago", then the date. */
  ago(at: string | number, now: number): string {
    const ms = now - new Date(at).getTime()
    if (ms < 10 * second) return this.#now.format(0, 'second')
    if (ms < minute) return this.#ago.format(-Math.floor(ms / second), 'second')
    if (ms < hour) return this.#ago.format(-Math.floor(ms / minute), 'minute')
    if (ms < day) return this.#ago.format(-Math.floor(ms / hour), 'hour')
    return this.timeOrDay(at, now)
  }

  /** As `ago`, without seconds: a figure that changes every second draws the eye for nothing. */
  agoCalm(at: string | number, now: number): string {
    return now - new Date(at).getTime() < minute ? this.#now.format(0, 'second') : this.ago(at, now)
  }

  /** For a list: "4 min", "3 h", "Mon", "3 Nov"; null when it is now. */
  short(at: string | number, now: number): string | null {
    const ms = now - new Date(at).getTime()
    if (ms < minute) return null
    if (ms < day) return this.length(ms)
    return ms < 6 * day ? this.#weekday.format(new Date(at)) : this.date(at)
  }
}
