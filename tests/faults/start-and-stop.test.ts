import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { clusterIn, existingHome } from '#core/db/embedded/home.ts'
import { readPostmasterFile } from '#core/db/embedded/postmaster-file.ts'
import { isRunning } from '#core/db/embedded/processes.ts'
import { scratchDatabase } from '#tests/support/database.ts'
import { endPostgresOf } from '#tests/support/embedded.ts'
import { folderForFile } from '#tests/support/folder.ts'
import { spawnFoyerProcess, startFoyerProcess } from '#tests/support/foyer-process.ts'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { waitFor } from '#tests/support/wait.ts'

let dataDir: string

beforeAll(async () => {
  dataDir = join(await folderForFile('starts'), 'data')
})
afterAll(() => endPostgresOf(dataDir))

async function postmaster(): Promise<number> {
  const home = await existingHome(dataDir)
  const file = home && (await readPostmasterFile(clusterIn(home)))
  if (!file) throw new Error('No PostgreSQL was started')
  return file.pid
}

/** One that ends with its test, however that goes. */
async function started(env: NodeJS.ProcessEnv): Promise<ServerProcess> {
  const server = await startFoyerProcess('start', env)
  onTestFinished(() => server.kill())
  return server
}

/** How a start that cannot succeed ends: with exit code 1 and one plain sentence. */
async function refused(mode: 'start' | 'web' | 'worker', env: NodeJS.ProcessEnv): Promise<string> {
  const server = spawnFoyerProcess(mode, env)
  onTestFinished(() => server.kill())
  expect(await server.ended()).toBe(1)
  const lines = server.output.trim().split('\n')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^\S.+\.$/)
  return lines[0] ?? ''
}

test('Ctrl-C stops everything within seconds, PostgreSQL too, with people connected', async () => {
  const foyer = await started({ FOYER_DATA_DIR: dataDir })
  const pid = await postmaster()
  const socket = new WebSocket(`${foyer.origin.replace('http', 'ws')}/ws/visitor`)
  socket.on('error', () => undefined)
  await once(socket, 'open')
  const at = performance.now()
  expect(await foyer.stop('SIGINT')).toBe(0)
  expect(performance.now() - at).toBeLessThan(8_000)
  expect(await isRunning(pid)).toBe(false)
  await waitFor('the socket is closed', () => socket.readyState === WebSocket.CLOSED)
})

test('a second start on the same data is refused, and the first goes on', async () => {
  const first = await started({ FOYER_DATA_DIR: dataDir })
  const sentence = await refused('start', { FOYER_DATA_DIR: dataDir })
  expect(sentence).toContain(dataDir)
  expect((await fetch(`${first.origin}/healthz`)).status).toBe(200)
  // a service manager's way
  expect(await first.stop('SIGTERM')).toBe(0)
})

test('Ctrl-C in the middle of a start ends it, and leaves no PostgreSQL behind', async () => {
  const before = await postmaster().catch(() => 0)
  const foyer = spawnFoyerProcess('start', { FOYER_DATA_DIR: dataDir })
  onTestFinished(() => foyer.kill())
  const pid = await waitFor('PostgreSQL is being started', async () => {
    const file = await postmaster()
    return file !== before && file
  })
  expect(await foyer.stop('SIGINT')).toBe(0)
  expect(await isRunning(pid)).toBe(false)
})

test('a port that is taken is named', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  try {
    const sentence = await refused('start', { FOYER_DATA_DIR: dataDir, FOYER_PORT: String(port) })
    expect(sentence).toMatch(new RegExp(`${port}.*FOYER_PORT`))
    expect(await isRunning(await postmaster().catch(() => 2 ** 22))).toBe(false)
  } finally {
    other.close()
    await once(other, 'close')
  }
})

test('a wrong variable, or a wrong pair of them, is named', async () => {
  expect(await refused('start', { FOYER_DATA_DIR: dataDir, FOYER_PORT: 'http' })).toContain('FOYER_PORT')
  expect(await refused('worker', { FOYER_DATA_DIR: dataDir })).toContain('FOYER_DATABASE_URL')
})

test('two processes without Redis are kept off one database', async () => {
  const database = await scratchDatabase()
  const env = { FOYER_DATA_DIR: dataDir, FOYER_DATABASE_URL: database.url, FOYER_SECRET_KEY: 'k'.repeat(32) }
  const first = await started(env)
  expect(await refused('start', env)).toContain('FOYER_REDIS_URL')
  // killed, it leaves nothing that keeps the next one out
  await first.kill()
  const next = await started(env)
  expect(await next.stop()).toBe(0)
  await database.drop()
})

test('a database that is not there is named', async () => {
  const env = { FOYER_DATA_DIR: dataDir, FOYER_SECRET_KEY: 'k'.repeat(32) }
  const sentence = await refused('start', {
    ...env,
    FOYER_DATABASE_URL: 'postgres://foyer:sesame@127.0.0.1:1/foyer',
  })
  expect(sentence).toContain('FOYER_DATABASE_URL')
  expect(sentence).not.toContain('sesame')
})
