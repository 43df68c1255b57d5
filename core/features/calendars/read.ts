import { sql } from 'kysely'
import type { BusyEvent, CalendarDeclaration } from '#connectors/sdk/calendar.ts'
import type { Connection } from '#connectors/sdk/contract.ts'
import {
  ConnectorError,
  OutboundRefusedError,
  ProviderAnswerError,
  ProviderForbiddenError,
  RateLimitedError,
  RecordGoneError,
} from '#connectors/sdk/errors.ts'
import { items } from '#connectors/sdk/paging.ts'
import type { Services } from '../../services.ts'
import { dayMs } from '../availability/zone.ts'
import { noteSync } from '../connections/health.ts'
import { ConnectionClosedError, openConnection } from '../connections/open.ts'
import { breakCalendar } from './broken.ts'
import { isOpen, keepChannel } from './channels.ts'
import { hear, type TellBooking } from './feed.ts'
import { type Lease, leaseMs } from './lease.ts'
import { dropFeed, dropFeeds } from './repository.ts'
import { isChosen, type ReadingState, readReadingState } from './state.ts'
import { type Read, storeRead } from './store.ts'

const pollEveryMs = 60_000
/** Where the provider calls by itself. Must stay well below the time after which busy time counts as unknown. */
const pollBesideChannelMs = 300_000
const longestBackOffMs = 600_000
/** All of it is read again after this long, changed or not: the stretch of time moves on. */
const wholeEveryMs = 6 * 3_600_000
/** Must be as long as busy time counts as known in booking (`meetings/bookable.ts`): from then on nobody can book. */
const knownForMs = 1_800_000
/** The mirror begins so long ago, and ends so long after the last day that can be booked. */
const behindMs = dayMs
const beyondMs = 4 * dayMs

/**
 * Reads one agent's calendars: what changed in each since the last time, what of it is about our meetings (told to booking before the
 * place in the feed is kept, so a killed process tells it once more), and anew what is busy where something changed.
 */
export async function readCalendars(
  services: Services,
  lease: Lease,
  stopping: AbortSignal,
  tellBooking: TellBooking,
): Promise<void> {
  const { db, clock } = services
  const state = await stateWithoutOldFeeds(services, lease)
  if (!state?.calendarId) return putOff(services, lease, longestBackOffMs)
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(leaseMs - 5_000)])
  try {
    const options = { signal, priority: 'background' } as const
    const { connector, connection } = await openConnection(services, state.connectionId, options)
    const { calendar } = connector
    if (!calendar) return await putOff(services, lease, longestBackOffMs)
    const read = await readAll(services, calendar, connection, state, tellBooking)
    for (const feed of state.feeds)
      await keepChannel(services, calendar, connection, state.agentId, feed, read.isWhole)
    const channels = (await readReadingState(db, lease.agentId))?.feeds ?? []
    const isCalled = channels.length > 0 && channels.every((feed) => isOpen(feed, clock.now()))
    await storeRead(services, lease, state, read, isCalled ? pollBesideChannelMs : pollEveryMs)
    await noteSync(services, state.connectionId)
  } catch (error) {
    await failed(services, lease, state, error)
    const isExpected = error instanceof ConnectorError || error instanceof ConnectionClosedError
    if (!isExpected && !signal.aborted) throw error
  }
}

/** What is to be read. Feeds of calendars chosen no more go, once no meeting stands in them. */
async function stateWithoutOldFeeds(
  { db, clock }: Services,
  { agentId }: Lease,
): Promise<ReadingState | null> {
  const state = await readReadingState(db, agentId)
  if (!state?.feeds.some((feed) => !isChosen(state, feed))) return state
  await dropFeeds(db, agentId, clock.now())
  return readReadingState(db, agentId)
}

async function readAll(
  services: Services,
  calendar: CalendarDeclaration,
  connection: Connection,
  state: ReadingState,
  tellBooking: TellBooking,
): Promise<Read> {
  // what changes while it is read is told by the feeds the next time: they are read first
  const startedAt = services.clock.now()
  const heard = []
  for (const feed of [...state.feeds])
    try {
      heard.push(await hear(services, calendar, connection, state, feed, tellBooking))
    } catch (error) {
      if (isChosen(state, feed) || !isForTheAgent(error)) throw error
      // nobody wants it any more, and so nobody has to repair it
      await dropFeed(services.db, state.agentId, feed.calendarId)
      state.feeds.splice(state.feeds.indexOf(feed), 1)
    }
  const isWhole = isStale(state, startedAt)
  const from = isWhole || !state.busyFrom ? new Date(startedAt.getTime() - behindMs) : state.busyFrom
  const until =
    isWhole || !state.busyUntil
      ? new Date(startedAt.getTime() + state.daysAhead * dayMs + beyondMs)
      : state.busyUntil
  const busy = new Map<string, BusyEvent[]>()
  for (const { calendarId, hasChanged } of heard)
    if (isChosen(state, { calendarId }) && (isWhole || hasChanged)) {
      const between = { timeZone: state.timeZone, from, to: until }
      const events: BusyEvent[] = []
      const page = (cursor: string | null) => calendar.busyEvents(connection, calendarId, between, cursor)
      for await (const event of items(page)) events.push(event)
      busy.set(calendarId, events)
    }
  const tokens = new Map(heard.map(({ calendarId, cursor }) => [calendarId, cursor]))
  return { startedAt, isWhole, from, until, busy, tokens }
}

function isStale({ busyFrom, busyUntil, feeds, daysAhead }: ReadingState, now: Date): boolean {
  if (!busyFrom || !busyUntil || feeds.some(({ syncToken }) => syncToken === null)) return true
  const readAt = busyFrom.getTime() + behindMs
  // the agent may have allowed booking further ahead
  const needed = now.getTime() + daysAhead * dayMs + beyondMs - dayMs
  return readAt + wholeEveryMs <= now.getTime() || busyUntil.getTime() < needed
}

/** Only the agent can help: the calendar is gone, or is not ours to use. What is wrong with the connection itself, its state tells. */
const isForTheAgent = (error: unknown): error is ConnectorError =>
  error instanceof RecordGoneError ||
  error instanceof ProviderForbiddenError ||
  error instanceof OutboundRefusedError

export const isLongUnread = (knownAt: Date, now: Date): boolean =>
  now.getTime() - knownAt.getTime() > knownForMs

/** An event that cannot be read, say. A page of a proxy's for people is none of it, and gone by then. */
const isForTheAgentByNow = (error: unknown, { knownAt }: ReadingState, now: Date): error is ConnectorError =>
  error instanceof ProviderAnswerError && isLongUnread(knownAt, now)

async function failed(services: Services, lease: Lease, state: ReadingState, error: unknown): Promise<void> {
  if (isForTheAgent(error) || isForTheAgentByNow(error, state, services.clock.now())) {
    await breakCalendar(services, lease.agentId, error.message)
    return putOff(services, lease, longestBackOffMs)
  }
  const failures = Math.max(0, ...state.feeds.map((feed) => feed.failures))
  const backOffMs = Math.min(longestBackOffMs, pollEveryMs * 2 ** Math.min(failures, 10))
  await putOff(services, lease, error instanceof RateLimitedError ? error.retryAfterMs : backOffMs)
}

async function putOff({ db, clock }: Services, { agentId, until }: Lease, waitMs: number): Promise<void> {
  await sql`
    update calendar_feeds set next_at = ${new Date(clock.now().getTime() + waitMs)}, failures = failures + 1, lease_until = null
    where agent_id = ${agentId} and lease_until = ${until}`.execute(db)
}
