import type { Slot } from '#core/contracts/slots.ts'
import { zoneCity, zoneName } from '../time.ts'
import { locale } from '../words.ts'

/** One date of a calendar in some zone, with what is free on it. Written out as it is looked at: a month of times costs as much as the
 *  rest of the card, and one day of it is shown. */
export interface Day {
  /** 2026-06-01 */
  readonly key: string
  readonly weekday: string
  readonly number: string
  /** "June", for those who hear it. */
  readonly month: string
  /** "Monday, 1 June" */
  readonly name: string
  readonly parts: readonly { part: 'morning' | 'afternoon' | 'evening'; times: Time[] }[]
}
export interface Time {
  start: string
  end: string
  /** "14:00"; where clocks go back, "02:30 GMT+2" and "02:30 GMT+1". */
  label: string
}

/** By how much clocks are set back in autumn: an hour, half of one on Lord Howe Island, two at Troll in Antarctica. */
const setBackMs = [60 * 60_000, 30 * 60_000, 120 * 60_000]

const formats = new Map<string, Intl.DateTimeFormat>()

/** Made once for all cards: each takes about a millisecond. */
function formatOf(language: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language + JSON.stringify(options)
  const format = formats.get(key) ?? new Intl.DateTimeFormat(language, options)
  formats.set(key, format)
  return format
}

/** Reading and writing instants as clocks and calendars in one zone do. */
export class ZoneClock {
  readonly zone: string
  readonly #date: Intl.DateTimeFormat

  /** @throws {RangeError} for a zone this browser does not know */
  constructor(zone: string) {
    this.zone = zone
    this.#date = formatOf('en-CA', { dateStyle: 'short', timeZone: zone })
  }

  #write(language: string, options: Intl.DateTimeFormatOptions, at: number): string {
    return formatOf(language, { ...options, timeZone: this.zone }).format(at)
  }

  /** "Rome (GMT+2)": the place, and how far its clocks are ahead at that moment; "Rome (GMT+2/GMT+1)" where that changes by `until`. */
  name(at: number, until = at): string {
    const [first, last] = [at, until].map((one) =>
      this.#write('en', { timeZoneName: 'shortOffset' }, one).split(', ').at(-1),
    )
    const place = zoneCity(this.zone)
    const ahead = first === last ? first : `${first}/${last}`
    // "Etc/GMT+5" is behind by as much
    if (place.startsWith('GMT')) return `${ahead}`
    return place === 'UTC' ? place : `${place} (${ahead})`
  }

  time(at: number): string {
    const plain = { timeStyle: 'short' } as const
    const label = this.#write(locale, plain, at)
    const isTwice = setBackMs
      .flatMap((ms) => [at - ms, at + ms])
      .some((other) => this.#write(locale, plain, other) === label && this.dateOf(other) === this.dateOf(at))
    if (!isTwice) return label
    return this.#write(locale, { hour: 'numeric', minute: '2-digit', timeZoneName: 'shortOffset' }, at)
  }

  /** 2026-06-01 */
  dateOf = (at: number): string => this.#date.format(at)

  /** "Thursday 20 November" */
  day = (at: number): string => this.#write(locale, { weekday: 'long', day: 'numeric', month: 'long' }, at)

  /** "Thursday 20 November, 14:00" */
  when = (at: number): string => `${this.day(at)}, ${this.time(at)}`

  /** "Thursday 20 November, 14:00, Rome (GMT+1)": by itself it has to say whose clock shows it. */
  whenThere = (at: number): string => `${this.when(at)}, ${this.name(at)}`

  /** Only days on which something is free; slots ascend. */
  days(slots: readonly Slot[]): Day[] {
    const byDate = new Map<string, Slot[]>()
    for (const slot of slots) {
      const key = this.dateOf(Date.parse(slot.start))
      const there = byDate.get(key)
      if (there) there.push(slot)
      else byDate.set(key, [slot])
    }
    return [...byDate].map(([key, free]) => this.#day(key, free))
  }

  #day(key: string, slots: Slot[]): Day {
    const at = Date.parse(slots[0]?.start ?? '')
    const write = (options: Intl.DateTimeFormatOptions) => this.#write(locale, options, at)
    const { day } = this
    let parts: Day['parts'] | undefined
    const partsOf = () => this.#parts(slots)
    return {
      key,
      get weekday() {
        return write({ weekday: 'short' })
      },
      get number() {
        return write({ day: 'numeric' })
      },
      get month() {
        return write({ month: 'long' })
      },
      get name() {
        return day(at)
      },
      get parts() {
        parts ??= partsOf()
        return parts
      },
    }
  }

  #parts(slots: Slot[]): Day['parts'] {
    const parts: { part: Day['parts'][number]['part']; times: Time[] }[] = []
    for (const { start, end } of slots) {
      const at = Date.parse(start)
      const hour = Number(this.#write('en', { hour: '2-digit', hourCycle: 'h23' }, at))
      const part = hour < 12 ? 'morning' : hour < 17 ? 'afternoon' : 'evening'
      const time = { start, end, label: this.time(at) }
      const last = parts.at(-1)
      if (last?.part === part) last.times.push(time)
      else parts.push({ part, times: [time] })
    }
    return parts
  }
}

/** Of this browser. */
export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone

const byName = (one: string, other: string) => (zoneName(one) < zoneName(other) ? -1 : 1)

/** All there are to choose from by the names people know, the one in use among them; each as this browser calls it, since older ones
 *  do not know the names of today. */
export const zones = (current: string): [name: string, zone: string][] => [
  ...new Map(
    ['UTC', ...Intl.supportedValuesOf('timeZone').sort(byName), current].map((zone) => [
      zoneName(zone),
      zone,
    ]),
  ),
]
