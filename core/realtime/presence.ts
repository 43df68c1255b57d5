import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { withdrawGone } from '../contracts/jobs.ts'
import { enqueue } from '../features/outbox/outbox.ts'
import type { Services } from '../services.ts'
import { socketCounts } from './counts.ts'
import { isOnline } from './presence-sql.ts'

const leaseMs = 30_000
const renewEveryMs = 10_000
const lookEveryMs = 1_000
const batchMs = 20
const againMs = 500
/** Who comes back later has been away. */
const reconnectWithinMs = 60_000

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
  /** Every socket that has not dropped. */
  readonly #open = new Map<string, Subject>()
  readonly #connected = new Map<string, Subject>()
  readonly #dropped = new Map<string, Subject>()
  /** Open sockets of pages that nobody sees. */
  readonly #hidden = new Set<string>()
  /** The batch being written, and the one that is gathered for after it. */
  #writing: Promise<void> = Promise.resolve()
  #gathering: Promise<void> | undefined
  #stopping = false
  #renewTimer: NodeJS.Timeout | undefined
  /** In ms of Foyer's clock. */
  #renewAt = 0

  constructor(services: Services) {
    this.#services = services
  }

  async start(): Promise<void> {
    await this.#renew()
    this.#renewTimer = setInterval(() => {
      // by Foyer's clock, which may have been set forward
      if (this.#services.clock.now().getTime() < this.#renewAt) return
      this.#renew().catch((error) =>
        this.#services.log.warn({ error: String(error) }, 'The lease was not renewed'),
      )
    }, lookEveryMs)
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

  /** Resolves when the routing can see it.
   *  @param visible whether somebody sees the page behind it. */
  connect(socketId: string, subject: Subject, visible = true): Promise<void> {
    if (!visible) this.#hidden.add(socketId)
    socketCounts.opened.add(subject.type)
    this.#open.set(socketId, subject)
    this.#connected.set(socketId, subject)
    return this.#soon()
  }

  drop(socketId: string, subject: Subject): Promise<void> {
    this.#open.delete(socketId)
    this.#hidden.delete(socketId)
    this.#dropped.set(socketId, subject)
    return this.#soon()
  }

  /** The page behind a socket has come into view, or gone out of it. */
  async setVisible(socketId: string, visible: boolean): Promise<void> {
    if (!this.#open.has(socketId) || this.#hidden.has(socketId) !== visible) return
    if (visible) this.#hidden.delete(socketId)
    else this.#hidden.add(socketId)
    // behind the batch that may be writing the row
    await this.#soon()
    await sql`update presence set visible = ${!this.#hidden.has(socketId)} where socket_id = ${socketId}`.execute(
      this.#services.db,
    )
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
      if (connected.length > 0) await this.#writeConnected(connected, now)
      if (dropped.length > 0)
        await sql`
          update presence set dropped_at = ${now}
          where socket_id = any (${dropped.map(([id]) => id)}::uuid[]) and dropped_at is null`.execute(
          this.#services.db,
        )
    } catch (error) {
      // written with the next batch, which comes soon; a socket that dropped since is in it, too
      for (const [id, subject] of connected) this.#connected.set(id, subject)
      for (const [id, subject] of dropped) this.#dropped.set(id, subject)
      throw error
    }
    const visitors = [...connected, ...dropped]
      .filter(([, { type }]) => type === 'visitor')
      .map(([, { id }]) => id)
    if (visitors.length > 0) await tellAgents(this.#services, [...new Set(visitors)], now)
    const left = dropped.filter(([, { type }]) => type === 'visitor').map(([, { id }]) => id)
    if (left.length > 0) await this.#planWithdrawals([...new Set(left)], now)
  }

  async #writeConnected(connected: [socketId: string, subject: Subject][], now: Date): Promise<void> {
    const { rows } = await sql<{ type: Subject['type']; reconnected: number }>`
      with came as (
        select * from unnest(${connected.map(([id]) => id)}::uuid[], ${connected.map(([, s]) => s.type)}::text[],
                             ${connected.map(([, s]) => s.id)}::uuid[],
                             ${connected.map(([id]) => !this.#hidden.has(id))}::boolean[])
          as t (socket_id, subject_type, subject_id, visible)
      ), written as (
        insert into presence (socket_id, process_id, subject_type, subject_id, connected_at, visible)
        select socket_id, ${this.#processId}, subject_type, subject_id, ${now}, visible from came
        on conflict (socket_id) do update set dropped_at = null
      )
      select subject_type as type, count(*) as reconnected from came
      where exists (
        select from presence p
        where p.subject_id = came.subject_id and p.socket_id <> came.socket_id
          and p.dropped_at > ${new Date(now.getTime() - reconnectWithinMs)})
      group by subject_type`.execute(this.#services.db)
    for (const { type, reconnected } of rows) socketCounts.reconnected.add(type, reconnected)
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

  /** A lease that had run out, because the process stood still or the database was away, took the sockets with it:
   *  those still open are written again. */
  async #renew(): Promise<void> {
    const now = this.#services.clock.now()
    const aliveUntil = new Date(now.getTime() + leaseMs)
    const { rows } = await sql<{ aliveUntil: Date | null }>`
      with before as (select alive_until from processes where id = ${this.#processId}),
      renewed as (
        insert into processes (id, role, started_at, alive_until)
        values (${this.#processId}, ${this.#services.config.mode}, ${now}, ${aliveUntil})
        on conflict (id) do update set alive_until = excluded.alive_until
      )
      select alive_until from before`.execute(this.#services.db)
    this.#renewAt = now.getTime() + renewEveryMs
    const before = rows[0]?.aliveUntil
    if ((before && before >= now) || this.#open.size === 0) return
    for (const [id, subject] of this.#open) this.#connected.set(id, subject)
    await this.#soon()
  }
}

/** Tells the agents of active chats whether their visitors are there. */
async function tellAgents({ db, bus }: Services, visitorIds: string[], now: Date): Promise<void> {
  const { rows } = await sql<{ visitorId: string; agentId: string; online: boolean }>`
    select c.visitor_id, c.agent_id, ${isOnline('visitor', sql`c.visitor_id`, now)} as online
    from conversations c where c.visitor_id = any (${visitorIds}::uuid[]) and c.status = 'active'`.execute(db)
  for (const { visitorId, agentId, online } of rows)
    bus.publish(`agent:${agentId}`, JSON.stringify({ type: 'presence', visitorId, online }))
}

const forgetAfterMs = 10 * 60_000

/** Does what a process that was killed could not: drops its sockets as of the end of its lease, and tells the agents.
 *  Removes what nobody asks about any more. Called every few seconds by one worker. */
export async function sweepPresence(services: Services): Promise<void> {
  const { db, clock } = services
  const now = clock.now()
  const { rows } = await sql<{ subjectType: Subject['type']; subjectId: string }>`
    update presence s set dropped_at = o.alive_until from processes o
    where s.process_id = o.id and o.alive_until < ${now} and s.dropped_at is null
    returning s.subject_type, s.subject_id`.execute(db)
  const visitors = rows
    .filter(({ subjectType }) => subjectType === 'visitor')
    .map(({ subjectId }) => subjectId)
  if (visitors.length > 0) await tellAgents(services, [...new Set(visitors)], now)

  const before = new Date(now.getTime() - forgetAfterMs)
  await sql`delete from presence where dropped_at < ${before}`.execute(db)
  await sql`
    with dead as (delete from processes where alive_until < ${before} returning id)
    delete from presence where process_id in (select id from dead)`.execute(db)
}
