import type { AvailabilityPreviewResponse, Schedule } from '../../core/contracts/availability.ts'
import type { AvailabilityExplanation, LocalDays } from '../../core/contracts/schedules.ts'
import { type Api, sentence } from '../app/api.ts'
import { type Strip, stretchesBetween, stripsOf } from './strips.ts'

type HeldOverride = AvailabilityExplanation['override']

const days = 14
/** As long as somebody types on. */
const pauseMs = 150

/** The next two weeks of a schedule that need not be saved, as the server's preview answers them. */
export class TwoWeeks {
  readonly #api: Api
  #strips = $state.raw<readonly Strip[]>([])
  #error = $state('')
  #timer: ReturnType<typeof setTimeout> | undefined
  #latest = 0
  #calendar: LocalDays | undefined

  constructor(api: Api) {
    this.#api = api
  }

  /** Empty until drawn for the first time. */
  get strips(): readonly Strip[] {
    return this.#strips
  }
  /** Why what is shown may be older than the schedule. */
  get error(): string {
    return this.#error
  }

  /** @param now Foyer's time in ms: the first day is the one it lies in */
  draw(schedule: Schedule, override: HeldOverride, now: number): void {
    clearTimeout(this.#timer)
    const turn = ++this.#latest
    const wait = this.#strips.length > 0 ? pauseMs : 0
    this.#timer = setTimeout(() => void this.#draw(schedule, override, now, turn), wait)
  }

  stop(): void {
    this.#latest++
    clearTimeout(this.#timer)
  }

  async #draw(schedule: Schedule, override: HeldOverride, now: number, turn: number): Promise<void> {
    try {
      const calendar = await this.#calendarOf(schedule.timeZone ?? 'UTC', now)
      const first = calendar.days[0]
      const last = calendar.days.at(-1)
      if (!first || !last) return
      const stretches = await stretchesBetween(
        Date.parse(first.startsAt),
        Date.parse(last.endsAt),
        async (instants) => {
          const { results } = await this.#api.send<AvailabilityPreviewResponse>(
            'POST',
            '/availability/preview',
            {
              timeZone: schedule.timeZone,
              blocks: schedule.blocks,
              datesOff: schedule.datesOff,
              override: override && { status: override.status, setAt: override.setAt, until: override.until },
              instants: instants.map((at) => new Date(at).toISOString()),
            },
          )
          return results
        },
      )
      if (turn !== this.#latest) return
      this.#strips = stripsOf(calendar.days, stretches, schedule.datesOff)
      this.#error = ''
    } catch (error) {
      if (turn === this.#latest) this.#error = sentence(error)
    }
  }

  async #calendarOf(timeZone: string, now: number): Promise<LocalDays> {
    const known = this.#calendar
    if (known?.timeZone === timeZone && now < Date.parse(known.days[0]?.endsAt ?? '')) return known
    const calendar = await this.#api.get<LocalDays>('/availability/days', { timeZone, days })
    this.#calendar = calendar
    return calendar
  }
}
