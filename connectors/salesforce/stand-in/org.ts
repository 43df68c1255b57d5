import { asId } from '../ids.ts'
import { Schema } from './schema.ts'

export type Value = string | number | boolean | null
export type Row = Record<string, Value> & { Id: string }

/**
 * The records of one org, and what happens to them. Who calls it is trusted: the rules for what comes over the API are in `writes.ts`.
 * Deleted rows stay (the recycle bin) until they are purged.
 */
export class Org {
  readonly schema: Schema
  readonly organizationId: string
  /** The user that connections act as. */
  readonly userId: string
  now: () => Date
  /** Fields and types that the user's profile hides: `Lead.Phone`, `EmailMessage`. */
  readonly hidden = new Set<string>()
  /** Fields that the user's profile shows but does not let be written. */
  readonly readOnly = new Set<string>()
  /** Admins' validation rules: an answer is the reason to refuse. */
  readonly validationRules: ((type: string, row: Record<string, Value>) => string | null)[] = []
  /** Finds people of the same address; `block` refuses to save, unless the request's header allows it. */
  duplicateRule: 'off' | 'block' = 'off'
  /** Records that no sharing rule shows to the connected user. Duplicate rules that bypass sharing name them all the same. */
  readonly unshared = new Set<string>()
  /** Held by somebody else's transaction. */
  readonly locked = new Set<string>()
  /** Deleted rows that left the recycle bin: only `deleted` still names them. */
  readonly purged: { type: string; id: string; at: Date }[] = []
  readonly #rows = new Map<string, Map<string, Row>>()
  #made = 0
  #stampOfTransaction: Date | null = null

  constructor({
    now = () => new Date(),
    personAccounts = false,
    sharedActivities = false,
    isSandbox = false,
  } = {}) {
    this.now = now
    this.schema = new Schema({ personAccounts, sharedActivities })
    this.organizationId = this.insert('Organization', {
      Name: 'Foyer Demo',
      IsSandbox: isSandbox,
      OrganizationType: 'Enterprise Edition',
      InstanceName: 'STAND1',
      TimeZoneSidKey: 'Europe/Rome',
    }).Id
    this.userId = this.insert('User', {
      FirstName: 'Foyer',
      LastName: 'Integration',
      Username: 'integration@foyer.test',
      Email: 'integration@foyer.test',
      Alias: 'foyer',
      IsActive: true,
      TimeZoneSidKey: 'Europe/Rome',
    }).Id
  }

  rows(type: string): Map<string, Row> {
    const rows = this.#rows.get(type) ?? new Map<string, Row>()
    this.#rows.set(type, rows)
    return rows
  }

  /** By an id of 15 or 18 characters, deleted or not. */
  find(id: Value | undefined, type = this.schema.typeOf(String(id))): Row | undefined {
    return type === null ? undefined : this.rows(type).get(asId(id) ?? '')
  }

  insert(type: string, values: Record<string, Value>): Row {
    const object = this.schema.object(type)
    if (!object) throw new Error(`The stand-in has no ${type}`)
    this.#made += 1
    const fifteen = `${object.prefix}RO00000${this.#made.toString(36).toUpperCase().padStart(5, '0')}`
    const stamp = instant(this.#stampOfTransaction ?? this.now())
    const row: Row = { Id: asId(fifteen) as string }
    for (const { name, type: kind } of object.fields.values())
      if (name !== 'Id') row[name] = kind === 'boolean' ? false : null
    Object.assign(row, defaults[type], {
      OwnerId: this.userId ?? null,
      CreatedById: this.userId ?? null,
      LastModifiedById: this.userId ?? null,
      CreatedDate: stamp,
      LastModifiedDate: stamp,
      SystemModstamp: stamp,
    })
    for (const [name, value] of Object.entries(values)) row[name] = this.#kept(type, name, value)
    for (const name of Object.keys(row)) if (!object.fields.has(name.toLowerCase())) delete row[name]
    this.#derive(type, row)
    this.rows(type).set(row.Id, row)
    return row
  }

  update(id: string, values: Record<string, Value>): Row {
    const type = this.schema.typeOf(id) ?? ''
    const row = this.find(id)
    if (!row) throw new Error(`The stand-in has no ${id}`)
    for (const [name, value] of Object.entries(values)) row[name] = this.#kept(type, name, value)
    row.LastModifiedDate = instant(this.#stampOfTransaction ?? this.now())
    this.#touch(row)
    this.#derive(type, row)
    return row
  }

  delete(id: string, values: Record<string, Value> = {}) {
    const row = this.find(id)
    if (!row) throw new Error(`The stand-in has no ${id}`)
    Object.assign(row, { IsDeleted: true, ...values })
    this.#touch(row)
    // what joins it to people goes with it
    for (const [type, field] of joins)
      for (const link of this.rows(type).values())
        if (link[field] === row.Id && link.IsDeleted !== true) this.delete(link.Id)
  }

  /** Out of the recycle bin: back, or gone for good. */
  undelete(id: string) {
    const row = this.find(id)
    if (row) Object.assign(row, { IsDeleted: false })
    if (row) this.#touch(row)
  }

  purge(id: string) {
    const row = this.find(id)
    const type = this.schema.typeOf(id)
    if (!row || !type) return
    this.rows(type).delete(row.Id)
    this.purged.push({ type, id: row.Id, at: this.now() })
  }

  /** All records, for a later start. */
  save() {
    const rows = [...this.#rows].map(([type, ofType]) => [type, [...ofType.values()]] as const)
    return { made: this.#made, rows, purged: this.purged }
  }

  load({ made, rows, purged }: ReturnType<Org['save']>) {
    this.#made = made
    for (const [type, ofType] of rows) this.#rows.set(type, new Map(ofType.map((row) => [row.Id, row])))
    this.purged.push(...purged.map((row) => ({ ...row, at: new Date(row.at) })))
  }

  /** The loser is deleted and names its winner; what hangs on it moves. */
  merge(winnerId: string, loserId: string) {
    const winner = this.find(winnerId)
    const loser = this.find(loserId)
    if (!winner || !loser) throw new Error('The stand-in merges what it has')
    for (const [name, value] of Object.entries(loser)) if (winner[name] === null) winner[name] = value
    this.delete(loser.Id, { MasterRecordId: winner.Id })
    this.#move(loser.Id, winner.Id)
    this.update(winner.Id, { MasterRecordId: null })
  }

  /** A lead becomes a contact (a new one, or the one named) of an account. */
  convert(leadId: string, contactId?: string): { accountId: string; contactId: string } {
    const lead = this.find(leadId)
    if (!lead) throw new Error(`The stand-in has no ${leadId}`)
    const account =
      this.find(this.find(contactId)?.AccountId ?? '') ??
      this.insert('Account', { Name: lead.Company ?? null, Website: lead.Website ?? null })
    const contact =
      this.find(contactId) ??
      this.insert('Contact', {
        AccountId: account.Id,
        FirstName: lead.FirstName ?? null,
        LastName: lead.LastName ?? null,
        Title: lead.Title ?? null,
        Email: lead.Email ?? null,
        Phone: lead.Phone ?? null,
        OwnerId: this.schema.typeOf(String(lead.OwnerId)) === 'User' ? (lead.OwnerId ?? null) : this.userId,
      })
    this.update(lead.Id, {
      Status: 'Closed - Converted',
      IsConverted: true,
      ConvertedDate: instant(this.now()).slice(0, 10),
      ConvertedAccountId: account.Id,
      ConvertedContactId: contact.Id,
    })
    this.#move(lead.Id, contact.Id)
    return { accountId: account.Id, contactId: contact.Id }
  }

  /** What `commits` does carries the stamp of the moment the transaction started: long transactions show up late. */
  startsTransaction() {
    const startedAt = this.now()
    return {
      commits: <T>(change: () => T): T => {
        this.#stampOfTransaction = startedAt
        try {
          return change()
        } finally {
          this.#stampOfTransaction = null
        }
      },
    }
  }

  #touch(row: Row) {
    row.SystemModstamp = instant(this.#stampOfTransaction ?? this.now())
  }

  /** Values as Salesforce keeps them: long ids, empty as null, no blanks around. */
  #kept(type: string, name: string, value: Value): Value {
    const field = this.schema.object(type)?.fields.get(name.toLowerCase())
    if (typeof value !== 'string') return value
    if (field?.type === 'reference' || field?.type === 'id') return asId(value) ?? value
    if (field?.type === 'datetime' && value) return instant(new Date(value))
    return value.trim() === '' ? null : value.trim()
  }

  #derive(type: string, row: Row) {
    if (type === 'Lead' || type === 'Contact' || type === 'User')
      row.Name = [row.FirstName, row.LastName].filter(Boolean).join(' ')
    if (type === 'Task') row.IsClosed = row.Status === 'Completed'
    if (type === 'Event' && row.StartDateTime && !row.IsAllDayEvent)
      row.ActivityDate = String(row.StartDateTime).slice(0, 10)
    if (type === 'Task' || type === 'Event') this.#noteActivity(row)
    if (type === 'Account' && row.IsPersonAccount) this.#derivePersonContact(row)
  }

  /** Kept on the person without counting as a change of it. */
  #noteActivity({ WhoId, ActivityDate }: Row) {
    const person = this.find(WhoId)
    if (person && ActivityDate && String(person.LastActivityDate ?? '') < String(ActivityDate))
      person.LastActivityDate = ActivityDate
  }

  /** A person account is an account and a contact; the account leads. */
  #derivePersonContact(account: Row) {
    account.Name = [account.FirstName, account.LastName].filter(Boolean).join(' ')
    const values = {
      FirstName: account.FirstName ?? null,
      LastName: account.LastName ?? null,
      Email: account.PersonEmail ?? null,
      Title: account.PersonTitle ?? null,
      MobilePhone: account.PersonMobilePhone ?? null,
      Phone: account.Phone ?? null,
      OwnerId: account.OwnerId ?? null,
    }
    const contact = this.find(account.PersonContactId)
    if (contact) this.update(contact.Id, values)
    else
      account.PersonContactId = this.insert('Contact', {
        ...values,
        AccountId: account.Id,
        IsPersonAccount: true,
      }).Id
  }

  #move(from: string, to: string) {
    const references = ['WhoId', 'RelationId', 'ContactId', 'LeadId', 'ParentId', 'LinkedEntityId']
    const isContact = this.schema.typeOf(to) === 'Contact'
    for (const type of [
      'Task',
      'Event',
      'EmailMessageRelation',
      'EventRelation',
      'TaskRelation',
      'CampaignMember',
      'Note',
      'ContentDocumentLink',
    ])
      for (const row of this.rows(type).values())
        for (const name of references)
          if (row[name] === from) {
            row[name === 'LeadId' && isContact ? 'ContactId' : name] = to
            this.#touch(row)
          }
  }
}

const joins = [
  ['ContentDocumentLink', 'ContentDocumentId'],
  ['EventRelation', 'EventId'],
  ['TaskRelation', 'TaskId'],
] as const

const defaults: Record<string, Record<string, Value>> = {
  Lead: { Status: 'Open - Not Contacted' },
  Task: { Status: 'Not Started', Priority: 'Normal', TaskSubtype: 'Task' },
  Event: { ShowAs: 'Busy', EventSubtype: 'Event' },
  EmailMessage: { Status: '3' },
  User: { IsActive: true, UserType: 'Standard' },
}

/** As Salesforce writes instants: to the second. */
export const instant = (at: Date) =>
  `${new Date(Math.floor(at.getTime() / 1_000) * 1_000).toISOString().slice(0, -1)}+0000`
