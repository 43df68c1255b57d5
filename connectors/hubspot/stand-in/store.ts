import { engagementTypes, type ObjectType, objectTypes, primaryCompany } from '../object-types.ts'
import { invalidProperty, notFound, problem, Refusal } from './answers.ts'
import { createAssociations, type SavedLinks } from './associations.ts'
import { definitionOf, lifecycleStages } from './properties.ts'

export interface StoredRecord {
  id: string
  type: ObjectType
  properties: Record<string, string>
  createdAt: number
  updatedAt: number
  archivedAt: number | null
  /** What the search sees, and since when; null: nothing. */
  indexed: { at: number; properties: Record<string, string> | null }[]
}

export interface StoredOwner {
  id: string
  userId: number
  email: string | null
  firstName: string
  lastName: string
  type: 'PERSON' | 'QUEUE'
  archived: boolean
}

/** What a webhook would tell. */
export interface StoreEvent {
  type: string
  objectId: string
  at: number
  details: Record<string, unknown>
}

export type Store = ReturnType<typeof createStore>

export interface SavedStore {
  lastId: number
  records: Omit<StoredRecord, 'indexed'>[]
  mergedInto: [string, string][]
  owners: [string, StoredOwner][]
  associations: SavedLinks
}

/** An account's records. Everything that HubSpot decides by itself is decided here; who may ask is not. */
export function createStore(now: () => number) {
  const records = new Map<string, StoredRecord>()
  /** In the order of their ids, for paging. */
  const ordered = new Map<ObjectType, StoredRecord[]>()
  const byEmail = new Map<string, string>()
  const mergedInto = new Map<string, string>()
  const owners = new Map<string, StoredOwner>()
  const associations = createAssociations()
  const listeners = new Set<(event: StoreEvent) => void>()
  // later starts give later ids: a mirror that outlives the stand-in never mistakes one person for another
  let lastId = Math.floor(now() / 1_000) * 1_000
  let indexLagMs = 0
  let erasureLagMs = 0
  /** Told of as erased, and still there until then. */
  const erasing = new Map<StoredRecord, number>()

  const keyOf = (type: ObjectType, id: string) => `${type}/${id}`
  const tell = (type: string, objectId: string, details: Record<string, unknown> = {}) => {
    for (const listener of listeners) listener({ type, objectId, at: now(), details })
  }

  function touch(record: StoredRecord) {
    record.updatedAt = now()
    const changed = new Date(record.updatedAt).toISOString()
    record.properties[record.type === 'contacts' ? 'lastmodifieddate' : 'hs_lastmodifieddate'] = changed
    index(record)
  }

  function index(record: StoredRecord) {
    const visible = record.archivedAt === null ? { ...record.properties } : null
    record.indexed.push({ at: now() + indexLagMs, properties: visible })
    if (record.indexed.length > 20) record.indexed.shift()
  }

  function endErasures() {
    for (const [record, until] of erasing)
      if (until <= now()) {
        erasing.delete(record)
        remove(record)
      }
  }

  /** Follows merges. */
  function find(type: ObjectType, id: string, archived = false): StoredRecord | null {
    endErasures()
    let key = id
    if (type === 'contacts') for (let next = mergedInto.get(key); next; next = mergedInto.get(key)) key = next
    const record = records.get(keyOf(type, key))
    return record && (record.archivedAt !== null) === archived ? record : null
  }

  function get(type: ObjectType, id: string, archived = false): StoredRecord {
    const record = find(type, id, archived)
    if (!record) throw notFound()
    return record
  }

  /** Secondary addresses name the contact as well. */
  const findByEmail = (email: string): StoredRecord | null => {
    const id = byEmail.get(email.trim().toLowerCase())
    return id === undefined ? null : find('contacts', id)
  }

  function write(record: StoredRecord, given: Record<string, unknown>, isSeed = false) {
    const values = checked(record, given, isSeed)
    const changes: [string, string][] = []
    for (const [name, value] of Object.entries(values)) {
      const before = record.properties[name] ?? ''
      if (name === 'lifecyclestage' && movesBack(before, value)) continue
      if (name === 'email') rename(record, before, value)
      if (value === '') delete record.properties[name]
      else record.properties[name] = value
      if (value !== before) changes.push([name, value])
    }
    return changes
  }

  function checked(
    { type, id }: StoredRecord,
    given: Record<string, unknown>,
    isSeed: boolean,
  ): Record<string, string> {
    const values: Record<string, string> = {}
    for (const [name, value] of Object.entries(given)) {
      const definition = definitionOf(type, name)
      if (!definition)
        throw invalidProperty(name, 'PROPERTY_DOESNT_EXIST', `Property "${name}" does not exist`)
      if (typeof value !== 'string')
        throw invalidProperty(name, 'INVALID_TYPE', `${name} must be given as a string`)
      if (definition.readOnly && !isSeed)
        throw invalidProperty(name, 'READ_ONLY_VALUE', `"${name}" is a read only property`)
      if (value !== '' && definition.options.length > 0 && !definition.options.some((o) => o.value === value))
        throw invalidProperty(name, 'INVALID_OPTION', `${value} was not one of the allowed options`)
      if (definition.maxLength !== null && value.length > definition.maxLength)
        throw invalidProperty(
          name,
          'PROPERTY_VALUE_TOO_LONG',
          `${name} is longer than ${definition.maxLength}`,
        )
      if (name === 'hubspot_owner_id' && value !== '' && !owners.has(value))
        throw invalidProperty(name, 'INVALID_OWNER', `Owner ${value} does not exist`)
      if (type === 'contacts' && name === 'email' && value !== '') {
        if (!/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value))
          throw invalidProperty(name, 'INVALID_EMAIL', `Email address ${value} is invalid`)
        const taken = findByEmail(value)
        if (taken && taken.id !== id)
          throw new Refusal(409, problem('CONFLICT', `Contact already exists. Existing ID: ${taken.id}`))
      }
      values[name] = name === 'email' ? value.trim().toLowerCase() : value
    }
    return values
  }

  function rename(record: StoredRecord, before: string, after: string) {
    if (before) byEmail.delete(before)
    if (after) byEmail.set(after, record.id)
  }

  function create(type: ObjectType, given: Record<string, unknown>, seed: { at?: number } = {}) {
    lastId += 1
    const at = seed.at ?? now()
    const record: StoredRecord = {
      id: String(lastId),
      type,
      properties: {},
      createdAt: at,
      updatedAt: at,
      archivedAt: null,
      indexed: [],
    }
    if (objectTypes[type].toContact && type !== 'companies' && !given.hs_timestamp)
      throw invalidProperty('hs_timestamp', 'REQUIRED', 'hs_timestamp is required')
    write(record, given, seed.at !== undefined)
    record.properties.hs_object_id = record.id
    record.properties[type === 'contacts' || type === 'companies' ? 'createdate' : 'hs_createdate'] =
      new Date(at).toISOString()
    records.set(keyOf(type, record.id), record)
    const ofType = ordered.get(type) ?? []
    ordered.set(type, ofType)
    ofType.push(record)
    touch(record)
    if (type === 'contacts') tell('contact.creation', record.id)
    return record
  }

  function update(record: StoredRecord, given: Record<string, unknown>) {
    const changes = write(record, given)
    touch(record)
    if (record.type === 'contacts')
      for (const [propertyName, propertyValue] of changes)
        tell('contact.propertyChange', record.id, { propertyName, propertyValue })
    return record
  }

  function archive(record: StoredRecord) {
    record.archivedAt = now()
    if (record.properties.email) byEmail.delete(record.properties.email)
    touch(record)
    if (record.type === 'contacts') tell('contact.deletion', record.id)
  }

  /** For ever, with everything: what the GDPR asks for. It is told at once, done when the lag is over. */
  function erase(record: StoredRecord) {
    if (erasureLagMs === 0) remove(record)
    else erasing.set(record, now() + erasureLagMs)
    tell('contact.deletion', record.id)
    tell('contact.privacyDeletion', record.id)
  }

  function remove(record: StoredRecord) {
    record.archivedAt = now()
    if (record.properties.email) byEmail.delete(record.properties.email)
    touch(record)
    records.delete(keyOf(record.type, record.id))
  }

  function associate(from: StoredRecord, to: StoredRecord, typeIds: number[]) {
    associations.add(from, to, typeIds)
    const pairs = [
      [from, to],
      [to, from],
    ] as const
    for (const [contact, other] of pairs) {
      if (contact.type !== 'contacts') continue
      if (engagementTypes.some((type) => type === other.type)) {
        contact.properties.notes_last_updated = new Date(now()).toISOString()
        touch(contact)
      } else if (other.type === 'companies') {
        if (typeIds.includes(primaryCompany) || !contact.properties.associatedcompanyid)
          contact.properties.associatedcompanyid = other.id
        touch(contact)
        tell('contact.associationChange', contact.id, {
          associationType: 'CONTACT_TO_COMPANY',
          fromObjectId: Number(contact.id),
          toObjectId: Number(other.id),
        })
      }
    }
  }

  /** The second is no more; its id names the first (or, as HubSpot does since 2025, both name a new one). */
  function merge(first: StoredRecord, second: StoredRecord, options: { newId?: boolean } = {}): StoredRecord {
    const winner = options.newId ? create('contacts', {}) : first
    const losers = options.newId ? [first, second] : [second]
    const emails = new Set([winner, ...losers].flatMap(emailsOf))
    for (const loser of losers) {
      records.delete(keyOf('contacts', loser.id))
      loser.archivedAt = now()
      mergedInto.set(loser.id, winner.id)
      associations.move(loser, winner)
      winner.properties = { ...loser.properties, ...winner.properties }
    }
    const [primary, ...others] = emails
    for (const email of emails) byEmail.set(email, winner.id)
    if (primary) winner.properties.email = primary
    if (others.length > 0) winner.properties.hs_additional_emails = others.join(';')
    const former = (winner.properties.hs_merged_object_ids ?? '').split(';').filter(Boolean)
    winner.properties.hs_merged_object_ids = [...new Set([...former, ...losers.map((l) => l.id)])].join(';')
    winner.properties.hs_object_id = winner.id
    touch(winner)
    tell('contact.merge', winner.id, {
      primaryObjectId: Number(first.id),
      mergedObjectIds: [Number(second.id)],
      ...(options.newId ? { newObjectId: Number(winner.id) } : {}),
    })
    return winner
  }

  return {
    find,
    get,
    findByEmail,
    create,
    update,
    archive,
    erase,
    associate,
    associations,
    merge,
    owners,
    now,
    all: (type: ObjectType) =>
      (ordered.get(type) ?? []).filter((record) => records.has(keyOf(type, record.id))),
    /** A page from a position on, and where the next one begins. */
    page(type: ObjectType, from: number, limit: number, archived: boolean) {
      const all = ordered.get(type) ?? []
      const page: StoredRecord[] = []
      let next = from
      for (; next < all.length && page.length < limit; next += 1) {
        const record = all[next] as StoredRecord
        if (records.has(keyOf(type, record.id)) && (record.archivedAt !== null) === archived)
          page.push(record)
      }
      const last = all.findLastIndex(
        (record) => records.has(keyOf(type, record.id)) && (record.archivedAt !== null) === archived,
      )
      return { page, next: next <= last ? next : null }
    },
    /** As a person in HubSpot adds a second address. */
    addEmail(record: StoredRecord, email: string) {
      byEmail.set(email.toLowerCase(), record.id)
      record.properties.hs_additional_emails = [...emailsOf(record).slice(1), email.toLowerCase()].join(';')
      touch(record)
    },
    /** How long somebody can still be read who was told of as erased. */
    setErasureLag(ms: number) {
      erasureLagMs = ms
    },
    /** How long the search goes on seeing what was. */
    setIndexLag(ms: number) {
      indexLagMs = ms
    },
    /** What the search sees of a record now; null: nothing (yet, or any more). */
    seenBySearch(record: StoredRecord): Record<string, string> | null {
      return record.indexed.findLast(({ at }) => at <= now())?.properties ?? null
    },
    /** All records, for a later start; what the search has still to notice it notices at once. */
    save: (): SavedStore => ({
      lastId,
      records: [...records.values()].map(({ indexed: _, ...record }) => record),
      mergedInto: [...mergedInto],
      owners: [...owners],
      associations: associations.save(),
    }),
    load(saved: SavedStore) {
      lastId = saved.lastId
      for (const record of saved.records) {
        const loaded: StoredRecord = { ...record, indexed: [] }
        index(loaded)
        records.set(keyOf(record.type, record.id), loaded)
        ordered.set(record.type, [...(ordered.get(record.type) ?? []), loaded])
        if (record.archivedAt === null) for (const email of emailsOf(loaded)) byEmail.set(email, record.id)
      }
      for (const [loser, winner] of saved.mergedInto) mergedInto.set(loser, winner)
      for (const [id, owner] of saved.owners) owners.set(id, owner)
      associations.load(saved.associations)
    },
    onEvent(listener: (event: StoreEvent) => void) {
      listeners.add(listener)
    },
  }
}

const emailsOf = ({ properties: { email, hs_additional_emails } }: StoredRecord): string[] =>
  [email ?? '', ...(hs_additional_emails ?? '').split(';')].filter(Boolean)

/** A stage moves forward only; to move it back it is cleared first. The answer is 200 all the same. */
function movesBack(before: string, after: string): boolean {
  const order = Object.keys(lifecycleStages)
  return before !== '' && after !== '' && order.indexOf(after) < order.indexOf(before)
}
