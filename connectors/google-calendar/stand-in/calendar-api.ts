import { Refusal } from './answers.ts'
import { occurrences } from './occurrences.ts'
import type { Store, StoredCalendar, StoredEvent } from './store.ts'

export interface Call {
  method: string
  /** After `/calendar/v3`, its parts decoded. */
  path: string[]
  query: URLSearchParams
  body: Record<string, unknown>
  ifMatch: string | null
  account: string
  scopes: string[]
}

export interface ApiOptions {
  /** Entries of a page; the real one has up to 2,500. */
  pageSize: number
  /** How often an event is read before its video link is there. */
  pendingReads: number
  /** Calendars that free/busy gives an error for, with its reason. */
  busyErrors: Map<string, string>
}

const needs = (call: Call, ...scopes: string[]) => {
  if (!scopes.some((scope) => call.scopes.includes(`https://www.googleapis.com/auth/${scope}`)))
    throw new Refusal(403, 'insufficientPermissions', 'Request had insufficient authentication scopes.')
}

/** The calls that Foyer makes, as in the discovery document. @returns null for 204 */
export function answerApi(store: Store, options: ApiOptions, call: Call): object | null {
  const { path, method } = call
  const [noun, id, second, eventId] = path
  if (noun === 'users' && second === 'calendarList') {
    needs(call, 'calendar.calendarlist.readonly')
    return eventId === undefined ? listCalendars(store, call) : entryOf(found(store, call, eventId))
  }
  if (noun === 'freeBusy' && method === 'POST') {
    needs(call, 'calendar.freebusy')
    return freeBusy(store, options, call)
  }
  if (noun !== 'calendars' || second !== 'events' || id === undefined) throw new Refusal(404, 'notFound')
  needs(call, 'calendar.events')
  const calendar = found(store, call, id)
  if (eventId === undefined) {
    if (method === 'GET') return listEvents(options, calendar, call)
    if (method === 'POST') return insert(store, options, calendar, call)
  } else {
    const event = calendar.events.get(eventId)
    if (!event) throw new Refusal(404, 'notFound', 'Not Found')
    if (method === 'GET') return shown(read(options, event), calendar)
    if (method === 'PATCH') return patch(store, calendar, event, call)
    if (method === 'DELETE') return remove(store, calendar, event, call)
  }
  throw new Refusal(404, 'notFound')
}

function found(store: Store, { account }: Call, id: string): StoredCalendar {
  const calendar = store.calendar(id, account)
  if (!calendar) throw new Refusal(404, 'notFound', 'Not Found')
  return calendar
}

const entryOf = ({ id, summary, timeZone, primary, accessRole }: StoredCalendar) => ({
  kind: 'calendar#calendarListEntry',
  id,
  summary,
  timeZone,
  accessRole,
  ...(primary ? { primary } : {}),
})

const listCalendars = (store: Store, { account }: Call) => ({ items: store.ofAccount(account).map(entryOf) })

function freeBusy(store: Store, { busyErrors }: ApiOptions, call: Call) {
  const { timeMin, timeMax, items } = call.body as {
    timeMin: string
    timeMax: string
    items: { id: string }[]
  }
  if (items.length > 50) throw new Refusal(400, 'tooManyCalendarsRequested')
  const answer = items.map(({ id }) => {
    const calendar = store.calendar(id, call.account)
    const reason = busyErrors.get(id) ?? (calendar ? undefined : 'notFound')
    if (reason !== undefined || !calendar) return [id, { errors: [{ domain: 'global', reason }], busy: [] }]
    const busy = occurrences(calendar, Date.parse(timeMin), Date.parse(timeMax))
      .filter(({ event }) => isOpaque(event, calendar))
      .map(({ start, end }) => ({ start: new Date(start).toISOString(), end: new Date(end).toISOString() }))
    return [id, { busy }]
  })
  return { kind: 'calendar#freeBusy', timeMin, timeMax, calendars: Object.fromEntries(answer) }
}

const isOpaque = (event: StoredEvent, { owner }: StoredCalendar) =>
  event.transparency !== 'transparent' &&
  !event.attendees?.some(({ email, responseStatus }) => email === owner && responseStatus === 'declined')

const notWithSyncToken = [
  'timeMin',
  'timeMax',
  'q',
  'orderBy',
  'iCalUID',
  'updatedMin',
  'privateExtendedProperty',
]

function listEvents({ pageSize }: ApiOptions, calendar: StoredCalendar, { query }: Call) {
  const syncToken = query.get('syncToken')
  if (syncToken !== null && notWithSyncToken.some((name) => query.has(name)))
    throw new Refusal(400, 'invalid', 'Sync token cannot be used with these parameters.')
  const since = syncToken === null ? null : Number(/^sync-(\d+)$/.exec(syncToken)?.[1] ?? Number.NaN)
  if (since !== null && !(since >= calendar.remembers))
    throw new Refusal(410, 'fullSyncRequired', 'Sync token is no longer valid, a full sync is required.')
  const isWindow = query.has('timeMin')
  const all =
    isWindow && query.get('singleEvents') === 'true'
      ? occurrences(
          calendar,
          Date.parse(query.get('timeMin') ?? ''),
          Date.parse(query.get('timeMax') ?? ''),
        ).map(({ event }) => event)
      : [...calendar.events.values()]
          .filter(({ changed, status }) => (since === null ? status !== 'cancelled' : changed > since))
          .sort((a, b) => a.changed - b.changed)
  const [from, until] = (query.get('pageToken') ?? `0-${calendar.changes}`).split('-').map(Number) as [
    number,
    number,
  ]
  const page = all.slice(from, from + pageSize)
  const next = from + pageSize < all.length ? `${from + pageSize}-${until}` : null
  return {
    kind: 'calendar#events',
    timeZone: calendar.timeZone,
    items: page.map((event) =>
      event.status === 'cancelled' ? { id: event.id, status: 'cancelled' } : shown(event, calendar),
    ),
    // what changed since the first page comes with the next reading
    ...(next === null ? (isWindow ? {} : { nextSyncToken: `sync-${until}` }) : { nextPageToken: next }),
  }
}

function insert(store: Store, { pendingReads }: ApiOptions, calendar: StoredCalendar, { body, query }: Call) {
  refuseReaders(calendar)
  const given = body as Partial<StoredEvent> & { start: StoredEvent['start']; end: StoredEvent['end'] }
  if (given.id === undefined || !/^[0-9a-v]{5,1024}$/.test(given.id))
    throw new Refusal(400, 'invalid', 'Invalid resource id value.')
  if (calendar.events.has(given.id))
    throw new Refusal(409, 'duplicate', 'The requested identifier already exists.')
  const event = store.put(calendar.id, {
    ...given,
    id: given.id,
    status: 'confirmed',
    attendees: given.attendees?.map((one) => ({ responseStatus: 'needsAction', ...one })),
    conferenceData:
      query.get('conferenceDataVersion') === '1'
        ? conferenceOf(given.conferenceData, pendingReads)
        : undefined,
  })
  tell(store, event, query, 'invited')
  return shown(event, calendar)
}

function conferenceOf(
  asked: StoredEvent['conferenceData'],
  pendingReads: number,
): StoredEvent['conferenceData'] {
  const requestId = asked?.createRequest?.requestId
  if (requestId === undefined) return undefined
  if (pendingReads > 0) return { createRequest: { requestId, status: { statusCode: 'pending' } } }
  return made(requestId)
}

const made = (requestId: string): StoredEvent['conferenceData'] => ({
  createRequest: { requestId, status: { statusCode: 'success' } },
  entryPoints: [{ entryPointType: 'video', uri: `https://meet.google.com/${requestId.slice(0, 10)}` }],
})

const readsOf = new WeakMap<StoredEvent, number>()

/** A link that is being made is there after some reads. */
function read({ pendingReads }: ApiOptions, event: StoredEvent): StoredEvent {
  const request = event.conferenceData?.createRequest
  if (request?.status.statusCode !== 'pending') return event
  const reads = (readsOf.get(event) ?? 0) + 1
  readsOf.set(event, reads)
  if (reads >= pendingReads) event.conferenceData = made(request.requestId)
  return event
}

function patch(store: Store, calendar: StoredCalendar, event: StoredEvent, { body, ifMatch, query }: Call) {
  refuseReaders(calendar)
  refuseOtherVersion(event, ifMatch)
  const changed = store.put(calendar.id, { ...event, ...body, status: 'confirmed' })
  tell(store, changed, query, 'updated')
  return shown(changed, calendar)
}

function remove(store: Store, calendar: StoredCalendar, event: StoredEvent, { ifMatch, query }: Call): null {
  refuseReaders(calendar)
  if (event.status === 'cancelled') throw new Refusal(410, 'deleted', 'Resource has been deleted')
  refuseOtherVersion(event, ifMatch)
  tell(store, store.put(calendar.id, { ...event, status: 'cancelled' }), query, 'cancelled')
  return null
}

function refuseOtherVersion({ etag }: StoredEvent, ifMatch: string | null) {
  if (ifMatch !== null && ifMatch !== '*' && ifMatch !== etag)
    throw new Refusal(412, 'conditionNotMet', 'Precondition Failed')
}

function refuseReaders({ accessRole }: StoredCalendar) {
  if (accessRole !== 'owner' && accessRole !== 'writer')
    throw new Refusal(403, 'requiredAccessLevel', 'You need to have writer access to this calendar.')
}

function tell(
  store: Store,
  event: StoredEvent,
  query: URLSearchParams,
  what: 'invited' | 'updated' | 'cancelled',
) {
  if (query.get('sendUpdates') !== 'all') return
  for (const { email } of event.attendees ?? []) store.mails.push({ to: email, what, event: event.id })
}

const shown = ({ changed: _, ...event }: StoredEvent, { owner }: StoredCalendar) => ({
  ...event,
  attendees: event.attendees?.map((one) => (one.email === owner ? { ...one, self: true } : one)),
})
