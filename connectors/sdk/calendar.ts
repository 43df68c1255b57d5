import type { Connection } from './contract.ts'
import type { Page, WebhookRequest } from './crm.ts'

/**
 * What makes a connector one of calendars. A connection is one agent's own account.
 *
 * Failures are those of `errors.ts`: `ReconnectNeededError` takes the agent out of booking until it is repaired;
 * `ProviderUnavailableError` with outcome `unknown` is repeated with the same id, which changes nothing the second time.
 */
export interface CalendarDeclaration {
  /** What `wantsVideo` gives, as people call it: `Google Meet`; null: it has none. */
  video: string | null
  /** Whether the provider tells guests by mail of an event, its move and its end. If not, Foyer does, with an .ics file. */
  tellsGuests: boolean

  /** Every calendar of the account. */
  calendars(connection: Connection): Promise<ListedCalendar[]>
  /**
   * What blocks between two instants: opaque, not cancelled, not declined by the agent; repeated events one by one; whole days as days
   * of the calendar's zone. It is known for all of these calendars or there is an error: unknown is never free.
   * `except` is left out: the event of the meeting that is being moved, in the calendar with that id.
   */
  busy(connection: Connection, asked: BusyAsked): Promise<BusyTime[]>
  /** The same from one calendar with the ids of its events, for the mirror. A page at a time; times may lie partly outside. */
  busyEvents(
    connection: Connection,
    calendarId: string,
    between: Omit<BusyAsked, 'calendarIds'>,
    cursor: string | null,
  ): Promise<Page<BusyEvent>>

  /**
   * Creates the event and, where the provider does so, invites the guest. The same id again creates nothing: it gives what stands under it,
   * which may be `cancelled` (somebody deleted it meanwhile). @throws {DuplicateError} the id is another's
   */
  insertEvent(connection: Connection, calendarId: string, event: NewEvent): Promise<CalendarEvent>
  /** Null: there is none, or none any more. One that is cancelled may come as such, or as null. */
  readEvent(connection: Connection, ref: EventRef): Promise<CalendarEvent | null>
  /**
   * Changes what is given. With an etag only that version.
   * @throws {ProviderConflictError} it was changed meanwhile: read it again @throws {RecordGoneError} it is cancelled or gone
   */
  changeEvent(
    connection: Connection,
    ref: EventRef,
    change: EventChange,
    etag: string | null,
  ): Promise<CalendarEvent>
  /** Ends the event and, where the provider does so, tells the guest. That it is gone already is no failure. */
  cancelEvent(connection: Connection, ref: EventRef): Promise<void>

  /**
   * What was changed since the cursor; null: from now on, which tells of nothing. Repeated rather than missed; `cursor` is always given; `done`
   * when there is no more for now. @throws {CursorExpiredError} read everything anew, beginning with null
   */
  changes(
    connection: Connection,
    calendarId: string,
    cursor: string | null,
  ): Promise<{ changes: ChangedEvent[]; cursor: string; done: boolean }>

  /** The provider calls when something has changed. A call is a hint and may be missing: reading goes on. */
  channels?: ChannelDeclaration
}

export interface ListedCalendar {
  id: string
  name: string
  /** IANA; null: the provider does not say. */
  timeZone: string | null
  isPrimary: boolean
  /** Meetings can be put into it. If not, it can only count as busy. */
  mayWrite: boolean
}

export interface BusyAsked {
  calendarIds: string[]
  /** Of calendars whose provider does not say: the agent's. */
  timeZone: string
  from: Date
  to: Date
  except?: EventRef
}

export interface BusyTime {
  calendarId: string
  start: Date
  end: Date
}

export interface BusyEvent {
  /** Of one that repeats: of the series, or of the single time. */
  id: string
  start: Date
  end: Date
}

export interface EventRef {
  calendarId: string
  id: string
  /** Of whole days, where the provider does not say: the agent's. */
  timeZone?: string
}

export interface NewEvent {
  /** Foyer's own, made before the event: 5 to 200 of `0-9a-v`, such as a UUID without its dashes. */
  id: string
  title: string
  /** Plain text. */
  body: string
  location: string | null
  start: Date
  end: Date
  /** IANA: the agent's. */
  timeZone: string
  host: { name: string; email: string }
  guest: { name: string; email: string }
  wantsVideo: boolean
}

export type EventChange = Partial<Pick<NewEvent, 'title' | 'body' | 'location'>> & {
  time?: Pick<NewEvent, 'start' | 'end' | 'timeZone'>
}

export interface CalendarEvent {
  id: string
  /** RFC 5545's, where Foyer tells guests: an invitation by another one would be another event, and no answer to it finds this one. */
  uid?: string
  /** Of this version, for `changeEvent`. */
  etag: string | null
  state: 'confirmed' | 'cancelled'
  start: Date
  end: Date
  /** Everybody who is invited, but for the agent and rooms; whom a meeting is with is one of them, if they still are. */
  guests: EventGuest[]
  /** Of the agent whose calendar it is: declined is as good as cancelled. */
  hostResponse: GuestResponse | null
  /** `pending`: asked for and not made yet; reading the event again tells. `failed`: it does not come. */
  video: { state: 'none' | 'pending' | 'failed'; url: null } | { state: 'ready'; url: string }
  /** For people to open. */
  url: string | null
}

export interface EventGuest {
  email: string
  response: GuestResponse
}

export type GuestResponse = 'needs_action' | 'accepted' | 'declined' | 'tentative'

export interface ChangedEvent {
  id: string
  /** As it is now, as far as the feed says: null where it only says that it was changed or is gone, so it is to be read. */
  event: CalendarEvent | null
}

export interface ChannelDeclaration {
  /** `address` takes the provider's calls, `token` comes with each of them. */
  open(
    connection: Connection,
    calendarId: string,
    channel: { id: string; token: string; address: string },
  ): Promise<OpenedChannel>
  /** Being closed already is no failure. */
  close(connection: Connection, channel: { id: string; resourceId: string }): Promise<void>
  /** What a call says of itself; null if it is none of the provider's. Whether token and resource are right is for the caller to see. */
  read(request: Pick<WebhookRequest, 'headers'>): ChannelCall | null
}

export interface OpenedChannel {
  resourceId: string
  /** It has to be opened anew before: nothing renews it. */
  expiresAt: Date
}

export interface ChannelCall {
  channelId: string
  resourceId: string
  token: string
}
