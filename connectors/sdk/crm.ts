import type { Connection } from './contract.ts'

/** What Foyer shows of a person, in the vendor's words. Status is the label a person knows ("Working - Contacted"). */
export const personFields = ['name', 'jobTitle', 'email', 'phone', 'crmStatus', 'company'] as const
export type PersonField = (typeof personFields)[number]

/** Which of the vendor's fields a field of Foyer's is read from and written to, for each type of record. */
export type FieldMapping = Record<string, Partial<Record<PersonField, string>>>

export interface CrmDeclaration {
  /** The types of record that are people, most telling first: `Contact`, `Lead`. */
  personTypes: { type: string; label: string }[]
  /** The mapping to begin with. An admin may change it. */
  mapping: FieldMapping
  /** Fields that are read but never written, whatever the mapping says, such as a status that only moves forward. */
  readOnlyFields?: PersonField[]
  /** Which kinds of activities it reads; shown to the admin. */
  activityKinds: CrmActivity['kind'][]

  /** What this connection may see: for the mapping page, and so that hidden fields are left out of every query. */
  describe(crm: Crm): Promise<CrmDescription>
  /** The vendor's users, for owners. A page at a time. */
  owners(crm: Crm, cursor: string | null): Promise<Page<CrmOwner>>
  /** The person with this address by the vendor's own rules (secondary addresses, contact before lead, merges followed); null if there is none. */
  findPerson(crm: Crm, email: string): Promise<CrmPerson | null>
  /** By id; a merged or converted record gives its successor. @throws {RecordGoneError} */
  readPerson(crm: Crm, ref: PersonRef): Promise<CrmPerson>
  /** All kinds in `activityKinds`, each once, between two instants (both included), in any order. */
  activities(
    crm: Crm,
    ref: PersonRef,
    between: { from: Date; to: Date },
    cursor: string | null,
  ): Promise<Page<CrmActivity>>

  /** Everybody, once, by pages that may be resumed from any cursor. */
  allPeople(crm: Crm, cursor: string | null): Promise<PeoplePage>
  /**
   * What has changed since the cursor (null: from now on), oldest first, repeated rather than missed. `cursor` is always given;
   * `done` when there is no more for now. Deletions may come an hour late where the vendor has no feed of them.
   * @param asked.histories false: nobody looks at what people did, and of whoever is looked at later that is read then, or was within the last
   *   minute. So `activities_changed` of now may be left out, where that saves calls. True unless told.
   * @throws {CursorExpiredError}
   */
  changes(
    crm: Crm,
    cursor: string | null,
    asked?: { histories: boolean },
  ): Promise<{ changes: CrmChange[]; cursor: string; done: boolean }>
  /** Of these people, those of whose activities one is not there any more, was changed since, or was given to them or to somebody else: for vendors
   *  whose feed does not tell it. Asked with each poll about those whom somebody talks with. */
  staleHistories?(crm: Crm, known: KnownHistory[]): Promise<PersonRef[]>

  /** Creates, respecting duplicate rules. @throws {DuplicateError} with the ids found. A second run with the same key creates nothing. */
  createPerson(crm: Crm, person: NewPerson): Promise<CrmPerson>
  /** Writes what is given and nothing else; never clears. `onlyEmpty` fields are left alone where the record has a value now. */
  updatePerson(crm: Crm, ref: PersonRef, change: PersonChange): Promise<CrmPerson>
  /** Logs a chat with the person. The same key again updates that entry, also when the answer to the first was lost. */
  logConversation(crm: Crm, ref: PersonRef, conversation: LoggedConversation): Promise<Logged>
  /** Logs a meeting; the same key again moves or cancels it. */
  logMeeting(crm: Crm, ref: PersonRef, meeting: LoggedMeeting): Promise<Logged>
  /** What `createPerson`, `logConversation` or `logMeeting` would send, in words, without sending it: for the preview, under the
   *  names that people see, of `describe` where it told them. */
  previewOf(
    write: CrmWrite,
    mapping: FieldMapping,
    description: CrmDescription | null,
  ): { record: string; values: { field: string; value: string }[] }

  webhooks?: WebhookDeclaration
}

/** What CRM actions work with. */
export interface Crm {
  connection: Connection
  mapping: FieldMapping
  /** From `describe`, as of the last time; null before the first. */
  description: CrmDescription | null
}

export interface Page<T> {
  items: T[]
  /** Opaque; null: there is no more. */
  cursor: string | null
}

export interface PeoplePage extends Page<CrmPerson> {
  /** How many there are, where the vendor tells it; also of each type, where there are several. */
  total: number | null
  totals?: Record<string, number>
}

export interface PersonRef {
  type: string
  id: string
}

export interface CrmPerson extends PersonRef {
  /** Every address of the person, in lower case, the first one first. */
  emails: string[]
  /** Missing: this connection may not see the field. Null: it is empty. */
  fields: Partial<Record<PersonField, string | null>>
  owner: CrmOwner | null
  company: CrmCompany | null
  /** For people to open. */
  url: string
  /** When the vendor says it was last changed. */
  changedAt: Date
  /** Ids that stand for this person as well: merged into it, converted to it. */
  formerIds: string[]
}

export interface CrmOwner {
  id: string
  name: string | null
  /** In lower case. */
  email: string | null
  active: boolean
  /** A queue or team: nobody to ask. */
  isQueue: boolean
}

export interface CrmCompany {
  id: string
  name: string | null
  /** Of its web site or addresses, in lower case. */
  domain: string | null
  owner: CrmOwner | null
  url: string
  /** When the vendor says it was last changed: of two answers the one with the later change counts. Null where it does not
   *  say; then the one that was asked for later does. */
  changedAt: Date | null
}

export interface CrmActivity {
  id: string
  /** Of other sources for the same thing (an e-mail and its task, an event of a calendar): what shares one is one activity. */
  sameAs: string[]
  kind: 'email' | 'call' | 'task' | 'meeting' | 'note' | 'campaign' | 'form'
  at: Date
  /** Only a date, in the account's zone: `at` is its noon in UTC. */
  isAllDay: boolean
  title: string | null
  /** Plain text, at most 2,000 characters. */
  detail: string | null
  url: string | null
  /** Key of `logConversation` or `logMeeting`, when Foyer wrote it itself. */
  foyerKey: string | null
}

/** What is mirrored of what a person did, of the last 90 days. */
export interface KnownHistory {
  ref: PersonRef
  /** When it was asked for. */
  readAt: Date
  /** Of what happened between then and `readAt`, both included, all is known. */
  since: Date
  /** Ids of `CrmActivity`; some may be older. */
  activityIds: string[]
}

export type CrmChange =
  | { type: 'changed'; person: CrmPerson }
  | { type: 'activities_changed'; ref: PersonRef }
  /** An activity that may be somebody else's now, or nobody's: those whom it is known of are read again. For feeds that tell of an activity
   *  with whom it is now. */
  | { type: 'activity_changed'; id: string }
  /** For vendors where a company's changes leave its people as they were, and would bring all of them along. */
  | { type: 'company_changed'; company: CrmCompany }
  /** Deleted: forget what the mirror holds. `erase`: privacy deletion, erase everywhere. */
  | { type: 'gone'; ref: PersonRef; erase: boolean }

export interface NewPerson {
  /** Foyer's own key of this creation. */
  key: string
  values: Partial<Record<PersonField, string>>
  /** The vendor's fields that the admin fixed: lead source, required ones. */
  fixed: Record<string, string>
  /** Of `personTypes`. */
  type: string
  ownerId: string | null
}

export interface PersonChange {
  key: string
  /** Overwrites. */
  values: Partial<Record<PersonField, string>>
  /** Fills what is empty. */
  onlyEmpty: Partial<Record<PersonField, string>>
}

export interface LoggedConversation {
  /** `foyer-chat-<id>`. */
  key: string
  /** The vendor's id from an earlier run, if that answer came. */
  knownId: string | null
  /** An earlier run may have had its effect without us hearing of it: look before creating. */
  mayExist: boolean
  subject: string
  startedAt: Date
  endedAt: Date
  /** Plain text, any length; the connector cuts it to the vendor's limit and says so in it. */
  transcript: string
  outcome: string | null
  agentName: string | null
  ownerId: string | null
  /** To the conversation in Foyer. */
  link: string
}

export interface LoggedMeeting {
  /** `foyer-meeting-<id>`. */
  key: string
  knownId: string | null
  mayExist: boolean
  title: string
  start: Date
  end: Date
  body: string
  location: string | null
  state: 'booked' | 'cancelled'
  ownerId: string | null
}

export interface Logged {
  id: string
  url: string | null
}

export type CrmWrite =
  | { type: 'createPerson'; person: NewPerson }
  | { type: 'updatePerson'; ref: PersonRef; change: PersonChange }
  | { type: 'logConversation'; conversation: LoggedConversation }
  | { type: 'logMeeting'; meeting: LoggedMeeting }

export interface CrmDescription {
  types: Record<string, { label: string; fields: CrmField[]; mayCreate: boolean }>
}

export interface CrmField {
  name: string
  label: string
  type: 'text' | 'email' | 'phone' | 'choice' | 'number' | 'date' | 'other'
  options?: { value: string; label: string }[]
  mayWrite: boolean
  requiredToCreate: boolean
  maxLength: number | null
}

/** Events that the vendor sends by itself. They are hints: the record is read anew. */
export interface WebhookDeclaration {
  /** @returns the events; null if the request is not the vendor's: wrong or old signature. Never throws. */
  read(request: WebhookRequest, appSecret: string, now: Date): WebhookEvent[] | null
}

export interface WebhookRequest {
  method: string
  /** As the vendor knows it: public address with query. */
  url: string
  /** Names in lower case. */
  headers: Record<string, string>
  /** As it came. */
  rawBody: Buffer
}

export interface WebhookEvent {
  /** The same event again has the same id. */
  id: string
  accountId: string
  change:
    | { type: 'changed' | 'activities_changed'; ref: PersonRef }
    | { type: 'gone'; ref: PersonRef; erase: boolean }
  /** Further records that are this one now. */
  mergedIds: string[]
  occurredAt: Date
}
