import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import type { Pool } from 'pg'
import { onTestFinished, test as plainTest, TestRunner } from 'vitest'
import type { ConnectorDeclaration } from '#connectors/sdk/contract.ts'
import { connectorList } from '#connectors/sdk/list.ts'
import { type Api, buildApp } from '#core/app.ts'
import { type Config, readConfig } from '#core/config.ts'
import type { ConversationStatus, EndReason } from '#core/contracts/conversations.ts'
import { createPool } from '#core/db/pool.ts'
import { startFoyerWorkers } from '#workers/foyer.ts'
import type { Workers } from '#workers/start.ts'
import { AgentActor } from './agent-actor.ts'
import { type ScratchDatabase, scratchDatabase } from './database.ts'
import { type AnAgent, type ASite, anAgent, anOrganisation, aSite } from './factories.ts'
import { atFileEnd } from './file-end.ts'
import { TestClock } from './test-clock.ts'
import { VisitorActor, type VisitorOptions } from './visitor-actor.ts'

export interface FoyerOptions {
  /** What differs from the defaults of the organisation's settings: shorter deadlines, other limits. */
  settings?: object
  startsAt?: Date
  /** Jobs and deadlines run, unless a test wants to see what happens without them. */
  workers?: boolean
  config?: Partial<Config>
  /** What can be connected; where their stand-ins are, `config.standIns` says. */
  connectors?: ConnectorDeclaration[]
}

/** A whole Foyer in this process, on a database of its own, at a clock the test can move. */
export class TestFoyer {
  readonly app: Api
  readonly origin: string
  readonly clock: TestClock
  readonly pool: Pool
  readonly databaseUrl: string
  readonly site: ASite
  readonly #workers: Workers | undefined
  readonly #database: ScratchDatabase
  readonly #actors: { leaves(): Promise<void> }[] = []
  #closed: Promise<void> | undefined

  private constructor(parts: {
    app: Api
    clock: TestClock
    pool: Pool
    site: ASite
    workers: Workers | undefined
    database: ScratchDatabase
  }) {
    this.app = parts.app
    this.clock = parts.clock
    this.pool = parts.pool
    this.site = parts.site
    this.#workers = parts.workers
    this.#database = parts.database
    this.databaseUrl = parts.database.url
    this.origin = `http://127.0.0.1:${(parts.app.server.address() as AddressInfo).port}`
  }

  static async start(options: FoyerOptions = {}): Promise<TestFoyer> {
    const database = await scratchDatabase()
    const pool = createPool(database.url, 12, 'foyer test')
    const clock = new TestClock(options.startsAt)
    await anOrganisation(pool, clock.now(), options.settings)
    const site = await aSite(pool, clock.now())
    const config = {
      ...readConfig('start', {
        FOYER_PORT: '0',
        FOYER_LOG_LEVEL: 'silent',
        FOYER_DATA_DIR: tmpdir(),
        FOYER_SECRET_KEY: 'a secret key that only tests know',
      }),
      ...options.config,
      databaseUrl: database.url,
    }
    const app = await buildApp(config, { pool, clock, connectors: connectorList(options.connectors ?? []) })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const workers = (options.workers ?? true) ? await startFoyerWorkers(app.services) : undefined
    return new TestFoyer({ app, clock, pool, site, workers, database })
  }

  /** Somebody with the widget open. */
  async visitor(options: Partial<VisitorOptions> = {}): Promise<VisitorActor> {
    const visitor = await VisitorActor.arrive(this.origin, { siteKey: this.site.key, ...options })
    this.#actors.push(visitor)
    return visitor
  }

  /** Somebody with the inbox open; available round the clock unless the options say otherwise. */
  async agent(options: Parameters<typeof anAgent>[2] & { online?: boolean } = {}): Promise<AgentActor> {
    const { online = true, ...row } = options
    return this.signIn(await anAgent(this.pool, this.clock.now(), row), { online })
  }

  async signIn(agent: Pick<AnAgent, 'email' | 'password'>, options = { online: true }): Promise<AgentActor> {
    const actor = await AgentActor.signIn(this.origin, agent.email, agent.password, options)
    this.#actors.push(actor)
    return actor
  }

  /** A visitor and an agent in an active chat. */
  async chat(
    texts: { first?: string } = {},
  ): Promise<{ visitor: VisitorActor; agent: AgentActor; id: string }> {
    const agent = await this.agent()
    const visitor = await this.visitor()
    const { id } = await visitor.asks(texts.first)
    await agent.accepts(id)
    return { visitor, agent, id }
  }

  /** What the database says of a conversation. */
  async stateOf(conversationId: string): Promise<ConversationState> {
    const { rows } = await this.pool.query<ConversationState>(
      `select status, agent_id as "agentId", end_reason as "endReason", last_seq as "lastSeq",
         (select coalesce(array_agg(text order by seq), '{}') from entries
          where conversation_id = c.id and kind = 'message') as texts
       from conversations c where id = $1`,
      [conversationId],
    )
    if (!rows[0]) throw new Error(`There is no conversation ${conversationId}`)
    return rows[0]
  }

  /** Moves the clock on and lets what is due by then be done. */
  advance(ms: number): void {
    this.clock.advance(ms)
    this.#workers?.wake()
  }

  /** Runs a schedule now: it would be up to its period otherwise. */
  runSchedule({ name }: { name: string }): void {
    this.#workers?.runSchedule(name)
  }

  /** May be called twice. */
  async close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await Promise.all(this.#actors.map((actor) => actor.leaves()))
    await this.#workers?.stop()
    await this.app.close()
    await this.pool.end()
    await this.#database.drop()
  }
}

export interface ConversationState {
  status: ConversationStatus
  agentId: string | null
  endReason: EndReason | null
  lastSeq: number
  texts: string[]
}

/** A Foyer that is closed with the test that started it, or else at the end of the file; or earlier by `close()`. One that
 *  nobody needs any more would go on working beside the tests that follow. */
export async function startFoyer(options: FoyerOptions = {}): Promise<TestFoyer> {
  const foyer = await TestFoyer.start(options)
  if (TestRunner.getCurrentTest()) onTestFinished(() => foyer.close())
  else atFileEnd(() => foyer.close())
  return foyer
}

async function startForFile(): Promise<TestFoyer> {
  const foyer = await TestFoyer.start()
  atFileEnd(() => foyer.close())
  return foyer
}

/** `test` with a Foyer of the file's own: `test('…', async ({ foyer }) => …)`. For one with other settings call
 *  startFoyer. It is closed before the leak watch looks, as a fixture of the file would not. */
export const test = plainTest.extend<{ foyer: TestFoyer }>({
  foyer: [
    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads the fixture's dependencies from this pattern
    async ({}, use) => use(await startForFile()),
    { scope: 'file' },
  ],
})
