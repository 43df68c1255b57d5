import { expect, onTestFinished, test } from 'vitest'
import { endPostgresOf } from '#tests/support/embedded.ts'
import { folderForFile } from '#tests/support/folder.ts'
import { spawnFoyerProcess } from '#tests/support/foyer-process.ts'
import { waitFor } from '#tests/support/wait.ts'

test('standard output says in one JSON line where Foyer listens, however much it logs', async () => {
  const dataDir = await folderForFile('ready-line')
  const server = spawnFoyerProcess('start', { FOYER_DATA_DIR: dataDir, FOYER_LOG_LEVEL: 'trace' })
  onTestFinished(async () => {
    await server.kill()
    await endPostgresOf(dataDir)
  })
  let printed = ''
  server.child.stdout?.on('data', (text) => {
    printed += text
  })
  await waitFor('it is ready', () => printed.includes('\n\n') || printed.includes('/setup'), {
    timeoutMs: 60_000,
  })
  expect(await server.stop()).toBe(0)
  const lines = printed.split('\n').filter((line) => line.startsWith('{'))
  expect(lines).toHaveLength(1)
  const { url, port, pid } = JSON.parse(lines[0] ?? '')
  expect({ url, pid }).toEqual({ url: `http://127.0.0.1:${port}`, pid: server.pid })
})
