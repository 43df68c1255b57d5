import { CursorExpiredError } from '../sdk/errors.ts'
import { asId } from './ids.ts'

export const hourMs = 3_600_000
/** Read again each round: how late a transaction may commit. */
const overlapMs = 10 * 60_000
/** The recycle bin keeps 15 days; what was deleted before is told by nothing. */
const expiresAfterMs = 14 * 24 * hourMs
/** Stamps are whole seconds: what changes again within the second it was read in has the same one, so it is told again. */
const settledAfterMs = 10_000
/** With more than this told in ten minutes, some is told twice. */
const rememberedAtMost = 1_000

/** Where a source's page ended. */
export interface Place {
  stamp: string
  id: string
}

/** How far the feed is: between rounds, or within one that has pages left. */
export class Feed {
  /** Start of the last complete round, by Salesforce's clock. */
  since: string
  /** Until when deletions are known that left no trace. */
  deletedAt: string
  /** Start of the round that is under way. */
  startedAt: string | null
  places: Record<string, Place | 'done'>
  /** What the rounds of the overlap told: ids with their stamps, oldest first. */
  #told: Set<string>

  constructor(state: Pick<Feed, 'since' | 'deletedAt' | 'startedAt' | 'places'> & { told: string[] }) {
    this.since = state.since
    this.deletedAt = state.deletedAt
    this.startedAt = state.startedAt
    this.places = state.places
    this.#told = new Set(state.told)
  }

  /** False: an earlier round told it. Counts as told from now on. */
  isNew(key: string): boolean {
    if (this.#told.has(key)) return false
    this.#told.add(key)
    return true
  }

  placeOf(source: string): Place | null {
    const place = this.places[source]
    return place === undefined || place === 'done' ? null : place
  }

  endRound(now: Date) {
    this.since = this.startedAt ?? now.toISOString()
    this.startedAt = null
    this.places = {}
    const oldest = windowStart(this).getTime() / 1_000
    const newest = (Date.parse(this.since) - settledAfterMs) / 1_000
    const isSettled = (key: string) => stampOf(key) >= oldest && stampOf(key) < newest
    this.#told = new Set([...this.#told].filter(isSettled).slice(-rememberedAtMost))
  }

  get state() {
    const { since, deletedAt, startedAt, places } = this
    return { since, deletedAt, startedAt, places, told: [...this.#told] }
  }
}

/** A row in a state: its id, and its stamp in seconds. */
export const keyOf = (source: string, id: string, stamp: Date | null): string =>
  `${source}${id}${Math.floor((stamp?.getTime() ?? 0) / 1_000).toString(36)}`

const stampOf = (key: string) => Number.parseInt(key.slice(19), 36)

export const windowStart = ({ since }: Pick<Feed, 'since'>): Date => new Date(Date.parse(since) - overlapMs)

export const textOf = (feed: Feed): string => JSON.stringify(feed.state)

/** @throws {CursorExpiredError} */
export function feedFrom(cursor: string | null, now: Date): Feed {
  const since = now.toISOString()
  if (cursor === null) return new Feed({ since, deletedAt: since, startedAt: null, places: {}, told: [] })
  const state = parsed(cursor)
  if (!state || now.getTime() - Date.parse(state.since) > expiresAfterMs)
    throw new CursorExpiredError('Salesforce forgets deleted records after 15 days. Everything is read anew.')
  return new Feed(state)
}

function parsed(cursor: string): Feed['state'] | null {
  try {
    const state = JSON.parse(cursor) as Feed['state']
    const instants = [state.since, state.deletedAt, ...(state.startedAt === null ? [] : [state.startedAt])]
    if (instants.some((instant) => Number.isNaN(Date.parse(instant))) || !Array.isArray(state.told))
      return null
    for (const place of Object.values(state.places))
      if (place !== 'done' && (!asId(place.id) || Number.isNaN(Date.parse(place.stamp)))) return null
    return state
  } catch {
    return null
  }
}
