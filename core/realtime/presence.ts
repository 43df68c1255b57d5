import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { withdrawGone } from '../contracts/jobs.ts'
import { enqueue } from '../features/outbox/outbox.ts'
import type { Services } from '../services.ts'
import { isOnline } from './presence-sql.ts'

const leaseMs = 30_000
const renewEveryMs = 10_000
const batchMs = 20
const againMs = 500

interface Subject {
  type: 'agent' | 'visitor'
  id: string
}

/**
 * Who has a socket here, as rows that every process and the router read. A socket's row lives as long as this
 * process renews its lease; a process that is killed takes its sockets with it 30 s later. Connects and drops are
 * written in batches, so that ten thousand reconnecting visitors are a few statements; and one batch after the other,
 * so that no drop is written before its connect.
 */
export class Presence {
  readonly #services: Services
  readonly #processId = randomUUID()
  readonly #connected = new Map<string, Subject>()
  readonly #dropped = new Map<string, Subject>()
  /** The batch being written, and the one that is gathered for after it. */
  #writing: Promise<void> = Promise.resolve()
  #gathering: Promise<void> | undefined
  #stopping = false
  #renewTimer: NodeJS.Timeout | undefined

  constructor(services: Services) {
    this.#services = services
  }

  async start(): Promise<void> {
    await this.#renew()
    this.#renewTimer = setInterval(() => {
      this.#renew().catch((error) =>
        this.#services.log.warn({ error: String(error) }, 'The lease was not renewed'),
      )
    }, renewEveryMs)
  }

  /** Lets go of everything at once: the next process need not wait for the lease to end. */
  async stop(): Promise<void> {
    clearInterval(this.#renewTimer)
    this.#stopping = true
    await this.#gathering
    await this.#writing
    await this.#flush()
    const now = this.#services.clock.now()
    await sql`
      with gone as (update presence set dropped_at = ${now} where process_id = ${this.#processId} and dropped_at is null)
      update processes set alive_until = ${now} where id = ${this.#processId}`.execute(this.#services.db)
  }

  /** Resolves when the routing can see it. */
  connect(socketId: string, subject: Subject): Promise<void> {
    this.#connected.set(socketId, subject)
    return this.#soon()
  }

  drop(socketId: string, subject: Subject): Promise<void> {
    this.#dropped.set(socketId, subject)
    return this.#soon()
  }

  #soon(): Promise<void> {
    this.#gathering ??= this.#writeAfter(batchMs)
    return this.#gathering
  }

  async #writeAfter(ms: number): Promise<void> {
    await Promise.all([delay(ms), this.#writing])
    this.#gathering = undefined
    this.#writing = this.#flush().catch((error) => {
      this.#services.log.warn({ error: String(error) }, 'Presence was not written')
      if (!this.#stopping) this.#gathering ??= this.#writeAfter(againMs)
    })
    await this.#writing
  }

  async #flush(): Promise<void> {
    const connected = [...this.#connected]
    const dropped = [...this.#dropped]
    this.#connected.clear()
    this.#dropped.clear()
    const now = this.#services.clock.now()
    try {
      if (connected.length > 0)
        await sql`
          insert into presence (socket_id, process_id, subject_type, subject_id, connected_at)
          select socket_id, ${this.#processId}, subject_type, subject_id, ${now}
          from unnest(${connected.map(([id]) => id)}::uuid[], ${connected.map(([, s]) => s.type)}::text[],
                      ${connected.map(([, s]) => s.id)}::uuid[]) as t (socket_id, subject_type, subject_id)
          on conflict (socket_id) do nothing`.execute(this.#services.db)
      if (dropped.length > 0)
        await sql`
          update presence set dropped_at = ${now}
          where socket_id = any (${dropped.map(([id]) => id)}::uuid[]) and dropped_at is null`.execute(
          this.#services.db,
        )
    } catch (error) {
      // written with the next batch, which comes soon; a row that exists already is left as it is
      for (const [id, subject] of connected) this.#connected.set(id, subject)
      for (const [id, subject] of dropped) this.#dropped.set(id, subject)
      throw error
    }
    const visitors = [...connected, ...dropped]
      .filter(([, { type }]) => type === 'visitor')
      .map(([, { id }]) => id)
    if (visitors.length > 0) await this.#tellAgents([...new Set(visitors)], now)
    const left = dropped.filter(([, { type }]) => type === 'visitor').map(([, { id }]) => id)
    if (left.length > 0) await this.#planWithdrawals([...new Set(left)], now)
  }

  async #tellAgents(visitorIds: string[], now: Date): Promise<void> {
    const { rows } = await sql<{ visitorId: string; agentId: string; online: boolean }>`
      select c.visitor_id, c.agent_id, ${isOnline('visitor', sql`c.visitor_id`, now)} as online
      from conversations c where c.visitor_id = any (${visitorIds}::uuid[]) and c.status = 'active'`.execute(
      this.#services.db,
    )
    for (const { visitorId, agentId, online } of rows)
      this.#services.bus.publish(`agent:${agentId}`, JSON.stringify({ type: 'presence', visitorId, online }))
  }

  /** The request of a visitor who does not come back is withdrawn; the job looks whether that is so. */
  async #planWithdrawals(visitorIds: string[], now: Date): Promise<void> {
    const { db, clock, settings, wakeJobs } = this.#services
    const { rows } = await sql<{ id: string }>`
      select id from conversations where visitor_id = any (${visitorIds}::uuid[]) and status = 'waiting'`.execute(
      db,
    )
    if (rows.length === 0) return
    const runAt = new Date(now.getTime() + settings.visitorGoneMs)
    await db.transaction().execute(async (tx) => {
      for (const { id } of rows)
        await enqueue(tx, clock, { task: withdrawGone, payload: { conversationId: id }, runAt })
    })
    wakeJobs()
  }

  async #renew(): Promise<void> {
    const now = this.#services.clock.now()
    const aliveUntil = new Date(now.getTime() + leaseMs)
    await sql`
      insert into processes (id, role, started_at, alive_until)
      values (${this.#processId}, ${this.#services.config.mode}, ${now}, ${aliveUntil})
      on conflict (id) do update set alive_until = excluded.alive_until`.execute(this.#services.db)
  }
}

const forgetAfterMs = 10 * 60_000

/** Removes what nobody asks about any more. Called now and then by one worker. */
export async function sweepPresence({ db, clock }: Services): Promise<void> {
  const before = new Date(clock.now().getTime() - forgetAfterMs)
  await sql`delete from presence where dropped_at < ${before}`.execute(db)
  await sql`
    with dead as (delete from processes where alive_until < ${before} returning id)
    delete from presence where process_id in (select id from dead)`.execute(db)
}
