import { readFile, writeFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { complaintsIn } from '#core/db/embedded/failures.ts'
import { ServerLog } from '#core/db/embedded/server-log.ts'
import { aFolder } from '#tests/support/embedded.ts'

test("PostgreSQL's log keeps to two files of bounded size, and what appends to it goes on", async () => {
  const log = new ServerLog(await aFolder())
  const appending = await log.open()
  await appending.write('old\n')
  await log.rotate(100)
  expect(await log.since(0)).toBe('old\n')
  await log.rotate(3)
  await appending.write('new\n')
  await appending.close()
  expect(await readFile(log.path, 'utf8')).toBe('new\n')
  expect(await readFile(`${log.path}.1`, 'utf8')).toBe('old\n')
  // a place from before the rotation does not hide what came after
  expect(await log.since(1_000)).toBe('new\n')
})

test('of a long log only its end is read', async () => {
  const log = new ServerLog(await aFolder())
  await writeFile(log.path, `${'x'.repeat(30_000)}end`)
  const text = await log.since(0)
  expect(text).toHaveLength(20_000)
  expect(text.endsWith('end')).toBe(true)
})

test('of what PostgreSQL said only the complaints are shown, without dates and numbers', () => {
  const said = [
    '2026-11-22 13:00:21.533 UTC [11980] LOG:  starting PostgreSQL 18.4',
    '2026-11-22 13:00:21.600 UTC [11983] FATAL:  the database system is starting up',
    '2026-11-22 13:00:21.700 UTC [11980] FATAL:  could not map memory',
    '2026-11-22 13:00:21.700 UTC [11980] HINT:  Reduce the request size.',
  ].join('\n')
  expect(complaintsIn(said)).toBe('FATAL:  could not map memory · HINT:  Reduce the request size.')
  expect(complaintsIn('first\nlast words\n')).toBe('first · last words')
})
