import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { buildApp } from '#core/app.ts'
import { writeBackup } from '#core/backup/backup.ts'
import { checkBackup, restoreBackup } from '#core/backup/restore.ts'
import { readConfig } from '#core/config.ts'
import { knownMigrations, migrate } from '#core/db/migrate.ts'
import { createPool } from '#core/db/pool.ts'
import { StartError } from '#core/errors.ts'
import { indexBacklog } from '#core/features/conversations/search.ts'
import { AgentActor } from '#tests/support/agent-actor.ts'
import { scratchDatabase } from '#tests/support/database.ts'
import { query } from '#tests/support/embedded.ts'
import { anAgent, anOrganisation, password } from '#tests/support/factories.ts'
import { startFoyer } from '#tests/support/foyer.ts'
import { runs, within } from '#tests/support/soak.ts'
import { waitFor } from '#tests/support/wait.ts'
import { startFoyerWorkers } from '#workers/foyer.ts'
import { brokenConversations, contentsOf } from './contents.ts'

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'foyer-backup-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function aDatabase(kind: 'empty' | 'migrated' = 'empty'): Promise<string> {
  const database = await scratchDatabase(kind)
  onTestFinished(() => database.drop())
  return database.url
}

/** What restoring changes on purpose, and what a running Foyer writes all the time. */
const changing = ['sessions', 'outbox', 'processes', 'presence']

/** A database with a little of everything, and its backup. */
async function aBackup(): Promise<{ url: string; file: string }> {
  const foyer = await startFoyer({ workers: false })
  const { visitor, agent, id } = await foyer.chat({
    first: 'Tabs\t, lines\nand \\. backslashes \u2028 🦄 \\N',
  })
  await agent.says(id, 'All kept')
  await agent.http.patch(`/visitors/${visitor.id}`, { name: 'Zoë "the quote" O’Hara' })
  while ((await indexBacklog(foyer.app.services)).mayBeMore);
  const file = join(await aFolder(), 'backup')
  await writeBackup(foyer.databaseUrl, file)
  return { url: foyer.databaseUrl, file }
}

const unlimited = { visitorBurst: 1e5, visitorPerSecond: 1e5, addressBurst: 1e5, addressPerSecond: 1e5 }

test('a backup made while everybody talks is one moment, and goes on from there elsewhere', async () => {
  const foyer = await startFoyer({ settings: { limits: unlimited, agentCap: 10 } })
  const agent = await foyer.agent({ email: 'dana@backup.test' })
  const chats = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const visitor = await foyer.visitor()
      const { id } = await visitor.asks()
      await agent.accepts(id)
      return { visitor, id, acknowledged: 1 }
    }),
  )
  let talking = true
  const talk = chats.map(async (chat) => {
    while (talking) {
      await Promise.all(
        Array.from({ length: 5 }, (_, n) =>
          chat.visitor.says(`line ${chat.acknowledged + n}`, { conversationId: chat.id }),
        ),
      )
      chat.acknowledged += 5
    }
  })
  const folder = await aFolder()
  const files: string[] = []
  const acknowledgedBefore: number[][] = []
  for (let n = 0; n < 3; n++) {
    const before = chats.map((chat) => chat.acknowledged)
    await waitFor('everybody to have said more', () =>
      chats.every((chat, i) => chat.acknowledged > (before[i] ?? 0)),
    )
    acknowledgedBefore.push(chats.map((chat) => chat.acknowledged))
    const file = join(folder, `backup-${n}`)
    await writeBackup(foyer.databaseUrl, file)
    files.push(file)
  }
  talking = false
  await Promise.all(talk)
  expect((await readdir(folder)).sort()).toEqual(['backup-0', 'backup-1', 'backup-2'])
  expect((await stat(files[0] ?? '')).mode & 0o777).toBe(0o600)

  for (const [n, file] of files.entries()) {
    const url = await aDatabase()
    await restoreBackup(url, file)
    expect(await brokenConversations(url)).toEqual([])
    for (const [i, { id }] of chats.entries()) {
      const rows = await query<{ lines: number }>(
        url,
        `select count(*)::int as lines from entries where conversation_id = '${id}' and kind = 'message'`,
      )
      // what was acknowledged before the backup began is in it
      expect(rows[0]?.lines).toBeGreaterThanOrEqual(acknowledgedBefore[n]?.[i] ?? 0)
    }
  }

  // the last one is brought to life
  const url = await aDatabase()
  await restoreBackup(url, files[2] ?? '')
  const config = {
    ...readConfig('start', { FOYER_LOG_LEVEL: 'silent', FOYER_DATA_DIR: folder }),
    databaseUrl: url,
  }
  const app = await buildApp(config)
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const workers = await startFoyerWorkers(app.services)
  try {
    // whoever was signed in has to sign in again
    expect((await agent.http.raw('GET', '/me')).status).toBe(200)
    const stale = await fetch(`${origin}/api/v1/me`, {
      headers: { cookie: agent.http.cookie ?? '', connection: 'close' },
    })
    expect(stale.status).toBe(401)
    const dana = await AgentActor.signIn(origin, 'dana@backup.test', password)
    expect(dana.conversations.size).toBe(4)
    const { id } = chats[0] ?? { id: '' }
    const last = dana.conversations.get(id)?.lastSeq ?? 0
    await dana.says(id, 'And we go on')
    await waitFor('the answer in the log', () => (dana.conversations.get(id)?.lastSeq ?? last) >= last)
    expect(await brokenConversations(url)).toEqual([])
    // what was promised before the backup is done by the new queue
    await dana.ends(id)
    await waitFor('the words to be found', async () => {
      const page = await dana.http.get<{ conversations: unknown[] }>(
        '/conversations?view=all&query=we%20go%20on',
      )
      return page.conversations.length === 1
    })
    await dana.leaves()
  } finally {
    await workers.stop()
    await app.close()
  }
}, 60_000)

test('everything comes back as it was, on a database that held something else too', async () => {
  const { url, file } = await aBackup()
  const before = await contentsOf(url, changing)
  const fresh = await aDatabase()
  const { rows } = await restoreBackup(fresh, file)
  expect(rows.get('conversations')).toBe(1)
  expect(await contentsOf(fresh, changing)).toEqual(before)

  const used = await aDatabase('migrated')
  await query(used, `insert into setup_links values ('\\x00', now(), null)`)
  const untouched = await contentsOf(used)
  await expect(restoreBackup(used, file)).rejects.toThrow('The database is not empty.')
  expect(await contentsOf(used)).toEqual(untouched)
  await restoreBackup(used, file, { replace: true })
  expect(await contentsOf(used, changing)).toEqual(before)
  // and its own migrations find nothing to do
  expect(await migrate(used)).toEqual([])
})

test('no number is given twice, not even one of a row that is gone', async () => {
  const url = await aDatabase('migrated')
  const anEntry = (database: string) =>
    query<{ id: number }>(
      database,
      `insert into audit_log (at, action) values (now(), 'x') returning id::int`,
    )
  for (let n = 0; n < 5; n++) await anEntry(url)
  await query(url, 'delete from audit_log where id > 2')
  const file = join(await aFolder(), 'backup')
  await writeBackup(url, file)
  const fresh = await aDatabase()
  await restoreBackup(fresh, file)
  expect(await anEntry(fresh)).toEqual([{ id: 6 }])
  // given since the backup
  for (let n = 0; n < 5; n++) await anEntry(url)
  await restoreBackup(url, file, { replace: true })
  expect(await anEntry(url)).toEqual([{ id: 11 }])
})

test('open work goes to the new queue at once, whoever was busy with it', async () => {
  const url = await aDatabase('migrated')
  await query(
    url,
    `insert into outbox (task, payload, run_at, relayed_at, claimed_by, claimed_until, created_at)
     values ('send-mail', '{}', now(), now(), gen_random_uuid(), now() + interval '1 hour', now())`,
  )
  const file = join(await aFolder(), 'backup')
  await writeBackup(url, file)
  const fresh = await aDatabase()
  await restoreBackup(fresh, file)
  expect(await query(fresh, 'select state, relayed_at, claimed_by, claimed_until from outbox')).toEqual([
    { state: 'open', relayed_at: null, claimed_by: null, claimed_until: null },
  ])
})

test('a backup of an older Foyer is brought up to date', async () => {
  const url = await aDatabase()
  await migrate(url, undefined, undefined, '0005-offers-closed')
  const pool = createPool(url, 1, 'test')
  await anOrganisation(pool, new Date())
  await anAgent(pool, new Date(), { email: 'old@backup.test' })
  await pool.end()
  const file = join(await aFolder(), 'backup')
  expect((await writeBackup(url, file)).level).toBe('0005-offers-closed')
  const fresh = await aDatabase()
  const { migrated } = await restoreBackup(fresh, file)
  expect(migrated).toEqual((await knownMigrations()).slice(5))
  expect(await query(fresh, 'select email from agents')).toEqual([{ email: 'old@backup.test' }])
})

describe('refused, with nothing touched:', () => {
  test('a backup of a newer Foyer', async () => {
    const url = await aDatabase('migrated')
    await query(url, `insert into kysely_migration values ('9999-later', '2099-01-01T00:00:00.000Z')`)
    const file = join(await aFolder(), 'backup')
    await writeBackup(url, file)
    const refusal = new StartError(
      `${file} was made by a newer Foyer: its database had 9999-later, which this one does not know. Restore it with that Foyer or a newer one.`,
    )
    await expect(restoreBackup(await aDatabase(), file)).rejects.toThrow(refusal)
    await writeFile(file, 'Foyer backup, format 2\n...')
    await expect(checkBackup(file)).rejects.toThrow('a newer Foyer, in a format this one does not know')
  })

  test('a file that is cut off, changed, or something else', { timeout: within(180_000) }, async () => {
    const { url, file } = await aBackup()
    const whole = await readFile(file)
    const target = await aDatabase()
    const untouched = await contentsOf(url, ['processes'])
    const broken = `${file}-broken`
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        await writeFile(broken, whole.subarray(0, length))
        await expect(restoreBackup(url, broken, { replace: true })).rejects.toThrow(StartError)
      }),
      { numRuns: runs(10, 25), examples: [[0], [10], [23], [whole.length - 1]] },
    )
    const firstLine = whole.indexOf(10) + 1
    const lastLine = '\nThe backup ends here\n'.length
    const rowsIn = (backup: Buffer) => zstdDecompressSync(backup.subarray(firstLine, -lastLine))
    await fc.assert(
      // past the head of zstd's frame, where a bit may say the same in other words
      fc.asyncProperty(
        fc.integer({ min: firstLine + 8, max: whole.length - 1 }),
        fc.nat(7),
        async (at, bit) => {
          const changed = Buffer.from(whole)
          changed[at] = (changed[at] ?? 0) ^ (1 << bit)
          await writeFile(broken, changed)
          const isSound = await checkBackup(broken).then(
            () => true,
            () => false,
          )
          // some bits of zstd's may be set either way and say the same
          if (isSound) expect(rowsIn(changed)).toEqual(rowsIn(whole))
          else
            await expect(restoreBackup(url, broken, { replace: true })).rejects.toThrow(
              /is damaged: .*\. Use another backup\.$|was made by a newer Foyer/,
            )
        },
      ),
      {
        numRuns: runs(20, 60),
        examples: [
          [40, 6],
          [34, 0],
        ],
      },
    )
    const twice = Buffer.concat([whole.subarray(0, -lastLine), whole.subarray(firstLine)])
    await writeFile(broken, twice)
    await expect(checkBackup(broken)).rejects.toThrow('is damaged')
    for (const foreign of ['', 'PGDMP', '{"not": "a backup"}']) {
      await writeFile(broken, foreign)
      await expect(restoreBackup(target, broken)).rejects.toThrow(`${broken} is not a backup made by Foyer.`)
    }
    await expect(checkBackup(`${file}-none`)).rejects.toThrow(`There is no file ${file}-none.`)
    expect(await contentsOf(url, ['processes'])).toEqual(untouched)
    expect(await contentsOf(target)).toEqual({})
  })

  test('a database that holds something else', async () => {
    const url = await aDatabase('migrated')
    const file = join(await aFolder(), 'backup')
    await writeBackup(url, file)
    const foreign = await aDatabase()
    await query(foreign, 'create table invoices as select 1 as n')
    await expect(restoreBackup(foreign, file, { replace: true })).rejects.toThrow('tables of something else')
    const shared = await aDatabase('migrated')
    await query(shared, 'create table invoices as select 1 as n')
    await expect(restoreBackup(shared, file, { replace: true })).rejects.toThrow('also holds invoices')
    for (const database of [foreign, shared])
      expect(await query(database, 'select n from invoices')).toEqual([{ n: 1 }])
  })

  test('a place that cannot be written to, and a database without Foyer', async () => {
    const url = await aDatabase('migrated')
    const folder = await aFolder()
    await expect(writeBackup(url, join(folder, 'nowhere', 'backup'))).rejects.toThrow('cannot be written')
    await expect(writeBackup(url, folder)).rejects.toThrow(StartError)
    await expect(writeBackup(await aDatabase(), join(folder, 'backup'))).rejects.toThrow(
      'no Foyer in this database',
    )
    expect(await readdir(folder)).toEqual([])
  })

  test('a backup that somebody stops', async () => {
    const { url, file } = await aBackup()
    const before = await readFile(file)
    const stopping = new AbortController()
    const stopped = writeBackup(url, file, { signal: stopping.signal })
    stopping.abort()
    await expect(stopped).rejects.toThrow('Stopped; no backup was written.')
    expect(await readFile(file)).toEqual(before)
    expect(await readdir(join(file, '..'))).toEqual(['backup'])
  })
})
