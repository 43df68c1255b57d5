import { type RawBuilder, sql } from 'kysely'
import type { CrmPerson, Logged, PersonField } from '#connectors/sdk/crm.ts'
import { DuplicateError, RecordGoneError } from '#connectors/sdk/errors.ts'
import { adviceOn } from '#connectors/sdk/retries.ts'
import type { Tx } from '../../db/pool.ts'
import { change, type Services } from '../../services.ts'
import { ConnectionClosedError, type OpenConnection, openConnection } from '../connections/open.ts'
import { type ConnectionRow, findConnection } from '../connections/repository.ts'
import { statusInCrm } from '../connections/statuses.ts'
import { findAndStore, readOrGone } from '../mirror/refresh.ts'
import { storePeople } from '../mirror/store.ts'
import { knownEmail } from '../visitors/known.ts'
import { tellAgentsAbout } from '../visitors/service.ts'
import { describeChat } from './chat.ts'
import { describeMeeting, isLoggable } from './meeting.ts'

export interface Write {
  id: string
  connectionId: string
  key: string
  kind: 'person' | 'correction' | 'conversation' | 'meeting'
  visitorId: string | null
  conversationId: string | null
  meetingId: string | null
  fields: string[]
  state: 'open' | 'written' | 'failed' | 'skipped'
  mayExist: boolean
  wanted: number
  done: number
  personType: string | null
  personId: string | null
  vendorId: string | null
}

type Texts = Partial<Record<PersonField, string>>

export interface Subject {
  email: string | null
  given: Texts
  corrections: Texts
  agentId: string | null
}

/** What came of it, to be written down together with the job's end. */
type Settle = (tx: Tx) => Promise<void>

/** It was not tried, or the CRM asked for a pause: later, and no attempt. */
export class WriteLaterError extends Error {
  readonly afterMs: number
  constructor(message: string, afterMs: number) {
    super(message)
    this.afterMs = afterMs
  }
}

/** Trying again would not help. */
export class WriteRefusedError extends Error {}

/**
 * Writes one thing into a CRM, as it stands now. Whoever has the address is looked for first, always; so a run after one
 * whose answer was lost finds what that one made. What logs a chat carries its key, and looks for it if it may be there.
 * @throws {WriteLaterError} @throws {WriteRefusedError} @throws anything else: try again, later each time
 */
export async function writeNow(
  services: Services,
  writeId: string,
  signal: AbortSignal,
): Promise<Settle | undefined> {
  const write = await readWrite(services, writeId)
  if (!write || write.done >= write.wanted) return
  const row = await findConnection(services.db, write.connectionId)
  if (!row || row.state === 'disconnected') return skip(services, write, 'The connection is over.')
  if (!row.writingOn) return skip(services, write, 'Writing into this CRM is turned off.')
  try {
    const open = await openConnection(services, row.id, { signal, priority: 'background' })
    try {
      return await perform(services, open, write)
    } catch (error) {
      if (!(error instanceof RecordGoneError)) throw error
      // merged into another one after it was found, where writing does not follow: whoever it is now
      return await perform(services, open, { ...write, mayExist: true })
    }
  } catch (error) {
    if (error instanceof ConnectionClosedError) return hold(write, error.message)
    const advice = adviceOn(error)
    const why = error instanceof Error ? error.message : String(error)
    if (advice?.again === 'on_repair') return hold(write, why)
    if (advice?.again === 'when_told') throw new WriteLaterError(why, advice.afterMs ?? 1_000)
    if (advice?.again === 'never') throw new WriteRefusedError(why, { cause: error })
    throw error
  }
}

async function perform(services: Services, open: OpenConnection, write: Write): Promise<Settle> {
  const meeting = write.meetingId === null ? null : await describeMeeting(services, write.meetingId)
  if (write.kind === 'meeting' && !meeting) return skip(services, write, erased(write))
  if (write.kind === 'meeting' && !isLoggable(meeting, write))
    return skip(services, write, 'It was not booked.')
  const subject = meeting?.guest ?? (await readSubject(services, write))
  if (!subject) return skip(services, write, erased(write))
  const found = await findPerson(services, open, write, subject)
  const created = found ? null : await createPerson(services, open, write, subject)
  const person = found ?? created
  if (!person) return skip(services, write, await whyNobody(services, write, subject))
  const { connector, crm } = open
  const declared = connector.crm
  if (!declared || !crm) return skip(services, write, 'This connection is no CRM.')
  if (meeting) {
    const ownerId = await ownerOf(services, open.row, subject.agentId)
    const { mayExist, vendorId } = write
    await beginEffect(services, write)
    const logged = await declared.logMeeting(crm, person, {
      ...meeting.logged,
      key: write.key,
      knownId: vendorId,
      mayExist,
      ownerId,
    })
    return settle(services, write, { person, created: created !== null, logged })
  }
  if (write.kind === 'conversation') {
    const { conversationId } = write
    const chat = conversationId && (await describeChat(services, conversationId))
    if (!chat) return skip(services, write, 'The chat was erased.')
    const ownerId = await ownerOf(services, open.row, subject.agentId)
    const { mayExist, vendorId } = write
    await beginEffect(services, write)
    const logged = await declared.logConversation(crm, person, {
      ...chat,
      key: write.key,
      knownId: vendorId,
      mayExist,
      ownerId,
    })
    return settle(services, write, { person, created: created !== null, logged })
  }
  const change = await changeFor(services, open, write, subject, person, created !== null)
  if (Object.keys(change.values).length + Object.keys(change.onlyEmpty).length > 0) {
    await beginEffect(services, write)
    const updated = await declared.updatePerson(crm, person, {
      key: `${write.key}-${write.wanted}`,
      ...change,
    })
    await store(services, open, updated)
  }
  return settle(services, write, { person, created: created !== null, logged: null })
}

/** The record that the panel showed when it was corrected, else whoever has the address. */
async function findPerson(
  services: Services,
  open: OpenConnection,
  write: Write,
  { email }: Subject,
): Promise<CrmPerson | null> {
  const { connector, crm } = open
  const { personId: id, personType: type } = write
  if (write.kind === 'correction' && id !== null && type !== null && connector.crm && crm) {
    const declared = connector.crm
    const pinned = await readOrGone(() => declared.readPerson(crm, { type, id }))
    if (pinned) return pinned
  }
  return email === null ? null : findAndStore(services, open, email)
}

const erased = ({ kind }: Write) =>
  kind === 'meeting' ? 'The meeting was deleted, or its guest erased.' : 'The visitor was erased.'

async function whyNobody(services: Services, write: Write, { email }: Subject): Promise<string> {
  if (email === null) return 'No e-mail address is known.'
  return (await isErased(services, write, email))
    ? erased(write)
    : 'Nobody there has this address, and nobody is to be made.'
}

/** Since it was described, or soon: what is known of somebody here goes as soon as their chat has ended, and makes nobody anew. */
async function isErased(services: Services, write: Write, email: string): Promise<boolean> {
  const { rows } = await sql`
    select from erasures where finished_at is null and ${email} = any (emails) limit 1`.execute(services.db)
  if (rows.length > 0) return true
  // erased between the two looks, nothing is known of them any more
  const { meetingId } = write
  const still = meetingId
    ? (await describeMeeting(services, meetingId))?.guest
    : await readSubject(services, write)
  return still?.email !== email
}

async function createPerson(
  services: Services,
  open: OpenConnection,
  write: Write,
  subject: Subject,
): Promise<CrmPerson | null> {
  const { connector, crm, row } = open
  const declared = connector.crm
  const { create } = row.writeBack
  if (!declared || !crm || !create.on || subject.email === null) return null
  if (await isErased(services, write, subject.email)) return null
  const type = create.type ?? declared.personTypes[0]?.type ?? ''
  const status = create.status === null ? {} : { crmStatus: statusInCrm(row, type, create.status) }
  const given = { ...subject.given, ...subject.corrections, ...status }
  const values = { ...written(row, given), email: subject.email }
  const ownerId =
    create.owner.by === 'user'
      ? create.owner.id
      : create.owner.by === 'agent'
        ? await ownerOf(services, row, subject.agentId)
        : null
  // two that are asked for at once have one key, and one of them finds what the other made
  const key = `foyer-person-${write.visitorId ?? write.meetingId}`
  await beginEffect(services, write)
  try {
    const made = await declared.createPerson(crm, { key, values, fixed: create.fixed, type, ownerId })
    await store(services, open, made)
    await sql`update crm_writes set created_person = true where id = ${write.id}`.execute(services.db)
    return made
  } catch (error) {
    if (!(error instanceof DuplicateError)) throw error
    // whom the CRM takes for the same person may be of another type, or hidden from us: then an admin has to look
    const types = new Set([type, ...declared.personTypes.map((one) => one.type)])
    for (const id of error.existingIds)
      for (const one of types) {
        const there = await readOrGone(() => declared.readPerson(crm, { type: one, id })).catch((problem) => {
          if (adviceOn(problem)?.again !== 'never') throw problem
          return null
        })
        if (there) return there
      }
    throw error
  }
}

/** What a visitor typed fills what is empty; what an agent corrected overwrites. What we may not see is left alone. */
async function changeFor(
  services: Services,
  open: OpenConnection,
  write: Write,
  { given, corrections }: Subject,
  person: CrmPerson,
  isNew: boolean,
): Promise<{ values: Texts; onlyEmpty: Texts }> {
  const { row, connector } = open
  const readOnly = new Set<string>(connector.crm?.readOnlyFields ?? [])
  const only = (texts: Texts, keep: (field: PersonField) => boolean) =>
    Object.fromEntries(
      Object.entries(written(row, texts)).filter(
        ([field]) => !readOnly.has(field) && keep(field as PersonField),
      ),
    ) as Texts
  if (write.kind === 'person') {
    if (isNew || !row.writeBack.fillEmpty) return { values: {}, onlyEmpty: {} }
    const isEmpty = (field: PersonField) => person.fields[field] === null || person.fields[field] === ''
    return { values: {}, onlyEmpty: only(given, (field) => field !== 'email' && isEmpty(field)) }
  }
  const values = only(corrections, (field) => write.fields.includes(field))
  const { email } = values
  if (email !== undefined) {
    // somebody else's address is no new address of this person
    const other = person.emails.includes(email) ? person : await findAndStore(services, open, email)
    if (other && (other === person || other.id !== person.id)) delete values.email
  }
  return { values, onlyEmpty: {} }
}

const written = ({ writeBack }: Pick<ConnectionRow, 'writeBack'>, texts: Texts): Texts =>
  Object.fromEntries(
    Object.entries(texts).filter(
      ([field, value]) => value && (writeBack.directions[field as PersonField] ?? 'both') === 'both',
    ),
  )

/** Who the agent is there: as an admin said, else the user with the same address. */
async function ownerOf(
  { db }: Services,
  { connector }: ConnectionRow,
  agentId: string | null,
): Promise<string | null> {
  const { rows } = await sql<{ id: string }>`
    select crm_user as id, 0 as place from agent_crm_users where connector = ${connector} and agent_id = ${agentId}
    union all
    select u.external_id, 1 from crm_users u join agents a on a.email = u.email
    where a.id = ${agentId} and u.connector = ${connector} and u.active and not u.is_queue
      and not exists (select from agent_crm_users b where b.connector = u.connector and b.crm_user = u.external_id)
    order by place limit 1`.execute(db)
  return rows[0]?.id ?? null
}

async function store(
  services: Services,
  { row, connector }: OpenConnection,
  person: CrmPerson,
): Promise<void> {
  const types = connector.crm?.personTypes.map(({ type }) => type) ?? []
  const readAt = services.clock.now()
  const emails = await change(services, ({ tx }) =>
    storePeople(tx, { connector: row.connector, types }, [person], { readAt, direct: true }),
  )
  if (emails.length > 0) await change(services, (change) => tellAgentsAbout(change, emails))
}

async function readWrite({ db }: Services, id: string): Promise<Write | null> {
  const { rows } = await sql<Write>`
    select id, connection_id, key, kind, visitor_id, conversation_id, meeting_id, fields, state, may_exist, wanted, done, person_type, person_id,
      vendor_id
    from crm_writes where id = ${id} and state in ('open', 'failed')`.execute(db)
  return rows[0] ?? null
}

/** Of whoever it is about by now: two visitors may have turned out to be one. */
async function readSubject({ db }: Services, { id, conversationId }: Write): Promise<Subject | null> {
  const { rows } = await sql<Subject>`
    select ${knownEmail()} as email, v.corrections,
      jsonb_strip_nulls(jsonb_build_object('name', v.name, 'jobTitle', v.job_title, 'email', v.email, 'phone', v.phone,
        'company', v.company)) as given,
      (select c.agent_id from conversations c
       where c.visitor_id = v.id and c.agent_id is not null
       order by c.id = ${conversationId} desc nulls last, c.requested_at desc limit 1) as agent_id
    from crm_writes w join visitors v on v.id = w.visitor_id where w.id = ${id}`.execute(db)
  return rows[0] ?? null
}

/** From here on it may be there, whatever becomes of this process. */
async function beginEffect({ db }: Services, { id }: Write): Promise<void> {
  await sql`update crm_writes set attempts = attempts + 1, may_exist = true where id = ${id}`.execute(db)
}

const settle = (
  { clock }: Services,
  write: Write,
  { person, created, logged }: { person: CrmPerson; created: boolean; logged: Logged | null },
): Settle =>
  update(
    write,
    clock.now(),
    sql`
    state = case when wanted = ${write.wanted} then 'written' else state end, reason = null, done = ${write.wanted},
    written_at = ${clock.now()}, may_exist = false, person_type = ${person.type}, person_id = ${person.id},
    created_person = created_person or ${created}, vendor_id = coalesce(${logged?.id ?? null}, vendor_id),
    url = ${logged ? logged.url : person.url}`,
  )

const skip = ({ clock }: Services, write: Write, reason: string): Settle =>
  update(
    write,
    clock.now(),
    sql`
    state = case when wanted = ${write.wanted} then 'skipped' else state end, reason = ${reason}, done = ${write.wanted}`,
  )

/** The job ends; `resumeHeld` makes another one when the connection can be used again. */
const hold =
  ({ id }: Write, reason: string): Settle =>
  async (tx) => {
    await sql`update crm_writes set held = true, state = 'open', reason = ${reason} where id = ${id}`.execute(
      tx,
    )
  }

const update =
  ({ id }: Write, now: Date, set: RawBuilder<unknown>): Settle =>
  async (tx) => {
    await sql`update crm_writes set ${set}, changed_at = ${now} where id = ${id}`.execute(tx)
  }

/** It was tried for the last time. */
export async function giveUp(tx: Tx, writeId: string, now: Date, reason: string): Promise<void> {
  await sql`
    update crm_writes set state = 'failed', reason = ${reason}, changed_at = ${now}
    where id = ${writeId} and state = 'open'`.execute(tx)
}
