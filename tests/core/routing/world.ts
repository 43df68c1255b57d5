import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import type { Pool } from 'pg'
import { pino } from 'pino'
import type { Clock } from '#core/clock.ts'
import { readConfig } from '#core/config.ts'
import { createPool, type Tx } from '#core/db/pool.ts'
import { changeAgent } from '#core/features/agents/service.ts'
import { endByAgent, endByVisitor } from '#core/features/conversations/endings.ts'
import { requestConversation } from '#core/features/conversations/requests.ts'
import { accept, decline } from '#core/features/routing/offers.ts'
import { openServices } from '#core/open-services.ts'
import type { Services } from '#core/services.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { empty } from '#tests/support/empty.ts'
import { type AnAgent, anAgent, anOrganisation, aSite, aVisitor } from '#tests/support/factories.ts'
import { atFileEnd } from '#tests/support/file-end.ts'
import { waitFor } from '#tests/support/wait.ts'

/** Stands still until it is moved, but for a millisecond at each look: no two decisions share an instant unless a
 *  test wants them to (`ticks = false`). */
export class StillClock implements Clock {
  ticks = true
  #now: number

  constructor(startsAt: Date) {
    this.#now = startsAt.getTime()
  }

  now(): Date {
    if (this.ticks) this.#now++
    return new Date(this.#now)
  }

  /** What it shows, without the tick. */
  get shown(): number {
    return this.#now
  }

  advance(ms: number): void {
    this.#now += ms
  }

  set(now: Date): void {
    this.#now = now.getTime()
  }
}

export interface OfferRecord {
  id: string
  conversationId: string
  agentId: string
  state: string
  offeredAt: Date
  expiresAt: Date
  /** Of the trace: which stage led to this agent, and by what name. */
  stage: string | null
  label: string | null
}

export interface ConversationRecord {
  id: string
  status: string
  agentId: string | null
  endReason: string | null
}

/** Foyer's services on a real database, without HTTP and sockets: who has a socket is what the test says. */
export class RoutingWorld {
  readonly clock: StillClock
  readonly pool: Pool
  readonly databaseUrl: string
  services: Services
  siteId = ''
  readonly #database: ScratchDatabase
  readonly #settings: object
  readonly #opened: (() => Promise<void>)[] = []
  readonly #processId = randomUUID()

  private constructor(
    database: ScratchDatabase,
    pool: Pool,
    clock: StillClock,
    services: Services,
    settings: object,
  ) {
    this.#database = database
    this.databaseUrl = database.url
    this.pool = pool
    this.clock = clock
    this.services = services
    this.#settings = settings
  }

  static async open(
    settings: object = {},
    startsAt = new Date('2026-03-03T00:30:00Z'),
  ): Promise<RoutingWorld> {
    const database = await scratchDatabase()
    const pool = createPool(database.url, 12, 'routing test')
    const clock = new StillClock(startsAt)
    await anOrganisation(pool, clock.now(), settings)
    const { services, close } = await servicesOn(database.url, pool, clock)
    const world = new RoutingWorld(database, pool, clock, services, settings)
    world.#opened.push(close)
    await world.#prepare()
    return world
  }

  /** As after a restart: nothing that a process remembers is left. */
  async restart(): Promise<void> {
    await this.#opened.shift()?.()
    const { services, close } = await servicesOn(this.databaseUrl, this.pool, this.clock)
    this.#opened.unshift(close)
    this.services = services
  }

  /** Another process on the same database. */
  async another(): Promise<Services> {
    const { services, close } = await servicesOn(this.databaseUrl, this.pool, this.clock)
    this.#opened.push(close)
    return services
  }

  /** What a process works with that is killed right after the first commit it makes: nobody is told, and the database
   *  hears no more of it. */
  killedAfterCommit(): Services {
    const { db, bus } = this.services
    let killed = false
    const transaction = () => ({
      execute: async (work: (tx: Tx) => Promise<unknown>) => {
        const result = await db.transaction().execute(work)
        killed = true
        return result
      },
    })
    const dying = new Proxy(db, {
      get(target, name) {
        if (killed) throw new Error('killed')
        if (name === 'transaction') return transaction
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const silent = new Proxy(bus, {
      get: (target, name) => (name === 'publish' ? () => undefined : Reflect.get(target, name)),
    })
    return { ...this.services, db: dying, bus: silent }
  }

  /** Forgets everybody and everything but the organisation. */
  async clear(): Promise<void> {
    const { rows } = await this.pool.query('select routing_rules_version as version from organisation')
    await empty(
      this.pool,
      'organisation, sites, agents, visitors, processes, presence, outbox, people, people_mirror, companies_mirror, teams, round_robins, routing_rules',
    )
    await anOrganisation(this.pool, this.clock.now(), this.#settings)
    // the services stay, and know rules by a version that never comes again
    await this.pool.query('update organisation set routing_rules_version = $1', [rows[0].version + 1])
    await this.#prepare()
  }

  async #prepare(): Promise<void> {
    this.siteId = (await aSite(this.pool, this.clock.now())).id
    await this.pool.query(
      `insert into processes (id, role, started_at, alive_until) values ($1, 'web', $2, 'infinity')`,
      [this.#processId, this.clock.now()],
    )
  }

  async agents(count: number, options: Parameters<typeof anAgent>[2] = {}): Promise<AnAgent[]> {
    const agents: AnAgent[] = []
    for (let n = 1; n <= count; n++) {
      const agent = await anAgent(this.pool, this.clock.now(), { name: `Agent ${randomUUID()}`, ...options })
      await this.connect('agent', agent.id)
      agents.push(agent)
    }
    return agents
  }

  /** One more socket. @returns its id. */
  async connect(type: 'agent' | 'visitor', id: string): Promise<string> {
    const socketId = randomUUID()
    await this.pool.query(
      `insert into presence (socket_id, process_id, subject_type, subject_id, connected_at) values ($1, $2, $3, $4, $5)`,
      [socketId, this.#processId, type, id, this.clock.now()],
    )
    return socketId
  }

  async drop(id: string): Promise<void> {
    await this.pool.query(
      'update presence set dropped_at = $2 where subject_id = $1 and dropped_at is null',
      [id, this.clock.now()],
    )
  }

  /** A visitor who stays, asking for a person. */
  async asks({
    stays = true,
    services = this.services,
    email = null,
    company = null,
    visitorId = null,
  }: {
    stays?: boolean
    services?: Services
    email?: string | null
    company?: string | null
    /** Who asks again; else somebody new. */
    visitorId?: string | null
  } = {}): Promise<{ id: string; visitorId: string }> {
    const visitor = visitorId
      ? { id: visitorId }
      : await aVisitor(this.pool, this.clock.now(), { siteId: this.siteId, email, company })
    if (stays) await this.connect('visitor', visitor.id)
    const { conversation } = await requestConversation(services, {
      siteId: this.siteId,
      visitorId: visitor.id,
      fields: {},
      text: 'Hello',
      clientId: randomUUID(),
      page: null,
    })
    return { id: conversation.id, visitorId: visitor.id }
  }

  accepts = (agent: AnAgent, offerId: string, services = this.services) => accept(services, agent, offerId)
  declines = (agent: AnAgent, offerId: string, services = this.services) =>
    decline(services, agent.id, offerId)
  agentEnds = (agent: AnAgent, id: string, services = this.services) => endByAgent(services, agent, id, null)
  visitorEnds = (visitorId: string, id: string, services = this.services) =>
    endByVisitor(services, visitorId, id)

  deactivates = (agent: AnAgent, services = this.services) =>
    changeAgent(services, randomUUID(), agent.id, { active: false })
  activates = (agent: AnAgent) => changeAgent(this.services, randomUUID(), agent.id, { active: true })

  says = (
    { id, visitorId }: { id: string; visitorId: string },
    by: AnAgent | 'visitor',
    text: string,
    services = this.services,
  ) =>
    services.messageLog.append({
      conversationId: id,
      senderType: by === 'visitor' ? 'visitor' : 'agent',
      senderId: by === 'visitor' ? visitorId : by.id,
      clientId: randomUUID(),
      text,
    })

  /** An active chat of this agent's, who is the only one to be asked. */
  async chat(agent: AnAgent): Promise<{ id: string; visitorId: string }> {
    const asked = await this.asks()
    const offer = await this.pendingOffer(asked.id)
    if (offer?.agentId !== agent.id) throw new Error('Somebody else was asked')
    await this.accepts(agent, offer.id)
    return asked
  }

  /** In the order they were made. */
  async offers(conversationId?: string): Promise<OfferRecord[]> {
    const { rows } = await this.pool.query<OfferRecord>(
      `select o.id, o.conversation_id as "conversationId", o.agent_id as "agentId", o.state, o.offered_at as "offeredAt",
              o.expires_at as "expiresAt", s.stage, s.label
       from offers o left join routing_steps s on s.offer_id = o.id
       where $1::uuid is null or o.conversation_id = $1 order by o.offered_at, o.id`,
      [conversationId ?? null],
    )
    return rows
  }

  async pendingOffer(conversationId: string): Promise<OfferRecord | undefined> {
    return (await this.offers(conversationId)).find((offer) => offer.state === 'pending')
  }

  async conversations(): Promise<ConversationRecord[]> {
    const { rows } = await this.pool.query<ConversationRecord>(
      `select id, status, agent_id as "agentId", end_reason as "endReason" from conversations order by requested_at, id`,
    )
    return rows
  }

  async conversation(id: string): Promise<ConversationRecord> {
    const found = (await this.conversations()).find((one) => one.id === id)
    if (!found) throw new Error(`There is no conversation ${id}`)
    return found
  }

  /** The kinds of the log's lines, in order. */
  async kinds(id: string): Promise<string[]> {
    const { rows } = await this.pool.query<{ kind: string }>(
      'select kind from entries where conversation_id = $1 order by seq',
      [id],
    )
    return rows.map(({ kind }) => kind)
  }

  /** Waits until so many transactions wait for a lock that somebody else holds. */
  async waitsForLocks(count: number): Promise<void> {
    await waitFor(`${count} wait for a lock`, async () => {
      const { rows } = await this.pool.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      return rows.length === count
    })
  }

  /** What no history may ever break, looked at in one snapshot. @returns what is broken. */
  async broken(cap: number): Promise<string[]> {
    const { rows } = await this.pool.query<{ what: string }>(
      `select 'agent ' || a.id || ' has ' || n.load || ' chats and offers' as what
       from agents a, lateral (select
         (select count(*) from conversations c where c.agent_id = a.id and c.status = 'active')
         + (select count(*) from offers o where o.agent_id = a.id and o.state = 'pending') as load) n
       where n.load > $1
       union all
       select 'conversation ' || conversation_id || ' has ' || count(*) || ' pending offers'
       from offers where state = 'pending' group by conversation_id having count(*) > 1
       union all
       select 'conversation ' || conversation_id || ' was accepted ' || count(*) || ' times'
       from offers where state = 'accepted' group by conversation_id, round having count(*) > 1
       union all
       select 'conversation ' || conversation_id || ' asked somebody twice'
       from offers group by conversation_id, round, agent_id having count(*) > 1
       union all
       select c.status || ' conversation ' || c.id || ' has a pending offer'
       from conversations c join offers o on o.conversation_id = c.id and o.state = 'pending'
       where c.status <> case o.kind when 'request' then 'waiting' else 'active' end
       union all
       select 'waiting conversation ' || c.id || ' waits for nobody' from conversations c
       where c.status = 'waiting'
         and not exists (select from offers o where o.conversation_id = c.id and o.state = 'pending')
       union all
       select 'conversation ' || c.id || ' is not with who accepted it' from conversations c
       where c.agent_id is distinct from case when c.status in ('active', 'ended') then (
         select o.agent_id from offers o where o.conversation_id = c.id and o.state = 'accepted'
         order by o.round desc limit 1) end
       union all
       select 'conversation ' || c.id || ' is with somebody who is deactivated'
       from conversations c join agents a on a.id = c.agent_id where c.status = 'active' and not a.active
       union all
       select 'offer ' || o.id || ' is put to somebody who is deactivated'
       from offers o join agents a on a.id = o.agent_id where o.state = 'pending' and not a.active
       union all
       select 'offer ' || o.id || ' is in no trace' from offers o
       where o.kind = 'request' and not exists (select from routing_steps s where s.offer_id = o.id)
       union all
       select 'the log of ' || c.id || ' has a gap' from conversations c
       where c.last_seq <> (select count(*) from entries e where e.conversation_id = c.id)`,
      [cap],
    )
    return rows.map(({ what }) => what)
  }

  async close(): Promise<void> {
    for (const close of this.#opened) await close()
    await this.pool.end()
    await this.#database.drop()
  }
}

async function servicesOn(databaseUrl: string, pool: Pool, clock: Clock) {
  const config = readConfig('start', { FOYER_DATA_DIR: tmpdir(), FOYER_LOG_LEVEL: 'silent' })
  return openServices({ ...config, databaseUrl }, pino({ level: 'silent' }), { pool, clock })
}

/** A world that is closed at the end of the file. */
export async function openWorld(settings?: object, startsAt?: Date): Promise<RoutingWorld> {
  const world = await RoutingWorld.open(settings, startsAt)
  atFileEnd(() => world.close())
  return world
}
