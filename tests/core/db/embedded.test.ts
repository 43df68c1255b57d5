import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { addressOfRunning, startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { clusterIn } from '#core/db/embedded/home.ts'
import { becomesTrue, isRunning } from '#core/db/embedded/processes.ts'
import { asUser, chooseSystemUser, isRoot } from '#core/db/embedded/system-user.ts'
import { StartError } from '#core/errors.ts'
import {
  aDataDir,
  aFolder,
  killHard,
  otherFoyer,
  query,
  start,
  startHastily,
} from '#tests/support/embedded.ts'

test('the first start makes a database, and the second finds it with everything in it', async () => {
  const dataDir = await aDataDir()
  const first = await startHastily({ dataDir })
  expect(first.adopted).toBe(false)
  expect(await addressOfRunning(dataDir)).toBe(first.url)
  await query(first.url, "create table kept as select 'Müller' as name")
  await first.stop()
  expect(await isRunning(first.pid)).toBe(false)
  expect(await addressOfRunning(dataDir)).toBeUndefined()

  const second = await start({ dataDir })
  expect(second.adopted).toBe(false)
  expect(await query(second.url, 'select name from kept')).toEqual([{ name: 'Müller' }])
})

test('the database is UTF-8, safe against power cuts, on the loopback address, and behind a password', async () => {
  const { url, home, stop } = await startEmbeddedPostgres({ dataDir: await aDataDir() })
  onTestFinished(stop)
  const [settings] = await query<Record<string, unknown>>(
    url,
    `select current_setting('server_encoding') as encoding, current_setting('fsync') as fsync,
       current_setting('synchronous_commit') as commit, current_setting('listen_addresses') as addresses,
       (select rolsuper from pg_roles where rolname = current_user) as superuser,
       (select datlocprovider::text || ' ' || datlocale from pg_database where datname = 'foyer') as sorting`,
  )
  expect(settings).toEqual({
    encoding: 'UTF8',
    fsync: 'on',
    commit: 'on',
    addresses: '127.0.0.1',
    superuser: false,
    sorting: 'b C.UTF-8',
  })
  const wrong = new URL(url)
  wrong.password = 'guess'
  await expect(query(wrong.href, 'select 1')).rejects.toThrow('password authentication failed')
  for (const secret of ['password', 'foyer.lock', 'postgres.log'])
    expect(((await stat(join(home, secret))).mode & 0o777).toString(8)).toBe('600')
  // trigrams of letters beyond ASCII, which the search for people rests on
  await query(url, 'create extension pg_trgm')
  expect(await query(url, "select 'Mueller Ёлка' % 'Ёлка' as alike")).toEqual([{ alike: true }])
})

test('a second Foyer on the same folder is told who has it', async () => {
  const dataDir = await aDataDir()
  const first = otherFoyer({ dataDir })
  await first.ready()
  await expect(startHastily({ dataDir })).rejects.toThrow(
    new StartError(
      `Another Foyer (process ${first.pid}) already uses ${dataDir}. Stop it, or set FOYER_DATA_DIR to another folder.`,
    ),
  )
})

test('of Foyers that start at the same moment one gets the folder', async () => {
  const dataDir = await aDataDir()
  const outcomes = await Promise.allSettled([1, 2, 3].map(() => start({ dataDir, patienceMs: 0 })))
  expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected', 'rejected'])
})

test('a Foyer started while another stops waits for it', async () => {
  const dataDir = await aDataDir()
  const first = otherFoyer({ dataDir })
  const { url } = await first.ready()
  // an open connection with a transaction is what a fast shutdown has to end first
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  const stopped = first.stop()
  const holder = join(dataDir, 'postgres', 'foyer.pid')
  await becomesTrue(
    async () => !/"stopping":false/.test(await readFile(holder, 'utf8').catch(() => '')),
    5_000,
  )
  const second = await start({ dataDir })
  await stopped
  expect(second.adopted).toBe(false)
})

test('numbers of dead processes that others got since keep nobody out', async () => {
  const dataDir = await aDataDir()
  const first = await startHastily({ dataDir })
  await killHard(first.pid)
  await first.stop()
  // a stranger of the same user: PostgreSQL by itself takes it for its predecessor and refuses
  const stranger = spawn('sleep', ['60'], asUser(isRoot() ? await chooseSystemUser() : undefined))
  onTestFinished(() => void stranger.kill('SIGKILL'))
  await once(stranger, 'spawn')
  const file = join(clusterIn(first.home), 'postmaster.pid')
  const [, ...rest] = (await readFile(file, 'utf8')).split('\n')
  await writeFile(file, [stranger.pid, ...rest].join('\n'))
  await writeFile(join(first.home, 'foyer.pid'), JSON.stringify({ pid: stranger.pid, stopping: false }))

  const second = await start({ dataDir, patienceMs: 0 })
  expect(second.adopted).toBe(false)
})

test('a killed PostgreSQL comes back on the same port, and pools go on with all they were told is saved', async () => {
  const warnings: string[] = []
  const log = { info: () => undefined, warn: (message: string) => void warnings.push(message) }
  const server = await start({ dataDir: await aDataDir(), log })
  server.supervise()
  await query(server.url, 'create table saved (n int)')
  const pool = new pg.Pool({ connectionString: server.url, max: 4 })
  pool.on('error', () => undefined)
  onTestFinished(() => pool.end())
  const acknowledged: number[] = []
  for (let round = 0, n = 0; round < 3; round++) {
    const victim = server.pid
    const upTo = n + 20
    while (n < upTo || server.pid === victim) {
      if (n === upTo) process.kill(victim, 'SIGKILL')
      const value = n++
      await pool.query('insert into saved values ($1)', [value]).then(
        () => acknowledged.push(value),
        () => undefined,
      )
    }
  }
  const kept = await query<{ n: number }>(server.url, 'select n from saved')
  expect(acknowledged.length).toBeGreaterThanOrEqual(60)
  const keptNumbers = new Set(kept.map((row) => row.n))
  expect(acknowledged.filter((value) => !keptNumbers.has(value))).toEqual([])
  expect(warnings.filter((message) => message.includes('ended unexpectedly'))).toHaveLength(3)
})

test('stopping during a restart leaves no PostgreSQL behind', async () => {
  const dataDir = await aDataDir()
  const server = await startHastily({ dataDir })
  server.supervise()
  await killHard(server.pid)
  await server.stop()
  expect(await addressOfRunning(dataDir)).toBeUndefined()
  expect(await isRunning(server.pid)).toBe(false)
})

test('what PostgreSQL says against its settings is passed on', async () => {
  const dataDir = await aDataDir()
  const outcome = startHastily({ dataDir, settings: { shared_buffers: 'plenty' } })
  await expect(outcome).rejects.toThrow(
    /could not start .*invalid value for parameter "shared_buffers": "plenty"/,
  )
  await expect(outcome).rejects.toBeInstanceOf(StartError)
  // and the folder is free and good for a better start
  await start({ dataDir })
})

test('a data folder that cannot be one is refused with a sentence', async () => {
  const file = join(await aFolder(), 'file')
  await writeFile(file, '')
  for (const dataDir of [file, join(file, 'data')])
    await expect(startHastily({ dataDir })).rejects.toThrow(
      /^Foyer could not prepare its database: .* is not a folder .* Set FOYER_DATA_DIR to a folder\.$/,
    )
})

test('a database without its password, or of another PostgreSQL, is refused with a sentence', async () => {
  const dataDir = await aDataDir()
  const { home, stop } = await startHastily({ dataDir })
  await stop()
  const version = join(clusterIn(home), 'PG_VERSION')
  await writeFile(version, '17\n')
  await expect(startHastily({ dataDir })).rejects.toThrow('made by PostgreSQL 17, and this Foyer brings 18')
  await writeFile(version, '18\n')
  const password = join(home, 'password')
  const secret = await readFile(password, 'utf8')
  await writeFile(password, 'another')
  await expect(startHastily({ dataDir, patienceMs: 0 })).rejects.toThrow('password authentication failed')
  await writeFile(password, secret)
  await start({ dataDir })
  expect(await readdir(home)).not.toContain('cluster.new')
})
