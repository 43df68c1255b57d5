import type { Pool } from 'pg'
import type { Clock } from '../../clock.ts'
import { isConnectionProblem } from '../../db/away.ts'
import type { OutgoingMessage, StoredMessage } from './message-log.ts'

/** What became of a message. `busy`: somebody else holds the conversation right now. */
export type Verdict = ({ status: 'stored' } & StoredMessage) | { status: 'busy' | 'ended' | 'not_found' }

type FreshRow = [place: number, before: number, atMs: number, visitorId: string, agentId: string | null]
type JudgedRow = [
  status: Verdict['status'],
  seq: number,
  atMs: number,
  isNew: boolean,
  visitorId: string,
  agentId: string | null,
]

/** Stores groups of messages through the functions of migrations 0003 and 0017, one round trip and transaction each. */
export class MessageGroups {
  readonly #pool: Pool
  readonly #clock: Clock
  readonly #idle: string

  constructor({ pool, clock, idleMs }: { pool: Pool; clock: Clock; idleMs: number }) {
    this.#pool = pool
    this.#clock = clock
    this.#idle = `${idleMs} milliseconds`
  }

  /** Stores what comes from those who may speak; messages of one conversation all or none.
   *  @returns nothing at the places of those that were left
   *  @throws PostgreSQL's unique_violation when one of them had been stored before: then none is */
  async storeFresh(messages: OutgoingMessage[]): Promise<(StoredMessage | undefined)[]> {
    const chats = chatsOf(messages)
    if (chats.length === 0) return []
    const ordered = chats.flatMap(({ lines }) => lines)
    const ends = chats.map(() => 0)
    for (const [index, { lines }] of chats.entries()) ends[index] = (ends[index - 1] ?? 0) + lines.length
    const rows = await this.#query<FreshRow>(
      'append_fresh_messages',
      `select * from append_fresh_messages($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::integer[],
         $6::boolean[], $7::text[], $8::text[], $9::timestamptz, $10::interval)`,
      [
        plain(chats.map(({ id }) => id)),
        plain(chats.map(({ visitorId }) => visitorId)),
        plain(chats.map(({ agentId }) => agentId)),
        plain(ends),
        plain(chats.flatMap(({ lines }, index) => lines.map(() => index + 1))),
        plain(ordered.map((n) => messages[n]?.senderType === 'agent')),
        quoted(ordered.map((n) => messages[n]?.clientId ?? '')),
        quoted(ordered.map((n) => messages[n]?.text ?? '')),
        this.#clock.now(),
        this.#idle,
      ],
    )
    const stored = new Array<StoredMessage | undefined>(messages.length)
    for (const [place, before, atMs, visitorId, agentId] of rows) {
      const at = new Date(atMs)
      for (const [index, n] of (chats[place - 1]?.lines ?? []).entries())
        stored[n] = { seq: before + index + 1, at, isNew: true, visitorId, agentId }
    }
    return stored
  }

  /** Stores what may be stored and says of each of the others why not.
   *  @param repeated whether some may have been stored before; else such a one throws a unique_violation. */
  async judge(messages: OutgoingMessage[], repeated = false): Promise<Verdict[]> {
    const rows = await this.#query<JudgedRow>(
      'append_messages',
      'select * from append_messages($1::uuid[], $2::jsonb, $3, $4::interval, $5)',
      [
        plain([...new Set(messages.map(({ conversationId }) => conversationId))]),
        JSON.stringify(messages.map((m) => [m.conversationId, m.senderType, m.senderId, m.clientId, m.text])),
        this.#clock.now(),
        this.#idle,
        repeated,
      ],
    )
    return rows.map(([status, seq, atMs, isNew, visitorId, agentId]) =>
      status === 'stored' ? { status, seq, at: new Date(atMs), isNew, visitorId, agentId } : { status },
    )
  }

  async #query<Row extends unknown[]>(name: string, text: string, values: unknown[]): Promise<Row[]> {
    const client = await this.#pool.connect()
    try {
      const { rows } = await client.query<Row>({ name, text, values, rowMode: 'array' })
      client.release()
      return rows
    } catch (error) {
      client.release(isConnectionProblem(error))
      throw error
    }
  }
}

/** The messages of one conversation, by their places in the group, in order. */
interface Chat {
  id: string
  /** Who speaks as its visitor, and as its agent. */
  visitorId: string | null
  agentId: string | null
  lines: number[]
}

/** Without those in which two claim to be the same one: at most one of them may speak. */
function chatsOf(messages: OutgoingMessage[]): Chat[] {
  const chats = new Map<string, Chat>()
  const doubtful = new Set<string>()
  for (const [n, { conversationId: id, senderType, senderId }] of messages.entries()) {
    let chat = chats.get(id)
    if (!chat) {
      chat = { id, visitorId: null, agentId: null, lines: [] }
      chats.set(id, chat)
    }
    const role = senderType === 'visitor' ? 'visitorId' : 'agentId'
    chat[role] ??= senderId
    if (chat[role] !== senderId) doubtful.add(id)
    chat.lines.push(n)
  }
  for (const id of doubtful) chats.delete(id)
  return [...chats.values()]
}

/** PostgreSQL's notation of arrays. https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO */
const plain = (values: (string | number | boolean | null)[]) => `{${values.map(String).join(',')}}`
const quoted = (values: string[]) =>
  `{${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join(',')}}`

/** PostgreSQL's unique_violation. */
export const isRepeat = (error: unknown) => (error as { code?: string } | null)?.code === '23505'
