import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { migrate } from '#core/db/migrate.ts'
import { createDb, createPool } from '#core/db/pool.ts'
import { findMatches } from '#core/features/conversations/search.ts'

/** How long searching for a visitor takes among so many, each with one ended chat: `npx node tests/bench/search.ts`. The median
 *  and the slowest of 20. */
const sizes = [50_000, 200_000]
const times = 20
const queries = {
  'a name few have': 'quillfeather7',
  'an address': 'visitor41999@',
  'a corrected name': 'corrected4100',
  'a company a hundredth have': 'company 42 ',
  'what everybody has': 'example.test',
  'two letters of many': 'or',
  'two letters of nobody': 'zq',
}

const folder = await mkdtemp(join(tmpdir(), 'foyer-search-'))
await chmod(folder, 0o711)
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), settings: { fsync: 'off' } })
try {
  await migrate(postgres.url)
  const pool = createPool(postgres.url, 4, 'bench')
  const db = createDb(pool)
  await pool.query(`insert into sites (id, name, key, identity_secret, created_at)
    values ('00000000-0000-4000-8000-000000000000', 'Site', 'key', 'secret', now())`)
  let made = 0
  for (const size of sizes) {
    await fill(made, size)
    made = size
    for (const [what, query] of Object.entries(queries)) {
      const took: number[] = []
      let found = 0
      for (let n = 0; n < times; n++) {
        const since = performance.now()
        found = (await findMatches(db, query, sql`true`)).length
        took.push(performance.now() - since)
      }
      took.sort((a, b) => a - b)
      const [median = 0, worst = 0] = [took[times / 2], took.at(-1)]
      console.log(
        `${String(size).padStart(7)}  ${what.padEnd(28)} ${median.toFixed(1).padStart(7)} ${worst.toFixed(1).padStart(7)} ms  ${found} found`,
      )
    }
  }
  await db.destroy()

  async function fill(from: number, to: number): Promise<void> {
    const client = await pool.connect()
    try {
      await client.query('set statement_timeout = 0')
      await client.query(
        `insert into visitors (id, site_id, token_hash, name, email, company, corrections, created_at, seen_at)
         select md5('v' || n)::uuid, '00000000-0000-4000-8000-000000000000', decode(md5('t' || n), 'hex'),
           case when n % 10000 = 7 then 'Quillfeather' || n % 10 else 'Name ' || md5(n::text) end,
           'visitor' || n || '@example.test', 'Company ' || n % 100 || ' Works',
           case when n % 20 = 0 then jsonb_build_object('name', 'Corrected' || n) else '{}' end, now(), now()
         from generate_series($1::int, $2::int) n`,
        [from, to - 1],
      )
      await client.query(
        `insert into conversations (id, site_id, visitor_id, status, client_id, requested_at, ended_at, end_reason, first_text,
           last_at, visitor_seen_at)
         select md5('c' || n)::uuid, '00000000-0000-4000-8000-000000000000', md5('v' || n)::uuid, 'missed', 'x', at, at,
           'no_answer', 'Hello', at, at
         from generate_series($1::int, $2::int) n, lateral (select now() - n * interval '1 minute' as at) t`,
        [from, to - 1],
      )
      await client.query('vacuum analyze visitors, conversations')
    } finally {
      client.release(true)
    }
  }
} finally {
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}
