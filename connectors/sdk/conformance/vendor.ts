import type { CrmActivity, PersonField, PersonRef, WebhookRequest } from '../crm.ts'

/** What the suite asks of every stand-in. Everything that happens in it happens at its own clock. */
export interface Vendor {
  /** Where it listens: `http://127.0.0.1:…`. */
  origin: string
  /** Of the app; where people type a password, their name and it. */
  client: { id: string; secret: string }
  /** What an admin would fill in. */
  settings?: Record<string, string>
  close(): Promise<void>

  now(): Date
  advance(ms: number): void
  /** The grant is gone; where people type a password, it is another now. */
  revokeGrant(): Awaitable<void>
  /** Goes wrong with the next call of that kind (sign-in is none of them). */
  fail(next: 'read' | 'write', how: Fault): void
}

/** Of connectors that sign in by OAuth. */
export interface OAuthVendor extends Vendor {
  /** As if an admin had agreed to everything. */
  grant(): Awaitable<{ accessToken: string; refreshToken: string | null }>
  /** Opens an authorize address as a browser, and agrees. @returns where the browser is sent back to */
  agree(authorizeUrl: string): Awaitable<string>
  /** Access tokens given so far open nothing any more; the grant stays. */
  expireTokens(): void
  /** From now on every token is answered with 401, new ones too. */
  refuseTokens(): void
  /** How often a token was renewed, or that was tried. */
  refreshes(): number
  /** How many calls there have been, sign-in included. */
  calls(): number
  /** How many calls were refused because of a limit. */
  limitErrors(): number
}

/** A CRM. Whatever is marked as optional is for vendors that have such a thing; the tests that need it are there if it is. */
export interface VendorUnderTest extends OAuthVendor {
  /** @param type one of the connector's types of people; its first unless told */
  addPerson(
    person: { type?: string; email: string } & Partial<Record<PersonField, string>>,
  ): Awaitable<PersonRef>
  /** @param agoMs the change is stamped so long ago, and becomes visible only now: a long transaction */
  changePerson(ref: PersonRef, values: { jobTitle: string }, agoMs?: number): Awaitable<void>
  deletePerson(ref: PersonRef): Awaitable<void>
  /** The loser's id stands for the winner from now on. */
  mergePeople?(loser: PersonRef, winner: PersonRef): Awaitable<void>
  /** As the vendor holds it. */
  valueOf(ref: PersonRef, field: PersonField): Awaitable<string | null>
  /** How many people have this address. */
  countByEmail(email: string): Awaitable<number>
  /** @returns false where the vendor cannot hold such a one at an exact instant */
  addActivity(
    ref: PersonRef,
    activity: { kind: CrmActivity['kind']; at: Date; title: string },
  ): Awaitable<boolean>
  /** Deletes one of them. */
  deleteActivity?(activity: CrmActivity): Awaitable<void>
  /** What Foyer has logged with this person, chats and meetings: a text of each. */
  logged(ref: PersonRef): Awaitable<string[]>
  /** From now on this connection does not see the field, nor may it name it. */
  hideField?(type: string, field: PersonField): Awaitable<void>

  /** An event as the vendor would send it now to this address, about this person. */
  signedEvent?(ref: PersonRef, url: string): Awaitable<WebhookRequest>
}

/**
 * `lost_answer` it happens, the line breaks before the answer · `no_answer` the line breaks, nothing happens · `truncated` it
 * happens, half of the answer arrives · `garbage` a page for people, with status 200 · `down` 503 · `limited` the vendor's own
 * refusal for too many calls · `hang` no answer, ever
 */
export type Fault =
  | 'lost_answer'
  | 'no_answer'
  | 'truncated'
  | 'garbage'
  | 'down'
  | 'limited'
  | 'hang'
  | { redirectTo: string }

export type Awaitable<T> = T | Promise<T>

/** A provider of calendars: one account with two calendars that meetings can be put into. */
export interface CalendarVendor extends Vendor {
  calendars: { main: string; other: string }
  /** IANA, of both. */
  timeZone: string
  /** As the owner puts it there by hand. @returns its id */
  addEvent(calendarId: string, event: HandmadeEvent): Awaitable<string>
  moveEvent(calendarId: string, id: string, to: { start: Date; end: Date }): Awaitable<void>
  deleteEvent(calendarId: string, id: string): Awaitable<void>
  /** The guest of an event that Foyer made answers. */
  answerAsGuest(calendarId: string, id: string, answer: 'accepted' | 'declined'): Awaitable<void>
  /** Ids of what stands in the calendar. */
  eventIds(calendarId: string): Awaitable<string[]>
  /** What people read as the event's title. */
  titleOf(calendarId: string, id: string): Awaitable<string>
  /** Tokens of the feed from before are too old. */
  forgetChanges?(): Awaitable<void>
  /** The provider cannot say what is busy in it, and says so within an answer that is well otherwise. */
  makeUnknown?(calendarId: string): void
  /** How often the guest of this event was written to. */
  mailsAbout?(id: string): number
  /** What the provider would send to the channels that are open, since asked last. */
  takeCalls?(): { address: string; headers: Record<string, string> }[]
}

export interface HandmadeEvent {
  /** Instants, or dates of whole days with an end that is not in it. */
  time: { start: Date; end: Date } | { from: string; until: string }
  kind?: 'opaque' | 'transparent' | 'cancelled' | 'declined'
  /** Each week at the same time of the vendor's zone, so often. */
  weeks?: number
}
