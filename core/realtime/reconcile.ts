import { sql } from 'kysely'
import type { ToAgent, ToVisitor } from '../contracts/sockets.ts'
import { describeAvailability } from '../features/availability/service.ts'
import { countMissed } from '../features/conversations/endings.ts'
import { lastEntries, type NoteRow, noteColumns, toNote } from '../features/conversations/entries.ts'
import { listForVisitor } from '../features/conversations/for-visitor.ts'
import { summaries } from '../features/conversations/repository.ts'
import { describeOffers } from '../features/routing/repository.ts'
import type { Services } from '../services.ts'
import type { Topic } from './bus.ts'

const everyMs = 3_000
/** In a chat that goes on, the next line shows that one is missing; only what stays the last one for so long is
 *  repeated. So a busy hour costs no more than a quiet one. */
const quietMs = 5_000
/** An instant is read before its commit, which may be slow. */
const lateCommitMs = 2_000
const atOnce = 500

interface Changed {
  id: string
  visitorId: string
  agentId: string | null
  lastSeq: number
  isOpen: boolean
}
interface ChangedOffer {
  id: string
  agentId: string
  conversationId: string
  state: 'pending' | 'accepted' | 'declined' | 'expired' | 'withdrawn'
  /** Who hands the chat over. */
  fromAgentId: string | null
}
interface Former {
  conversationId: string
  /** Who had the chat. */
  agentId: string
}

/**
 * Frames may get lost: with a process that dies between commit and telling, with a commit whose answer never comes,
 * with Redis. A lost frame shows by the gap that the next one leaves; the last one before a silence would not. So each
 * web process looks every few seconds at what was committed lately, and repeats to the people connected here the last
 * line and the state of their conversations and offers, to agents also notes and availability. Clients drop what they
 * know. What is repeated, and what is not, stands in docs/protocol.md.
 */
export class Reconciler {
  readonly #services: Services
  #timer: NodeJS.Timeout | undefined
  /** Everything committed up to here has been repeated. */
  #doneUntil: Date
  #running: Promise<void> = Promise.resolve()

  constructor(services: Services) {
    this.#services = services
    this.#doneUntil = services.clock.now()
  }

  start(): void {
    this.#timer = setInterval(() => void this.run(quietMs), everyMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
  }

  /** Repeats what was committed since the last time and is `quietMs` old, 0 after a gap. One run at a time. */
  run(quietMs = 0): Promise<void> {
    this.#running = this.#running.then(() =>
      this.#repeat(quietMs).catch((error) =>
        // the next run begins where this one did
        this.#services.log.warn({ error: String(error) }, 'What may have been lost was not repeated'),
      ),
    )
    return this.#running
  }

  async #repeat(quietMs: number): Promise<void> {
    const until = new Date(this.#services.clock.now().getTime() - quietMs)
    if (until <= this.#doneUntil) return
    const since = new Date(this.#doneUntil.getTime() - lateCommitMs)
    await this.#repeatConversations(since, until)
    await this.#repeatOffers(since, until)
    if (this.#services.bus.has('agents')) {
      await this.#repeatRoutedAgain(since, until)
      await this.#repeatNotes(since, until)
      await this.#repeatAvailability(since, until)
    }
    this.#doneUntil = until
  }

  async #repeatConversations(since: Date, until: Date): Promise<void> {
    const { db, bus } = this.#services
    const { rows } = await sql<Changed>`
      select id, visitor_id, agent_id, last_seq, true as is_open from conversations
      where status in ('waiting', 'active') and last_at > ${since} and last_at <= ${until}
      union all
      select id, visitor_id, agent_id, last_seq, false from conversations
      where status in ('ended', 'missed') and not blocked and ended_at > ${since} and ended_at <= ${until}
      union
      select id, visitor_id, agent_id, last_seq, false from conversations
      where claim_changed_at > ${since} and claim_changed_at <= ${until} and status = 'missed' and not blocked
      union
      select id, visitor_id, agent_id, last_seq, false from conversations
      where outcome_changed_at > ${since} and outcome_changed_at <= ${until} and status = 'ended'`.execute(db)
    const here = rows.filter(
      (row) => (bus.has(`visitor:${row.visitorId}`) || bus.has(agentsTopic(row))) && !this.#isTold(row),
    )
    for (let from = 0; from < here.length; from += atOnce)
      await this.#repeatSome(here.slice(from, from + atOnce))
    if (here.some(({ isOpen }) => !isOpen) && bus.has('agents'))
      this.#tell('agents', { type: 'counts', counts: { missed: await countMissed(db) } })
  }

  /** Where others tell too, having told the newest line says nothing about the ones before. */
  #isTold({ id, lastSeq, isOpen }: Changed): boolean {
    return isOpen && !this.#services.bus.isShared && this.#services.told.isLast(id, lastSeq)
  }

  async #repeatSome(changed: Changed[]): Promise<void> {
    const { db, clock, bus } = this.#services
    const entries = await lastEntries(db, idsOf(changed))
    for (const { id, visitorId, agentId } of changed) {
      const entry = entries.get(id)
      if (!entry) continue
      const frame = { type: 'entry', conversationId: id, entry } as const
      this.#tell(`visitor:${visitorId}`, frame)
      if (agentId) this.#tell(`agent:${agentId}`, frame)
    }
    const visitors = new Map(changed.map(({ id, visitorId }) => [id, visitorId]))
    const forVisitors = changed.filter(({ visitorId }) => bus.has(`visitor:${visitorId}`))
    for (const conversation of await listForVisitor(
      db,
      sql`c.id = any (${idsOf(forVisitors)}::uuid[])`,
      atOnce,
    ))
      this.#tell(`visitor:${visitors.get(conversation.id)}`, { type: 'conversation', conversation })
    const topics = new Map(changed.map((row) => [row.id, agentsTopic(row)]))
    const forAgents = changed.filter((row) => bus.has(agentsTopic(row)))
    for (const conversation of await summaries(
      db,
      clock.now(),
      sql`c.id = any (${idsOf(forAgents)}::uuid[])`,
    ))
      this.#tell(topics.get(conversation.id) ?? nobody, { type: 'conversation', conversation })
  }

  async #repeatOffers(since: Date, until: Date): Promise<void> {
    const { db, bus } = this.#services
    const { rows } = await sql<ChangedOffer>`
      select id, agent_id, conversation_id, state, from_agent_id from offers
      where state = 'pending' and offered_at > ${since} and offered_at <= ${until}
      union all
      select id, agent_id, conversation_id, state, from_agent_id from offers
      where closed_at > ${since} and closed_at <= ${until}`.execute(db)
    await this.#repeatToFormer(
      rows.flatMap(({ conversationId, fromAgentId: agentId }) =>
        agentId ? { conversationId, agentId } : [],
      ),
    )
    const here = rows.filter(({ agentId }) => bus.has(`agent:${agentId}`))
    const agentOf = new Map(here.map(({ id, agentId }) => [id, agentId]))
    const pending = here.filter(({ state }) => state === 'pending').map(({ id }) => id)
    if (pending.length > 0)
      for (const offer of await describeOffers(
        db,
        sql`o.id = any (${pending}::uuid[]) and o.state = 'pending'`,
      ))
        this.#tell(`agent:${agentOf.get(offer.id)}`, { type: 'offer', offer })
    for (const { id, agentId, conversationId, state } of here)
      if (state !== 'pending')
        this.#tell(`agent:${agentId}`, { type: 'offer_closed', offerId: id, conversationId, state })
  }

  /** Who had a chat until it was routed again. */
  async #repeatRoutedAgain(since: Date, until: Date): Promise<void> {
    const { rows } = await sql<Former>`
      select c.id as conversation_id, had.agent_id from conversations c
      cross join lateral (
        select o.agent_id from offers o
        where o.conversation_id = c.id and o.state = 'accepted' and o.closed_at <= c.routed_at
        order by o.round desc limit 1) had
      where c.routed_at > ${since} and c.routed_at <= ${until}`.execute(this.#services.db)
    await this.#repeatToFormer(rows)
  }

  /** Those who had an open chat, or have it still, learn whose it is now. */
  async #repeatToFormer(all: Former[]): Promise<void> {
    const { db, clock, bus } = this.#services
    const here = all.filter(({ agentId }) => bus.has(`agent:${agentId}`))
    if (here.length === 0) return
    const ids = here.map(({ conversationId }) => conversationId)
    const open = await summaries(
      db,
      clock.now(),
      sql`c.id = any (${ids}::uuid[]) and c.status in ('waiting', 'active')`,
    )
    const chats = new Map(open.map((conversation) => [conversation.id, conversation]))
    for (const { conversationId, agentId } of here) {
      const conversation = chats.get(conversationId)
      if (!conversation) continue
      const to = conversation.agent
      this.#tell(
        `agent:${agentId}`,
        to?.id === agentId
          ? { type: 'conversation', conversation }
          : { type: 'conversation_left', conversationId, to: to?.name ?? null },
      )
    }
  }

  async #repeatNotes(since: Date, until: Date): Promise<void> {
    const { rows } = await sql<NoteRow & { conversationId: string; ownerId: string | null }>`
      select ${noteColumns}, n.conversation_id, c.agent_id as owner_id
      from notes n join agents a on a.id = n.agent_id join conversations c on c.id = n.conversation_id
      where n.at > ${since} and n.at <= ${until} order by n.at, n.id`.execute(this.#services.db)
    for (const row of rows)
      for (const id of new Set([row.agentId, row.ownerId ?? row.agentId]))
        this.#tell(`agent:${id}`, { type: 'note', conversationId: row.conversationId, note: toNote(row) })
  }

  /** To the agent in every tab, and to everybody whose list shows the agent. */
  async #repeatAvailability(since: Date, until: Date): Promise<void> {
    const { db, clock } = this.#services
    const { rows } = await sql<{ id: string }>`
      select id from agents
      where availability_changed_at > ${since} and availability_changed_at <= ${until}`.execute(db)
    for (const { id } of rows) {
      const availability = await describeAvailability(db, clock.now(), id)
      this.#tell(`agent:${id}`, { type: 'availability', availability })
      this.#tell('agents', { type: 'agent_availability', agentId: id, availability })
    }
  }

  #tell(topic: Topic, frame: ToAgent | ToVisitor): void {
    if (this.#services.bus.has(topic)) this.#services.bus.publishHere(topic, JSON.stringify(frame))
  }
}

const idsOf = (changed: Changed[]) => changed.map(({ id }) => id)

const nobody: Topic = 'agent:'
/** An open chat is its agent's alone, a waiting one nobody's; what is over, everybody may see. */
const agentsTopic = ({ agentId, isOpen }: Changed): Topic => {
  if (!isOpen) return 'agents'
  return agentId ? `agent:${agentId}` : nobody
}
