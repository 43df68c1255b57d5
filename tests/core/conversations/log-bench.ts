import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { Pool } from 'pg'
import { createDb, createPool, type Db } from '#core/db/pool.ts'
import { MessageLog, type OutgoingMessage } from '#core/features/conversations/message-log.ts'
import { scratchDatabase } from '#tests/support/database.ts'
import {
  type AVisitor,
  aConversation,
  anAgent,
  anOrganisation,
  aSite,
  aVisitor,
} from '#tests/support/factories.ts'
import { atFileEnd } from '#tests/support/file-end.ts'
import { TestClock } from '#tests/support/test-clock.ts'

const nothing = () => undefined
const quiet: FastifyBaseLogger = {
  level: 'silent',
  child: () => quiet,
  fatal: nothing,
  error: nothing,
  warn: nothing,
  info: nothing,
  debug: nothing,
  trace: nothing,
  silent: nothing,
}

export interface Chat {
  id: string
  visitor: AVisitor
  agentId: string
}

/** A database and what a log of messages needs of it, without the rest of Foyer. */
export class LogBench {
  readonly pool: Pool
  readonly db: Db
  readonly clock = new TestClock()
  readonly #url: string
  readonly #pools: Pool[] = []
  #siteId = ''
  #agentId = ''

  private constructor(url: string) {
    this.#url = url
    this.pool = createPool(url, 10, 'foyer test')
    this.db = createDb(this.pool)
  }

  static async open(url: string): Promise<LogBench> {
    const bench = new LogBench(url)
    const now = bench.clock.now()
    await anOrganisation(bench.pool, now)
    bench.#siteId = (await aSite(bench.pool, now)).id
    bench.#agentId = (await anAgent(bench.pool, now)).id
    return bench
  }

  /** As in one process: two connections of its own. @param wrap stands between the log and its connections. */
  log(wrap: (pool: Pool) => Pool = (pool) => pool, patienceMs?: number): MessageLog {
    const pool = createPool(this.#url, 2, 'foyer messages')
    this.#pools.push(pool)
    return new MessageLog({ pool: wrap(pool), clock: this.clock, log: quiet, idleMs: 600_000, patienceMs })
  }

  /** An active chat in which nothing was said yet. */
  async chat(): Promise<Chat> {
    const now = this.clock.now()
    const visitor = await aVisitor(this.pool, now, { siteId: this.#siteId })
    const id = await aConversation(this.pool, now, {
      siteId: this.#siteId,
      visitorId: visitor.id,
      agentId: this.#agentId,
      texts: [],
    })
    return { id, visitor, agentId: this.#agentId }
  }

  /** Holds the conversation's row as another change would; `key share`: only against its deletion. @returns lets go of it */
  async hold(
    conversationId: string,
    strength: 'update' | 'key share' = 'update',
  ): Promise<() => Promise<void>> {
    const client = await this.pool.connect()
    await client.query('begin')
    await client.query(`select from conversations where id = $1 for ${strength}`, [conversationId])
    return async () => {
      await client.query('commit')
      client.release()
    }
  }

  async lines(conversationId: string): Promise<Line[]> {
    const { rows } = await this.pool.query<Line>(
      `select seq, client_id as "clientId", sender_type as "senderType", text, at from entries
       where conversation_id = $1 order by seq`,
      [conversationId],
    )
    return rows
  }

  async lastSeq(conversationId: string): Promise<number> {
    const { rows } = await this.pool.query<{ last: number }>(
      'select last_seq as last from conversations where id = $1',
      [conversationId],
    )
    return rows[0]?.last ?? -1
  }

  async close(): Promise<void> {
    await Promise.all([this.pool, ...this.#pools].map((pool) => pool.end()))
  }
}

/** A bench on a database of its own, both gone at the end of the file. */
export async function openBench(): Promise<LogBench> {
  const database = await scratchDatabase()
  const bench = await LogBench.open(database.url)
  atFileEnd(async () => {
    await bench.close()
    await database.drop()
  })
  return bench
}

export interface Line {
  seq: number
  clientId: string | null
  senderType: 'visitor' | 'agent' | 'system'
  text: string | null
  at: Date
}

export function from(
  chat: Chat,
  senderType: 'visitor' | 'agent',
  text: string,
  clientId: string = randomUUID(),
): OutgoingMessage {
  const senderId = senderType === 'visitor' ? chat.visitor.id : chat.agentId
  return { conversationId: chat.id, senderType, senderId, clientId, text }
}
