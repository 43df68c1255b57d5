import type { TimeZoneList } from '../../core/contracts/schedules.ts'
import { type Api, sentence } from '../app/api.ts'

type Zone = TimeZoneList['timeZones'][number]

/** Every zone a schedule may have, read when first wanted. */
export class TimeZones {
  readonly #api: Api
  #list = $state.raw<readonly Zone[]>([])
  #error = $state('')

  constructor(api: Api) {
    this.#api = api
  }

  get error(): string {
    return this.#error
  }

  load = async (): Promise<void> => {
    if (this.#list.length > 0) return
    this.#error = ''
    try {
      this.#list = (await this.#api.get<TimeZoneList>('/availability/time-zones')).timeZones
    } catch (error) {
      this.#error = sentence(error)
    }
  }

  /** Those whose name has every word, in any order: "new york", "rome europe", "+5:30". Names that begin with it first. */
  matching(query: string, most: number): Zone[] {
    const asked = query.trim().toLowerCase().replaceAll('_', ' ').split(/\s+/).filter(Boolean)
    const found = this.#list.filter((zone) => {
      const name = `${searchable(zone.name)} utc${clock(zone.offsetMinutes)}`
      return asked.every((word) => name.includes(word.replace('−', '-')))
    })
    const first = asked[0] ?? ''
    const rank = ({ name }: Zone) => {
      const city = searchable(name.split('/').at(-1) ?? '')
      return city.startsWith(first) ? 0 : 1
    }
    return (first ? found.toSorted((a, b) => rank(a) - rank(b)) : found).slice(0, most)
  }
}

const searchable = (name: string) => name.toLowerCase().replaceAll('_', ' ')
const clock = (minutes: number) => {
  const ahead = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${Math.floor(ahead / 60)}:${String(ahead % 60).padStart(2, '0')}`
}
