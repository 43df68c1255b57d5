import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Config } from '../../config.ts'

/** What opens every sample account: FOYER_DEMO_PASSWORD, else one made at the first start and kept where only the
 *  owner of the data reads it. */
export async function demoPassword(config: Pick<Config, 'demoPassword' | 'dataDir'>): Promise<string> {
  if (config.demoPassword !== null) return config.demoPassword
  const file = path.join(config.dataDir, 'demo-password')
  const kept = await readFile(file, 'utf8').catch(orMissing)
  if (kept?.trim()) return kept.trim()
  await mkdir(config.dataDir, { recursive: true })
  const password = randomBytes(9).toString('base64url')
  // whole or not at all: a start that is killed here must not leave half a password
  const draft = `${file}.${process.pid}`
  await writeFile(draft, `${password}\n`, { mode: 0o600 })
  await rename(draft, file)
  return password
}

function orMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
