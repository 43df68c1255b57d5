import { randomUUID } from 'node:crypto'
import type { Connection, ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import type {
  Crm,
  CrmActivity,
  CrmChange,
  CrmDeclaration,
  CrmOwner,
  CrmPerson,
  Logged,
  LoggedConversation,
  LoggedMeeting,
  NewPerson,
  PersonChange,
  PersonRef,
} from '#connectors/sdk/crm.ts'
import {
  CursorExpiredError,
  DuplicateError,
  ProviderConflictError,
  ProviderRejectedError,
  ProviderUnavailableError,
  RateLimitedError,
  RecordGoneError,
} from '#connectors/sdk/errors.ts'
import type { RateLimit } from '#connectors/sdk/http.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import { WriteBackRules } from '#core/contracts/connections.ts'
import { insertConnection, setState } from '#core/features/connections/repository.ts'
import { change, type Services } from '#core/services.ts'

/** What happens to the next call of an action. `lost`: it has its effect, and the line breaks before the answer. `waitFor`: it
 *  happens then. `heldBack`: it happens, and the answer comes then. */
export type Fault =
  | 'lost'
  | 'down'
  | 'limited'
  | 'rejected'
  | 'locked'
  | { waitFor: Promise<unknown> }
  | { heldBack: Promise<unknown> }

type Answer = { ok: unknown } | { error: string; [detail: string]: unknown }

/** A CRM kept in memory behind an HTTP server of its own, with everything the contract asks for: the tests' vendor. */
export class MemoryCrm {
  readonly people = new Map<string, CrmPerson>()
  readonly gone = new Map<string, { erase: boolean }>()
  readonly activities = new Map<string, CrmActivity[]>()
  /** What Foyer logged, by the person. */
  readonly logged: { personId: string; id: string; conversation: LoggedConversation }[] = []
  readonly meetings: { personId: string; id: string; meeting: LoggedMeeting }[] = []
  readonly users: CrmOwner[] = []
  /** Every call, in the order they came. */
  readonly calls: { action: string; at: number; args: unknown[] }[] = []
  readonly feed: CrmChange[] = []
  pageSize = 100
  /** Cursors of the feed before this one are not known any more. */
  oldestCursor = 0
  now: () => Date = () => new Date()
  origin = ''
  readonly id: string
  #faults = new Map<string, Fault[]>()
  #close: (() => Promise<void>) | undefined
  #ids = 0

  private constructor(id: string) {
    this.id = id
  }

  static async start(id = 'memory'): Promise<MemoryCrm> {
    const crm = new MemoryCrm(id)
    const served = await serveStandIn(async (request) => crm.#serve(request))
    crm.origin = served.origin
    crm.#close = served.close
    return crm
  }

  async stop(): Promise<void> {
    await this.#close?.()
  }

  /** Nobody, nothing said, nothing scripted. */
  clear(): void {
    for (const store of [this.people, this.gone, this.activities, this.#faults]) store.clear()
    for (const list of [this.logged, this.meetings, this.users, this.calls, this.feed]) list.length = 0
    this.pageSize = 100
    this.oldestCursor = 0
  }

  /** Scripts what happens to the next calls of an action. */
  next(action: keyof CrmDeclaration, ...faults: Fault[]): void {
    this.#faults.set(action, [...(this.#faults.get(action) ?? []), ...faults])
  }

  callsOf(action: keyof CrmDeclaration): unknown[][] {
    return this.calls.filter((call) => call.action === action).map(({ args }) => args)
  }

  /** Adds somebody, or changes whoever has the id, and tells of it in the feed. */
  put(person: Partial<CrmPerson> & { emails?: string[] }): CrmPerson {
    const id = person.id ?? `p${++this.#ids}`
    const known = this.people.get(id)
    const complete: CrmPerson = {
      type: 'Contact',
      emails: [],
      owner: null,
      company: null,
      url: `https://crm.example/${id}`,
      formerIds: [],
      ...known,
      ...person,
      fields: {
        name: null,
        jobTitle: null,
        phone: null,
        crmStatus: null,
        company: null,
        ...known?.fields,
        ...person.fields,
      },
      changedAt: person.changedAt ?? this.#tick(),
      id,
    }
    this.people.set(id, complete)
    this.feed.push({ type: 'changed', person: complete })
    return complete
  }

  remove(id: string, { erase = false } = {}): void {
    const person = this.people.get(id)
    this.people.delete(id)
    this.gone.set(id, { erase })
    this.feed.push({ type: 'gone', ref: { type: person?.type ?? 'Contact', id }, erase })
  }

  /** @param dropAddresses the winner keeps only its own, as in Salesforce. */
  merge(loser: string, winner: string, { dropAddresses = false } = {}): CrmPerson {
    const [one, other] = [this.people.get(winner), this.people.get(loser)]
    if (!one || !other) throw new Error('Both must be there to be merged')
    this.people.delete(loser)
    return this.put({
      ...one,
      changedAt: this.#tick(),
      emails: dropAddresses ? one.emails : [...new Set([...one.emails, ...other.emails])],
      formerIds: [...one.formerIds, loser, ...other.formerIds],
    })
  }

  addActivity(personId: string, activity: Partial<CrmActivity>): CrmActivity {
    const complete: CrmActivity = {
      id: `a${++this.#ids}`,
      sameAs: [],
      kind: 'email',
      at: this.now(),
      isAllDay: false,
      title: null,
      detail: null,
      url: null,
      foyerKey: null,
      ...activity,
    }
    this.activities.set(personId, [...(this.activities.get(personId) ?? []), complete])
    this.feed.push({ type: 'activities_changed', ref: { type: 'Contact', id: personId } })
    return complete
  }

  // no two changes at the same millisecond
  #lastTick = 0
  #tick(): Date {
    this.#lastTick = Math.max(this.now().getTime(), this.#lastTick + 1)
    return new Date(this.#lastTick)
  }

  async #serve(request: Request): Promise<Response> {
    const action = new URL(request.url).pathname.slice(1)
    const args = JSON.parse(await request.text(), revive) as unknown[]
    this.calls.push({ action, at: performance.now(), args })
    const fault = this.#faults.get(action)?.shift()
    if (fault === 'down') return new Response('', { status: 503 })
    if (fault === 'limited') return Response.json({ error: 'limited' })
    if (fault === 'rejected' || fault === 'locked') return Response.json({ error: fault })
    if (typeof fault === 'object' && 'waitFor' in fault) await fault.waitFor
    const answer = this.#do(action, args)
    if (typeof fault === 'object' && 'heldBack' in fault) await fault.heldBack
    return fault === 'lost' ? Response.error() : Response.json(answer)
  }

  #do(action: string, args: unknown[]): Answer {
    switch (action) {
      case 'owners':
        return { ok: { items: this.users, cursor: null } }
      case 'findPerson':
        return { ok: this.#find(args[0] as string) }
      case 'readPerson':
        return this.#read((args[0] as PersonRef).id)
      case 'activities':
        return { ok: this.#activitiesOf(args as [PersonRef, { from: Date; to: Date }, string | null]) }
      case 'allPeople':
        return { ok: this.#page(args[0] as string | null) }
      case 'changes':
        return this.#changes(args[0] as string | null)
      case 'createPerson':
        return this.#create(args[0] as NewPerson)
      case 'updatePerson':
        return this.#update(args[0] as PersonRef, args[1] as PersonChange)
      case 'logConversation':
        return this.#log(args[0] as PersonRef, args[1] as LoggedConversation)
      case 'logMeeting':
        return this.#meet(args[0] as PersonRef, args[1] as LoggedMeeting)
      default:
        return { error: 'unknown' }
    }
  }

  #find(email: string): CrmPerson | null {
    const found = [...this.people.values()].filter(({ emails }) => emails.includes(email))
    return found.find(({ type }) => type === 'Contact') ?? found[0] ?? null
  }

  #read(id: string): Answer {
    const successor = [...this.people.values()].find(({ formerIds }) => formerIds.includes(id))
    const person = this.people.get(id) ?? successor
    return person ? { ok: person } : { error: 'gone' }
  }

  #activitiesOf([ref, { from, to }, cursor]: [PersonRef, { from: Date; to: Date }, string | null]) {
    const all = (this.activities.get(ref.id) ?? []).filter(({ at }) => at >= from && at <= to)
    const start = Number(cursor ?? 0)
    const end = start + this.pageSize
    return { items: all.slice(start, end), cursor: end < all.length ? String(end) : null }
  }

  #page(cursor: string | null) {
    const all = [...this.people.values()]
    const start = Number(cursor ?? 0)
    const end = start + this.pageSize
    return {
      items: all.slice(start, end),
      cursor: end < all.length ? String(end) : null,
      total: all.length,
      totals: Object.fromEntries(
        ['Contact', 'Lead'].map((of) => [of, all.filter(({ type }) => type === of).length]),
      ),
    }
  }

  #changes(cursor: string | null): Answer {
    if (cursor === null) return { ok: { changes: [], cursor: String(this.feed.length), done: true } }
    const start = Number(cursor)
    if (start < this.oldestCursor) return { error: 'cursor' }
    const end = Math.min(start + this.pageSize, this.feed.length)
    // the last ones once more: a feed repeats rather than misses
    const changes = this.feed.slice(Math.max(this.oldestCursor, start - 3), end)
    return { ok: { changes, cursor: String(end), done: end === this.feed.length } }
  }

  #create({ values, type, ownerId, fixed }: NewPerson): Answer {
    const email = values.email ?? ''
    const existing = this.#find(email)
    if (existing) return { error: 'duplicate', ids: [existing.id] }
    const owner = this.users.find(({ id }) => id === ownerId) ?? null
    return {
      ok: this.put({ type, emails: [email], fields: { ...values, crmStatus: fixed.status ?? null }, owner }),
    }
  }

  #update(ref: PersonRef, { values, onlyEmpty }: PersonChange): Answer {
    const person = this.people.get(ref.id)
    if (!person) return { error: 'gone' }
    const filled = Object.entries(onlyEmpty).filter(([field]) => !person.fields[field as 'name'])
    const emails = values.email ? [values.email, ...person.emails] : person.emails
    return {
      ok: this.put({
        ...person,
        changedAt: this.#tick(),
        emails,
        fields: { ...person.fields, ...Object.fromEntries(filled), ...values },
      }),
    }
  }

  #log(ref: PersonRef, conversation: LoggedConversation): Answer {
    if (!this.people.has(ref.id)) return { error: 'gone' }
    const known = this.logged.find(({ id, conversation: { key } }) =>
      conversation.knownId === null
        ? conversation.mayExist && key === conversation.key
        : id === conversation.knownId,
    )
    if (known) {
      known.conversation = conversation
      return { ok: { id: known.id, url: `https://crm.example/${known.id}` } satisfies Logged }
    }
    const id = `n${++this.#ids}`
    this.logged.push({ personId: ref.id, id, conversation })
    this.addActivity(ref.id, {
      id,
      kind: 'note',
      at: conversation.endedAt,
      title: conversation.subject,
      foyerKey: conversation.key,
    })
    return { ok: { id, url: `https://crm.example/${id}` } satisfies Logged }
  }

  #meet(ref: PersonRef, meeting: LoggedMeeting): Answer {
    if (!this.people.has(ref.id)) return { error: 'gone' }
    const { key, knownId, mayExist } = meeting
    const known = this.meetings.find((one) =>
      knownId === null ? mayExist && one.meeting.key === key : one.id === knownId,
    )
    if (known) known.meeting = meeting
    const entry = known ?? { personId: ref.id, id: `m${++this.#ids}`, meeting }
    if (!known) this.meetings.push(entry)
    return { ok: { id: entry.id, url: `https://crm.example/${entry.id}` } satisfies Logged }
  }

  /** The connector to it. */
  declaration({
    limit = { requests: 100_000, perMs: 1_000, reserve: 0.1 } as RateLimit,
  } = {}): ConnectorDeclaration {
    const call = (action: string, args: unknown[], connection: Connection) =>
      callVendor(connection, action, args)
    const act =
      <A extends unknown[], R>(action: keyof CrmDeclaration) =>
      ({ connection }: Crm, ...args: A) =>
        call(action, args, connection) as Promise<R>
    return {
      id: this.id,
      name: 'Memory',
      auth: {
        kind: 'oauth2',
        authorizeUrl: ({ standIn }) => `${standIn ?? 'https://crm.example'}/authorize`,
        tokenUrl: ({ standIn }) => `${standIn ?? 'https://crm.example'}/token`,
        scopes: ['people'],
        clientAuthentication: 'body',
        isGrantGone: () => false,
        steps: ['Enter {redirectUrl}.'],
        documentation: 'https://crm.example/docs',
      },
      settings: [],
      origins: ({ standIn }) => [standIn ?? 'https://crm.example'],
      limits: { calls: limit },
      identify: async () => ({ id: 'account', name: 'Memory' }),
      crm: {
        personTypes: [
          { type: 'Contact', label: 'Contact' },
          { type: 'Lead', label: 'Lead' },
        ],
        mapping: { Contact: {}, Lead: {} },
        activityKinds: ['email', 'call', 'task', 'meeting', 'note'],
        describe: async () => ({ types: {} }),
        owners: act('owners'),
        findPerson: act('findPerson'),
        readPerson: act('readPerson'),
        activities: act('activities'),
        allPeople: act('allPeople'),
        changes: act('changes'),
        createPerson: act('createPerson'),
        updatePerson: act('updatePerson'),
        logConversation: act('logConversation'),
        logMeeting: act('logMeeting'),
        previewOf: (write) => ({ record: write.type, values: [] }),
      },
    }
  }

  /** An active connection to it. @param set columns of `connections` that differ, as SQL would store them. */
  async connect(services: Services, set: Record<string, unknown> = {}): Promise<string> {
    const id = randomUUID()
    await change(services, async ({ tx, now }) => {
      await insertConnection(tx, now, {
        id,
        connector: this.id,
        settings: {},
        clientId: 'client',
        mapping: {},
        writeBack: WriteBackRules.parse(set.write_back ?? {}),
      })
      await setState(tx, id, now, { state: 'active', reason: null })
    })
    for (const [column, value] of Object.entries(set))
      if (column !== 'write_back')
        await services.pool.query(`update connections set ${column} = $2 where id = $1`, [id, value])
    return id
  }
}

const dates = new Set(['at', 'changedAt', 'from', 'to', 'startedAt', 'endedAt', 'start', 'end'])
const revive = (key: string, value: unknown) =>
  dates.has(key) && typeof value === 'string' ? new Date(value) : value

async function callVendor(connection: Connection, action: string, args: unknown[]): Promise<unknown> {
  const answer = await connection.fetch(`${connection.standIn}/${action}`, {
    method: 'POST',
    body: JSON.stringify(args),
    limits: ['calls'],
    timeoutMs: 5_000,
  })
  if (answer.status !== 200) throw new ProviderUnavailableError('The CRM does not answer.', 'nothing')
  const body = JSON.parse(answer.text, revive) as Answer
  if ('ok' in body) return body.ok
  switch (body.error) {
    case 'gone':
      throw new RecordGoneError('The record is gone.')
    case 'cursor':
      throw new CursorExpiredError('The cursor is too old.')
    case 'limited':
      throw new RateLimitedError('The CRM asked us to wait.', 2_000, 'DAILY')
    case 'rejected':
      throw new ProviderRejectedError('The CRM requires a company.', ['Company'])
    case 'locked':
      throw new ProviderConflictError('The record is locked.')
    case 'duplicate':
      throw new DuplicateError('There is one already.', body.ids as string[])
    default:
      throw new Error(`The tests' CRM cannot do ${action}`)
  }
}
