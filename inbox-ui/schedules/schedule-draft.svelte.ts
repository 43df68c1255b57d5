import type { Schedule } from '../../core/contracts/availability.ts'
import { clockOf, endOfDay, minutesOf, parseTime, startOfDay } from './times.ts'

export const weekdays = [1, 2, 3, 4, 5, 6, 7] as const

/** A block as it is being typed. */
export interface BlockDraft {
  id: number
  start: string
  end: string
}

/** What is wrong with a block, and at which of its fields: no time, no length, or the end comes before the start, so
 *  that it crosses midnight and is offered as two. */
export interface BlockProblem {
  field: 'start' | 'end'
  is: 'no_start' | 'no_end' | 'no_length' | 'crosses_midnight'
}

/** A schedule that somebody is changing: half-typed, valid or not, and different from the saved one or not. */
export class ScheduleDraft {
  #lastId = 0
  #saved = $state.raw<Schedule>() as Schedule
  timeZone = $state('UTC')
  datesOff = $state.raw<readonly string[]>([])
  #days = $state<BlockDraft[][]>([])

  readonly problems: ReadonlyMap<number, BlockProblem> = $derived(
    new Map(
      this.#days.flat().flatMap((block) => {
        const problem = problemOf(block)
        return problem ? [[block.id, problem]] : []
      }),
    ),
  )
  /** What would be saved; null while something is wrong. */
  readonly schedule: Schedule | null = $derived.by(() => {
    if (this.problems.size > 0) return null
    const blocks = weekdays.flatMap((weekday) =>
      this.blocksOf(weekday).map((block) => ({
        weekday,
        start: parseTime(block.start) ?? '',
        end: endOf(block) ?? '',
      })),
    )
    const sorted = blocks.toSorted((a, b) => a.weekday - b.weekday || a.start.localeCompare(b.start))
    return { timeZone: this.timeZone, blocks: sorted, datesOff: [...this.datesOff].sort() }
  })
  readonly isDirty: boolean = $derived(
    this.schedule === null || JSON.stringify(this.schedule) !== JSON.stringify(sortedCopy(this.#saved)),
  )

  constructor(saved: Schedule) {
    this.reset(saved)
  }

  /** Begins anew from what is saved. A block stays the block it was by its place, so that the field that Enter saved
   *  from keeps the keyboard. */
  reset(saved = this.#saved): void {
    this.#saved = saved
    this.timeZone = saved.timeZone ?? 'UTC'
    this.datesOff = [...saved.datesOff].sort()
    this.#days = weekdays.map((weekday) => {
      const before = this.blocksOf(weekday)
      return saved.blocks
        .filter((block) => block.weekday === weekday)
        .toSorted((a, b) => a.start.localeCompare(b.start))
        .map(({ start, end }, place) => ({
          ...this.#block(start, end),
          ...(before[place] && { id: before[place].id }),
        }))
    })
  }

  blocksOf(weekday: number): BlockDraft[] {
    return this.#days[weekday - 1] ?? []
  }

  /** One more block, where the day has room for one. @returns its id */
  add(weekday: number): number {
    const last = this.blocksOf(weekday)
      .map((block) => minutesOf(endOf(block) ?? startOfDay))
      .reduce((latest, end) => Math.max(latest, end), -1)
    const from = last < 0 ? 9 * 60 : last + 60
    const block =
      from <= 23 * 60
        ? this.#block(clockOf(from), clockOf(Math.min(24 * 60, Math.max(17 * 60, from + 60))))
        : this.#block('', '')
    this.#days[weekday - 1]?.push(block)
    return block.id
  }

  remove(weekday: number, id: number): void {
    this.#days[weekday - 1] = this.blocksOf(weekday).filter((block) => block.id !== id)
  }

  /** The blocks of one day replace those of others. */
  copy(from: number, to: readonly number[]): void {
    const blocks = this.blocksOf(from).map(({ start, end }) => ({ start, end }))
    for (const weekday of to)
      if (weekday !== from) this.#days[weekday - 1] = blocks.map(({ start, end }) => this.#block(start, end))
  }

  /** 22:00–06:00 becomes 22:00–24:00 and, on the next day, 00:00–06:00. */
  splitAtMidnight(weekday: number, id: number): void {
    const block = this.blocksOf(weekday).find((one) => one.id === id)
    const end = block && parseTime(block.end)
    if (!block || !end) return
    block.end = endOfDay
    this.#days[weekday % 7]?.unshift(this.#block(startOfDay, end))
  }

  /** Writes what was typed as everybody reads it. */
  tidy(block: BlockDraft): void {
    block.start = parseTime(block.start) ?? block.start
    block.end = endOf(block) ?? block.end
  }

  addDatesOff(dates: readonly string[]): void {
    this.datesOff = [...new Set([...this.datesOff, ...dates])].sort()
  }

  removeDatesOff(dates: readonly string[]): void {
    this.datesOff = this.datesOff.filter((date) => !dates.includes(date))
  }

  #block = (start: string, end: string): BlockDraft => ({ id: ++this.#lastId, start, end })
}

/** Midnight as an end is the end of the day. */
const endOf = ({ end }: BlockDraft): string | null => {
  const time = parseTime(end)
  return time === startOfDay ? endOfDay : time
}

function problemOf(block: BlockDraft): BlockProblem | null {
  const start = parseTime(block.start)
  const end = endOf(block)
  if (start === null || start === endOfDay) return { field: 'start', is: 'no_start' }
  if (end === null) return { field: 'end', is: 'no_end' }
  if (start === end) return { field: 'end', is: 'no_length' }
  if (start > end) return { field: 'end', is: 'crosses_midnight' }
  return null
}

const sortedCopy = ({ timeZone, blocks, datesOff }: Schedule): Schedule => ({
  timeZone: timeZone ?? 'UTC',
  blocks: blocks
    .map(({ weekday, start, end }) => ({ weekday, start, end }))
    .sort((a, b) => a.weekday - b.weekday || a.start.localeCompare(b.start)),
  datesOff: [...datesOff].sort(),
})

/** Dates that follow each other, as one stretch each. */
export function stretchesOf(dates: readonly string[]): { from: string; to: string; dates: string[] }[] {
  const stretches: { from: string; to: string; dates: string[] }[] = []
  for (const date of dates) {
    const last = stretches.at(-1)
    if (last && dayAfter(last.to) === date) {
      last.to = date
      last.dates.push(date)
    } else stretches.push({ from: date, to: date, dates: [date] })
  }
  return stretches
}

/** Every date from one to another, both included; at most `most`. */
export function datesBetween(from: string, to: string, most: number): string[] {
  const dates: string[] = []
  for (let date = from; date <= to && dates.length < most; date = dayAfter(date)) dates.push(date)
  return dates
}

const dayAfter = (date: string): string =>
  new Date(Date.parse(`${date}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10)
