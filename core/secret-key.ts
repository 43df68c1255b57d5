import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { createDurably } from './db/embedded/durable.ts'
import { StartError } from './errors.ts'

/** The key for secrets in the embedded database: made at the first start, kept beside the database and not in it, where
 *  only its owner reads it.
 *  @param dataDir the folder of the embedded database, which this process holds.
 *  @throws {StartError} what is kept there is no key */
export async function keptSecretKey(dataDir: string): Promise<string> {
  const file = path.join(dataDir, 'secret-key')
  await createDurably(file, `${randomBytes(32).toString('base64url')}\n`)
  const key = (await readFile(file, 'utf8')).trim()
  if (key.length < 32)
    throw new StartError(`${file} holds no secret key any more: bring back the one that was there.`)
  return key
}
