import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { StartError } from '#core/errors.ts'
import { keptSecretKey } from '#core/secret-key.ts'

async function aDataFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'foyer-key-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

test('the key is made once, and only its owner reads it', async () => {
  const folder = await aDataFolder()
  const key = await keptSecretKey(folder)
  expect(key.length).toBeGreaterThanOrEqual(32)
  expect(await keptSecretKey(folder)).toBe(key)
  expect(await readdir(folder)).toEqual(['secret-key'])
  expect((await stat(path.join(folder, 'secret-key'))).mode & 0o777).toBe(0o600)
  expect(await keptSecretKey(await aDataFolder())).not.toBe(key)
})

test('an emptied file stops the start: another key would open nothing', async () => {
  const folder = await aDataFolder()
  await writeFile(path.join(folder, 'secret-key'), '\n')
  await expect(keptSecretKey(folder)).rejects.toThrow(StartError)
})
