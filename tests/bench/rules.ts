/** What 100 routing rules with 5 conditions each add to a request: the matching alone, against a bare loop that compares
 *  as many strings, and the whole choice of an agent (`routeOn` on PostgreSQL, with 20 agents) with and without them. No
 *  rule holds but the last, so all of them are looked at. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { pino } from 'pino'
import { DatabaseClock } from '#core/clock.ts'
import { readConfig } from '#core/config.ts'
import type { Condition, Facts, RootGroup } from '#core/contracts/routing-rules.ts'
import { startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { migrate } from '#core/db/migrate.ts'
import { createPool } from '#core/db/pool.ts'
import { lock } from '#core/features/conversations/repository.ts'
import { routeOn } from '#core/features/routing/route.ts'
import { type CompiledRule, matchRules } from '#core/features/routing-rules/book.ts'
import { compileGroup } from '#core/features/routing-rules/matching.ts'
import { openServices } from '#core/open-services.ts'
import { change } from '#core/services.ts'
import { aConversation, anAgent, anOrganisation, aSite, aVisitor } from '#tests/support/factories.ts'

const ruleCount = 100
const limitMs = 2

const facts: Facts = {
  'visitor.name': 'Sofia Ricci',
  'visitor.email': 'sofia.ricci@northwind.test',
  'visitor.emailDomain': 'northwind.test',
  'visitor.company': 'Northwind Traders',
  'visitor.language': ['it-IT', 'it'],
  'visitor.pastChats': 3,
  'page.url': `https://www.shop.test/lamps/halo-40?${'colour=warm&'.repeat(20)}`,
  'page.path': '/lamps/halo-40',
  'local.weekday': 2,
  'local.time': '10:30',
  'crm.status': 'Working - Contacted',
  'crm.owner': ['dana@foyer.test', 'Dana Whitfield'],
}

/** The first four hold, so that each rule is read to its end; the fifth does only in the last rule. */
const conditionsOf = (index: number): RootGroup => ({
  type: 'group',
  match: 'all',
  conditions: [
    one('visitor.company', 'contains_not', `company ${index}`),
    one('page.url', 'contains_not', `campaign-${index}`),
    one('visitor.pastChats', 'at_most', index + 3),
    one('visitor.language', 'in_list', ['it', `x-${index}`]),
    one('visitor.emailDomain', 'is', index === ruleCount - 1 ? 'northwind.test' : `domain-${index}.test`),
  ],
})
const one = (fact: string, operator: Condition['operator'], value: Condition['value']): Condition => ({
  type: 'condition',
  fact,
  operator,
  value,
})

const target = { type: 'agents' as const, agentIds: [] as string[] }
const rules: CompiledRule[] = Array.from({ length: ruleCount }, (_, index) => ({
  rule: { id: String(index), name: `Rule ${index}`, target },
  conditions: compileGroup(conditionsOf(index)),
}))

/** The least it could be: as many comparisons of strings that are at hand. */
const strings = Array.from({ length: ruleCount * 5 }, (_, index) => `domain-${index}.test`)
const floor = () => strings.filter((text) => text === 'northwind.test').length

function median(times: number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN
}
const quantile = (times: number[], part: number) =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length * part)] ?? Number.NaN

function time(work: () => unknown): number {
  const times: number[] = []
  for (let n = 0; n < 3_000; n++) {
    const began = performance.now()
    work()
    times.push(performance.now() - began)
  }
  return median(times.slice(1_000))
}

const floorMs = time(floor)
const matchMs = time(() => matchRules(rules, facts))
if (matchRules(rules, facts)?.rule.name !== `Rule ${ruleCount - 1}`)
  throw new Error('Not the last rule held: the bench measures something else')

// ——— the worst an address could be ———
const costly: Facts = { 'page.url': 'a'.repeat(2_000) }
const costlyRules: CompiledRule[] = Array.from({ length: ruleCount }, (_, index) => ({
  rule: { id: String(index), name: 'Costly', target },
  conditions: compileGroup({
    type: 'group',
    match: 'any',
    conditions: Array.from({ length: 5 }, () => one('page.url', 'contains', `${'a'.repeat(499)}b`)),
  }),
}))
const costlyBegan = performance.now()
for (let n = 0; n < 20; n++) matchRules(costlyRules, costly)
const costlyMs = (performance.now() - costlyBegan) / 20

// ——— the whole choice ———
const folder = await mkdtemp(join(tmpdir(), 'foyer-rules-'))
const server = await startEmbeddedPostgres({ dataDir: folder })
await migrate(server.url)
const pool = createPool(server.url, 4, 'foyer bench')
const clock = new DatabaseClock(pool)
await clock.start()
await anOrganisation(pool, clock.now(), { agentCap: 1_000_000 })
const site = await aSite(pool, clock.now())
const config = readConfig('start', { FOYER_DATA_DIR: folder, FOYER_LOG_LEVEL: 'silent' })
const { services, close } = await openServices(
  { ...config, databaseUrl: server.url },
  pino({ level: 'silent' }),
  { pool, clock },
)
const processId = randomUUID()
await pool.query("insert into processes (id, role, started_at, alive_until) values ($1, 'web', $2, $3)", [
  processId,
  clock.now(),
  new Date(clock.now().getTime() + 3_600_000),
])
for (let n = 0; n < 20; n++) {
  const { id } = await anAgent(pool, clock.now())
  await pool.query(
    `insert into presence (socket_id, process_id, subject_type, subject_id, connected_at)
     values ($1, $2, 'agent', $3, $4)`,
    [randomUUID(), processId, id, clock.now()],
  )
  target.agentIds.push(id)
}
await pool.query("update sites set route = 'rules' where id = $1", [site.id])

async function routed(): Promise<number> {
  const visitor = await aVisitor(pool, clock.now(), {
    siteId: site.id,
    name: 'Sofia Ricci',
    company: 'Northwind Traders',
    email: `sofia.${randomUUID()}@northwind.test`,
  })
  await pool.query(
    `update visitors set language = 'it-IT', page = '{"url": "https://www.shop.test/lamps"}' where id = $1`,
    [visitor.id],
  )
  const id = await aConversation(pool, clock.now(), { siteId: site.id, visitorId: visitor.id })
  return change(services, async (current) => {
    const row = await lock(current.tx, id)
    const began = performance.now()
    await routeOn(services, current, row)
    return performance.now() - began
  })
}

async function save(count: number): Promise<void> {
  await sql`delete from routing_rules`.execute(services.db)
  for (let index = ruleCount - count; index < ruleCount; index++)
    await sql`
      insert into routing_rules (id, name, enabled, priority, conditions, target, created_at, updated_at)
      values (${randomUUID()}, ${`Rule ${index}`}, true, ${index + 1}, ${JSON.stringify(conditionsOf(index))}::jsonb,
              ${JSON.stringify(target)}::jsonb, ${clock.now()}, ${clock.now()})`.execute(services.db)
  await sql`update organisation set routing_rules_version = routing_rules_version + 1`.execute(services.db)
}

/** In turns, so that whatever else the machine does is in both. */
const without: number[] = []
const withRules: number[] = []
for (let round = 0; round < 6; round++)
  for (const [count, times] of [
    [0, without],
    [ruleCount, withRules],
  ] as const) {
    await save(count)
    // the first request compiles them
    await routed()
    for (let n = 0; n < 60; n++) times.push(await routed())
  }
const { rows } = await pool.query(
  "select label, count(*)::int as count from routing_steps where stage = 'rule' and outcome = 'asked' group by label",
)
if (rows.length !== 1 || rows[0].count < withRules.length)
  throw new Error(`The rules did not choose: ${JSON.stringify(rows)}`)
await close()
await pool.end()
await server.stop()
await rm(folder, { recursive: true, force: true })

const show = (ms: number) => `${(ms * 1_000).toFixed(1)} µs`
const added = median(withRules) - median(without)
console.log(`${ruleCount} rules with 5 conditions each; the last one holds`)
console.log(`floor (${strings.length} comparisons of strings)     ${show(floorMs)}`)
console.log(
  `matching, texts made comparable too     ${show(matchMs)}  ${(matchMs / floorMs).toFixed(1)} × floor`,
)
console.log(`matching an address of 2,000 letters with the costliest of values   ${show(costlyMs)}`)
console.log(
  `routeOn without rules, median / p95     ${show(median(without))} / ${show(quantile(without, 0.95))}`,
)
console.log(
  `routeOn with rules, median / p95        ${show(median(withRules))} / ${show(quantile(withRules, 0.95))}`,
)
console.log(
  `rules add ${show(added)} to a request; at most ${limitMs} ms are allowed: ${added <= limitMs ? 'kept' : 'BROKEN'}`,
)
process.exit(added <= limitMs ? 0 : 1)
