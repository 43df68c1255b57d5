import type { CrmActivity, PersonField, PersonRef, WebhookRequest } from '../crm.ts'

/**
 * What the suite asks of a connector's stand-in. Everything that happens in it happens at its own clock. Whatever is
 * marked as optional is for vendors that have such a thing; the tests that need it are there if it is.
 */
export interface VendorUnderTest {
  /** Where it listens: `http://127.0.0.1:…`. */
  origin: string
  client: { id: string; secret: string }
  /** What an admin would fill in. */
  settings?: Record<string, string>
  close(): Promise<void>

  now(): Date
  advance(ms: number): void

  /** As if an admin had agreed to everything. */
  grant(): Awaitable<{ accessToken: string; refreshToken: string | null }>
  /** Opens an authorize address as a browser, and agrees. @returns where the browser is sent back to */
  agree(authorizeUrl: string): Awaitable<string>
  /** Access tokens given so far open nothing any more; the grant stays. */
  expireTokens(): void
  /** The grant is gone. */
  revokeGrant(): void
  /** From now on every token is answered with 401, new ones too. */
  refuseTokens(): void
  /** How often a token was renewed, or that was tried. */
  refreshes(): number
  /** How many calls there have been, sign-in included. */
  calls(): number
  /** How many calls were refused because of a limit. */
  limitErrors(): number

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
  /** What Foyer has logged with this person, chats and meetings: a text of each. */
  logged(ref: PersonRef): Awaitable<string[]>
  /** From now on this connection does not see the field, nor may it name it. */
  hideField?(type: string, field: PersonField): Awaitable<void>

  /** Goes wrong with the next call of that kind (sign-in is none of them). */
  fail(next: 'read' | 'write', how: Fault): void
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
