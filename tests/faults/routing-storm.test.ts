// @module-tag first-try
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Conversation, Offer } from '#core/contracts/conversations.ts'
import type { RoutingRule } from '#core/contracts/routing-rules.ts'
import type { WidgetConversation, WidgetSession } from '#core/contracts/widget.ts'
import { createPool } from '#core/db/pool.ts'
import { AgentActor } from '#tests/support/agent-actor.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { type AnAgent, type ASite, anAgent, anOrganisation, aSite } from '#tests/support/factories.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import { HttpClient, RefusedError } from '#tests/support/http-client.ts'
import { faultsNow, faultsOfRouting } from '#tests/support/routing-history.ts'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { isSoak, runs, within } from '#tests/support/soak.ts'
import { waitFor } from '#tests/support/wait.ts'
import { startRedis, type TestRedis } from '#tests/workers/support/redis.ts'

/** Two web processes and two workers over Redis and a PostgreSQL of their own, and everybody at once: then the history
 *  that is left is read. */

const limits = { cap: 3, tries: 2, offerTimeoutMs: 3_000, lateMs: 30_000 }
const stormMs = isSoak ? 12_000 : 9_000

let database: ScratchDatabase
let redis: TestRedis
let pool: Pool
let site: ASite
let folder: string
let environment: NodeJS.ProcessEnv
const webs: ServerProcess[] = []
const workers: ServerProcess[] = []
const there: AgentActor[] = []

beforeAll(async () => {
  database = await scratchDatabase()
  redis = await startRedis()
  folder = await mkdtemp(join(tmpdir(), 'foyer-storm-'))
  pool = createPool(database.url, 4, 'routing storm')
  const { cap, tries, offerTimeoutMs } = limits
  // visitors speak HTTP only here: nobody counts as having left
  const settings = { agentCap: cap, offerTries: tries, offerTimeoutMs, visitorGoneMs: 3_600_000 }
  await anOrganisation(pool, new Date(), settings)
  site = await aSite(pool, new Date())
  environment = {
    FOYER_DATABASE_URL: database.url,
    FOYER_REDIS_URL: redis.url,
    FOYER_PUBLIC_URL: 'http://foyer.example.com',
    FOYER_SECRET_KEY: randomBytes(32).toString('hex'),
    FOYER_DATA_DIR: folder,
    FOYER_LOG_LEVEL: 'fatal',
  }
  const start = (mode: 'web' | 'worker') => startFoyerProcess(mode, environment)
  const pair = (mode: 'web' | 'worker') => Promise.all([start(mode), start(mode)])
  const [bothWebs, bothWorkers] = await Promise.all([pair('web'), pair('worker')])
  webs.push(...bothWebs)
  workers.push(...bothWorkers)
})
afterAll(async () => {
  await Promise.all(there.map((agent) => agent.leaves().catch(() => undefined)))
  await Promise.all([...webs, ...workers].map((server) => server.stop()))
  await redis.stop()
  await pool.end()
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

const origin = (n: number) => (webs[n % 2] as ServerProcess).origin
const signIn = async (row: AnAgent, n: number) => {
  const agent = await AgentActor.signIn(origin(n), row.email, row.password)
  there.push(agent)
  return agent
}
/** Asks one process after the other until one answers. A refusal is an answer; a process that is being killed is none. */
async function answered<T>(work: (origin: string) => Promise<T>, first: number): Promise<T | RefusedError> {
  for (let n = first; ; n++)
    try {
      return await work(origin(n))
    } catch (error) {
      if (error instanceof RefusedError && error.status < 500) return error
      if (n > first + 400) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
}

test('killed processes and an emptied Redis in the middle of a storm break no promise of routing', {
  timeout: within(150_000),
  // what fails once in many storms fails
  retry: 0,
}, async () => {
  const rows: AnAgent[] = []
  for (let n = 0; n < 5; n++) rows.push(await anAgent(pool, new Date(), { name: `Storm ${n}` }))
  for (const [n, row] of rows.entries()) await signIn(row, n)
  const rounds = runs(1)
  const begin = performance.now()
  const until = begin + stormMs * rounds
  const going = () => performance.now() < until
  const requested: string[] = []
  /** What somebody was told: this agent has this chat. */
  const told: { id: string; agentId: string }[] = []
  const trouble = new Set<string>()

  const visitors = async (n: number) => {
    for (let turn = n; going(); turn++) {
      const session = await answered(
        (at) => new HttpClient(at).post<WidgetSession>('/widget/sessions', { siteKey: site.key }),
        turn,
      )
      if (session instanceof RefusedError) continue
      const asVisitor = (at: string) => {
        const http = new HttpClient(at)
        http.useToken(session.token)
        return http
      }
      // the same request again where nobody knows whether the first one arrived
      const body = { fields: {}, text: 'Hello', clientId: randomUUID() }
      const asked = await answered(
        (at) => asVisitor(at).post<WidgetConversation>('/widget/conversations', body),
        turn + 1,
      )
      if (asked instanceof RefusedError) {
        trouble.add(`a request was refused: ${asked.code}`)
        continue
      }
      requested.push(asked.id)
      if (turn % 6 === 0)
        await answered((at) => asVisitor(at).post(`/widget/conversations/${asked.id}/end`), turn)
    }
  }

  const answering = async (row: AnAgent, n: number) => {
    const cookie = there.find(({ me }) => me.id === row.id)?.http.cookie ?? ''
    const as = (at: string) => {
      const http = new HttpClient(at)
      http.useCookie(cookie)
      return http
    }
    const accepts = async (offerId: string, turn: number) => {
      const answer = await answered((at) => as(at).post<Conversation>(`/offers/${offerId}/accept`), turn)
      if (!(answer instanceof RefusedError)) told.push({ id: answer.id, agentId: row.id })
      return answer instanceof RefusedError ? null : answer.id
    }
    for (let turn = n; going(); turn++) {
      const list = await answered((at) => as(at).get<{ offers: Offer[] }>('/offers'), turn)
      if (list instanceof RefusedError) continue
      for (const { id } of list.offers) {
        const kind = (turn * 7 + n) % 10
        if (kind < 2) await answered((at) => as(at).post(`/offers/${id}/decline`), turn)
        // the others are left to run out
        else if (kind < 8) {
          // in two tabs, on two processes
          const taken = await Promise.all([accepts(id, turn), accepts(id, turn + 1)])
          const chat = taken.find((one) => one !== null)
          if (chat && turn % 3 !== 0)
            await answered((at) => as(at).post(`/conversations/${chat}/end`, {}), turn)
        }
        turn++
      }
      const status = turn % 9 === 0 ? 'unavailable' : turn % 3 === 0 ? 'available' : null
      if (status) await answered((at) => as(at).put('/me/availability', { status }), turn)
    }
  }

  const looking = async () => {
    while (going()) for (const what of await faultsNow(pool, limits.cap)) trouble.add(what)
  }
  const chaos = async () => {
    for (let round = 0; round < rounds; round++) {
      const at = (part: number) =>
        waitFor('it is time', () => performance.now() > begin + stormMs * (round + part), {
          timeoutMs: stormMs * 2,
        })
      await at(0.2)
      await workers[0]?.kill()
      await redis.flushAll()
      await at(0.4)
      await webs[0]?.kill()
      workers[0] = await startFoyerProcess('worker', environment)
      await at(0.7)
      webs[0] = await startFoyerProcess('web', environment)
      for (const [n, row] of rows.entries()) if (n % 2 === 0) await signIn(row, 0)
      await redis.flushAll()
    }
  }

  await Promise.all([...[0, 1, 2, 3].map(visitors), ...rows.map(answering), looking(), chaos()])
  // nobody answers any more: what still waits runs out
  await waitFor(
    'nothing waits',
    async () => {
      const { rows: waiting } = await pool.query(`select from conversations where status = 'waiting'`)
      return waiting.length === 0
    },
    { timeoutMs: 60_000, everyMs: 200 },
  )

  expect([...trouble]).toEqual([])
  expect(await faultsOfRouting(pool, limits)).toEqual([])
  const { rows: kept } = await pool.query<{ id: string }>('select id from conversations')
  const known = new Set(kept.map(({ id }) => id))
  expect(requested.filter((id) => !known.has(id))).toEqual([])
  const { rows: accepted } = await pool.query<{ conversation_id: string; agent_id: string }>(
    `select conversation_id, agent_id from offers where state = 'accepted'`,
  )
  const pairs = new Set(accepted.map((one) => `${one.conversation_id} ${one.agent_id}`))
  expect(told.filter(({ id, agentId }) => !pairs.has(`${id} ${agentId}`))).toEqual([])
  // it was a storm; how much of what happened depends on the machine
  const { rows: ends } = await pool.query<{ state: string }>('select distinct state from offers')
  expect(ends.map(({ state }) => state)).toContain('accepted')
  expect(ends.length).toBeGreaterThan(1)
  expect(requested.length).toBeGreaterThan(5)
})

test('a rule changed in one process counts in the other at the next request', {
  timeout: 60_000,
}, async () => {
  await pool.query('update agents set active = false')
  await pool.query(`update sites set route = 'rules'`)
  const admin = await signIn(await anAgent(pool, new Date(), { name: 'Rules admin', profile: 'admin' }), 0)
  const targets = [
    await signIn(await anAgent(pool, new Date(), { name: 'First target' }), 0),
    await signIn(await anAgent(pool, new Date(), { name: 'Second target' }), 1),
  ]
  const rule = (n: number) => ({
    name: 'Everybody',
    enabled: true,
    conditions: { type: 'group', match: 'all', conditions: [] },
    target: { type: 'agents', agentIds: [targets[n % 2]?.id] },
  })
  const { id } = await admin.http.post<RoutingRule>('/routing-rules', rule(0))
  for (let n = 0; n < 8; n++) {
    await admin.http.put(`/routing-rules/${id}`, rule(n))
    const http = new HttpClient(origin(1))
    // the storm may have used up what an address is allowed
    const session = await waitFor(
      'a visitor may come',
      () => http.post<WidgetSession>('/widget/sessions', { siteKey: site.key }),
      { everyMs: 500 },
    )
    http.useToken(session.token)
    const asked = await http.post<WidgetConversation>('/widget/conversations', {
      fields: {},
      text: 'Whose am I?',
      clientId: randomUUID(),
    })
    const { rows } = await pool.query('select agent_id from offers where conversation_id = $1', [asked.id])
    expect(rows).toEqual([{ agent_id: targets[n % 2]?.id }])
    await http.post(`/widget/conversations/${asked.id}/end`)
  }
})
