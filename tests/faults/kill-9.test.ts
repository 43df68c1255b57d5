// @module-tag first-try
import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Entry, EntryPage } from '#core/contracts/conversations.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { migrate } from '#core/db/migrate.ts'
import { runs, within } from '#tests/support/soak.ts'
import { SendRefusedError } from '../support/actor.ts'
import { AgentActor } from '../support/agent-actor.ts'
import { expectNoContradictions } from '../support/contradictions.ts'
import { anAgent, anOrganisation, aSite } from '../support/factories.ts'
import { folderForFile } from '../support/folder.ts'
import { startFoyerProcess } from '../support/foyer-process.ts'
import type { ServerProcess } from '../support/server-process.ts'
import { VisitorActor } from '../support/visitor-actor.ts'
import { waitFor } from '../support/wait.ts'

/** A durable PostgreSQL, unlike the one most tests share, and a Foyer in a process of its own: both get killed while
 *  people talk. */
let folder: string
let postgres: EmbeddedPostgres
let pool: pg.Pool
let foyer: ServerProcess
let port = '0'
const secretKey = randomBytes(32).toString('hex')
const unlimited = {
  visitorBurst: 10_000,
  visitorPerSecond: 10_000,
  addressBurst: 100_000,
  addressPerSecond: 100_000,
}

async function startAgain(): Promise<void> {
  foyer = await startFoyerProcess('start', {
    FOYER_DATABASE_URL: postgres.url,
    FOYER_SECRET_KEY: secretKey,
    FOYER_DATA_DIR: folder,
    // clients come back to the address they know
    FOYER_PORT: port,
  })
  port = String(foyer.port)
}

beforeAll(async () => {
  folder = await folderForFile('kill')
  postgres = await startEmbeddedPostgres({ dataDir: folder })
  postgres.supervise()
  await migrate(postgres.url)
  pool = new pg.Pool({ connectionString: postgres.url, max: 2 })
  // its connections die with PostgreSQL; the pool opens others
  pool.on('error', () => undefined)
  await anOrganisation(pool, new Date(), { limits: unlimited })
  await startAgain()
}, 90_000)

afterAll(async () => {
  await foyer.stop()
  await pool.end()
  await postgres.stop()
})

/** Somebody's line to Foyer: whoever finds it dead opens another one, and only one. */
class Line {
  readonly #actor: VisitorActor | AgentActor
  #opening: Promise<void> | undefined

  constructor(actor: VisitorActor | AgentActor) {
    this.#actor = actor
  }

  back(): Promise<unknown> {
    return waitFor('the line is back', () => this.#open().then(() => true), {
      timeoutMs: 45_000,
      everyMs: 100,
    })
  }

  #open(): Promise<void> {
    if (!this.#actor.socket.closed) return Promise.resolve()
    this.#opening ??= this.#actor.connect().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }
}

/** Says one thing after another as clients do: what was not acknowledged is sent again under the same client id, once
 *  the line is back or when Foyer said to, and before anything new. */
class Talker {
  readonly acknowledged: string[] = []
  readonly name: string
  readonly #line: Line
  readonly #burst: number
  readonly #send: (text: string) => Promise<unknown>
  #next = 0
  #stopped = false

  /** @param burst how many sends are under way at once. */
  constructor(name: string, line: Line, burst: number, send: (text: string) => Promise<unknown>) {
    this.name = name
    this.#line = line
    this.#burst = burst
    this.#send = send
  }

  async talk(): Promise<void> {
    while (!this.#stopped) {
      const texts = Array.from({ length: this.#burst }, () => `${this.name}-${this.#next++}`)
      while (!(await this.#isAcknowledged(texts))) await this.#line.back()
      this.acknowledged.push(...texts)
    }
  }

  stop(): void {
    this.#stopped = true
  }

  async #isAcknowledged(texts: string[]): Promise<boolean> {
    const answers = await Promise.allSettled(texts.map((text) => this.#send(text)))
    const refusals = answers.flatMap((answer) =>
      answer.status === 'rejected' && answer.reason instanceof SendRefusedError ? [answer.reason] : [],
    )
    for (const refusal of refusals) {
      if (refusal.retryAfterMs === undefined) throw refusal
      // Foyer says in time when the next try may come
      await delay(refusal.retryAfterMs)
    }
    return answers.every((answer) => answer.status === 'fulfilled')
  }
}

test('kill -9 of Foyer and of PostgreSQL loses no acknowledged message and doubles none', {
  timeout: within(300_000),
}, async () => {
  const site = await aSite(pool, new Date())
  const { email, password } = await anAgent(pool, new Date(), {
    name: 'Dana',
    // also when it is tried again
    email: `${randomUUID()}@foyer.test`,
  })
  const dana = await AgentActor.signIn(foyer.origin, email, password)
  const danasLine = new Line(dana)
  const chats: { name: string; visitor: VisitorActor; id: string }[] = []
  for (const name of ['sofia', 'tom', 'mia']) {
    const visitor = await VisitorActor.arrive(foyer.origin, { siteKey: site.key })
    const { id } = await visitor.asks(`Hello, this is ${name}`)
    await dana.accepts(id)
    chats.push({ name, visitor, id })
  }
  const talkers = chats.flatMap(({ name, visitor, id }) => [
    new Talker(`${name}-to-dana`, new Line(visitor), 5, (text) =>
      visitor.says(text, { conversationId: id, clientId: text }),
    ),
    new Talker(`dana-to-${name}`, danasLine, 1, (text) => dana.says(id, text, text)),
  ])
  const talking = Promise.all(talkers.map((talker) => talker.talk()))
  onTestFinished(async () => {
    for (const talker of talkers) talker.stop()
    await talking.catch(() => undefined)
    await Promise.all([dana.leaves(), ...chats.map(({ visitor }) => visitor.leaves())])
  })
  const goesOn = async () => {
    const before = talkers.map((talker) => talker.acknowledged.length)
    await waitFor(
      'everybody goes on talking',
      () => talkers.every((talker, n) => talker.acknowledged.length >= (before[n] ?? 0) + 20),
      {
        timeoutMs: 60_000,
      },
    )
  }

  const victims = ['foyer', 'postgres', 'foyer', 'both'] as const
  for (let round = 0; round < runs(victims.length); round++) {
    const victim = victims[round % victims.length]
    await goesOn()
    if (victim !== 'foyer') process.kill(postgres.pid, 'SIGKILL')
    if (victim !== 'postgres') {
      await foyer.kill()
      await startAgain()
    }
  }
  await goesOn()
  for (const talker of talkers) talker.stop()
  await talking

  for (const [n, { visitor, id }] of chats.entries()) {
    const stored = await readAll(visitor, id)
    expect(stored.map((entry) => entry.seq)).toEqual(stored.map((_, index) => index + 1))
    for (const { name, acknowledged } of talkers.slice(2 * n, 2 * n + 2)) {
      const said = stored.map((entry) => entry.text ?? '').filter((text) => text.startsWith(`${name}-`))
      // all of them, each once, in the order they were said
      expect(said).toEqual(acknowledged)
    }
    // and who followed live through all of it has the very same log
    await waitFor('visitor and agent have caught up', () =>
      [visitor.follow(id), dana.follow(id)].every((log) => log.lastSeq === stored.length),
    )
    expect(visitor.follow(id).entries).toEqual(stored)
    expect(dana.follow(id).entries).toEqual(stored)
  }
  await expectNoContradictions(pool)
})

async function readAll(visitor: VisitorActor, conversationId: string): Promise<Entry[]> {
  const entries: Entry[] = []
  for (;;) {
    const afterSeq = entries.at(-1)?.seq ?? 0
    const page = await visitor.http.get<EntryPage>(
      `/widget/conversations/${conversationId}/messages?afterSeq=${afterSeq}`,
    )
    entries.push(...page.entries)
    if (!page.hasMore) return entries
  }
}
