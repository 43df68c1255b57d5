import type { ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import type {
  CrmActivity,
  CrmChange,
  CrmDeclaration,
  CrmOwner,
  CrmPerson,
  LoggedConversation,
  LoggedMeeting,
} from '#connectors/sdk/crm.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import type { Services } from '#core/services.ts'
import { answerOf } from './memory-crm-actions.ts'
import { connectMemory, type MemoryOptions, memoryConnector, revive } from './memory-crm-connector.ts'

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
    const id = person.id ?? this.newId('p')
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
      changedAt: person.changedAt ?? this.tick(),
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
      changedAt: this.tick(),
      emails: dropAddresses ? one.emails : [...new Set([...one.emails, ...other.emails])],
      formerIds: [...one.formerIds, loser, ...other.formerIds],
    })
  }

  addActivity(personId: string, activity: Partial<CrmActivity>): CrmActivity {
    const complete: CrmActivity = {
      id: this.newId('a'),
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

  newId(prefix: string): string {
    return `${prefix}${++this.#ids}`
  }

  #lastTick = 0
  /** The instant of a change: no two are at the same millisecond. */
  tick(): Date {
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
    const answer = answerOf(this, action, args)
    if (typeof fault === 'object' && 'heldBack' in fault) await fault.heldBack
    return fault === 'lost' ? Response.error() : Response.json(answer)
  }

  /** The connector to it. */
  declaration(options?: MemoryOptions): ConnectorDeclaration {
    return memoryConnector(this.id, options)
  }

  /** An active connection to it. @param set columns of `connections` that differ, as SQL would store them. */
  connect(services: Services, set?: Record<string, unknown>): Promise<string> {
    return connectMemory(this.id, services, set)
  }

  /** The same after an admin has looked at the preview and turned writing on. */
  connectWriting(services: Services, writeBack: object = {}): Promise<string> {
    const set = { write_back: writeBack, previewed_at: this.now(), writing_on: true }
    return this.connect(services, set)
  }
}
