import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { migrate } from '#core/db/migrate.ts'
import { createDb, createPool, type Tx } from '#core/db/pool.ts'
import { lockRouting, stagesFor } from '#core/features/routing/choose.ts'
import { consider } from '#core/features/routing/order.ts'
import { readRequest } from '#core/features/routing/request.ts'

/** What choosing one of 200 agents costs, and whether it grows with the conversations there have been. Choosing is what
 *  happens while other requests wait: the lock, the one query, and going through those it found. Everybody but the last is
 *  passed over. Beside it, in turns, the floor: a transaction that takes the lock and nothing else. Judged by the fastest
 *  quarter, which a busy machine changes least. */
const past = process.argv.includes('--quick') ? 50_000 : 200_000
/** Growing with the past would be a factor of thousands, as it is for a walk over it; the rest is noise. */
const mostGrowth = 1.25
const agentCount = 200
const times = 200
const cap = 10

const folder = await mkdtemp(join(tmpdir(), 'foyer-routing-'))
await chmod(folder, 0o711)
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), settings: { fsync: 'off' } })
const pool = createPool(postgres.url, 4, 'bench')
const db = createDb(pool)
try {
  await migrate(postgres.url)
  const siteId = randomUUID()
  const visitorId = randomUUID()
  await pool.query(
    `insert into organisation (name, time_zone, created_at) values ('Bench', 'UTC', now());
     insert into processes (id, role, started_at, alive_until) values ('${siteId}', 'web', now(), 'infinity');
     insert into sites (id, name, key, identity_secret, created_at) values ('${siteId}', 'Site', 'key', 'secret', now());
     insert into visitors (id, site_id, email, created_at, seen_at)
       values ('${visitorId}', '${siteId}', 'sofia@milan.northwind.test', now(), now())`,
  )
  const blocks = [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ weekday, start: '00:00', end: '24:00' }))
  await pool.query(
    `insert into agents (id, email, name, profile, live_chat_schedule, created_at)
     select gen_random_uuid(), 'agent' || n || '@foyer.test', 'Agent ' || n, 'live_agent', $1, now() from generate_series(1, $2::int) n`,
    [JSON.stringify({ timeZone: 'Europe/Rome', blocks, datesOff: ['2026-12-25'] }), agentCount],
  )
  await pool.query(
    `insert into presence (socket_id, process_id, subject_type, subject_id, connected_at)
     select gen_random_uuid(), $1, 'agent', id, now() from agents`,
    [siteId],
  )
  // all but the last one of the round robin have as many chats as they may
  await chats(agentCount * cap, 'active', (n) => `(${n} / ${cap}) % ${agentCount}`)
  await pool.query(
    `delete from conversations where agent_id = (select id from agents order by position desc limit 1)`,
  )
  const conversation = { id: randomUUID(), round: 1 }
  await pool.query(
    `insert into conversations (id, site_id, visitor_id, status, client_id, requested_at, first_text, last_at, visitor_seen_at)
     values ($1, $2, $3, 'waiting', 'bench', now(), 'Hello', now(), now())`,
    [conversation.id, siteId, visitorId],
  )
  await pool.query('vacuum analyze')

  console.log(
    `choosing one of ${agentCount} agents, the last of whom is free; ms, fastest quarter, median and slowest of ${times}`,
  )
  const before = await measure('0 past conversations')
  await chats(past, 'ended', (n) => `${n} % ${agentCount}`)
  // a visitor who comes back, and the conversations of the others as autovacuum has left them
  await pool.query('vacuum analyze')
  const after = await measure(`${past} past conversations`)
  const ratio = after / before
  const isKept = ratio <= mostGrowth
  console.log(`${ratio.toFixed(2)} × as long, limit ${mostGrowth}: ${isKept ? 'kept' : 'BROKEN'}`)
  if (!isKept) process.exitCode = 1

  async function measure(what: string): Promise<number> {
    const took: number[] = []
    const floor: number[] = []
    for (let n = -20; n < times; n++) {
      const bare = await timed(lockRouting)
      const { ms, result: name } = await timed(choose)
      if (name !== `Agent ${agentCount}`)
        throw new Error(`${name} was chosen: the bench measures something else`)
      if (n < 0) continue
      took.push(ms)
      floor.push(bare.ms)
    }
    show('the lock alone (floor)', floor)
    return show(what, took)
  }

  function timed<T>(work: (tx: Tx) => Promise<T>): Promise<{ ms: number; result: T }> {
    return db.transaction().execute(async (tx) => {
      const began = performance.now()
      const result = await work(tx)
      return { ms: performance.now() - began, result }
    })
  }

  function show(what: string, took: number[]): number {
    const sorted = took.toSorted((a, b) => a - b)
    const [quarter, half, slowest] = [times / 4, times / 2, times - 1].map((at) => sorted[at] ?? NaN)
    console.log(
      what.padEnd(30) + [quarter, half, slowest].map((ms) => (ms ?? NaN).toFixed(2).padStart(8)).join(''),
    )
    return quarter ?? NaN
  }

  async function choose(tx: Tx): Promise<string | undefined> {
    const now = new Date()
    const found = await readRequest(tx, conversation)
    if (!found) return undefined
    const after = await lockRouting(tx)
    const stages = await stagesFor(tx, now, found.request, { after, rule: null })
    for (const { verdict, candidate } of consider(stages, now, cap)) if (verdict.free) return candidate.name
    return undefined
  }

  /** @param agent the place of the nth one's agent, in SQL. */
  async function chats(
    count: number,
    status: 'active' | 'ended',
    agent: (n: string) => string,
  ): Promise<void> {
    if (count === 0) return
    // Foyer's own connections end themselves when nothing is answered for 30 s
    const client = new pg.Client({ connectionString: postgres.url })
    await client.connect()
    try {
      await client.query(
        `with made as (
           insert into visitors (id, site_id, created_at, seen_at)
           select gen_random_uuid(), $1, now(), now() from generate_series(1, $2::int)
           returning id
         ), numbered as (select id, row_number() over () - 1 as n from made)
         insert into conversations (id, site_id, visitor_id, status, agent_id, client_id, requested_at, accepted_at, ended_at,
                                    end_reason, first_text, last_at, visitor_seen_at)
         select gen_random_uuid(), $1, id, $3, (array(select id from agents order by position))[${agent('n')} + 1], 'x', at, at,
                case when $3 = 'ended' then at end, case when $3 = 'ended' then 'agent' end, 'Hello', at, at
         from numbered, lateral (select now() - n * interval '1 minute' as at) t`,
        [siteId, count, status],
      )
    } finally {
      await client.end()
    }
  }
} finally {
  await db.destroy()
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}
