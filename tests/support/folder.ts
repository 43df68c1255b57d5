import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { atFileEnd } from './file-end.ts'
import { placeForClusters } from './places.ts'

/** A folder for the tests of one file, removed after the file's own hooks. PostgreSQL's user may pass through it. */
export async function folderForFile(name: string): Promise<string> {
  const folder = await mkdtemp(join(await placeForClusters(), `foyer-${name}-`))
  atFileEnd(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  await chmod(folder, 0o711)
  return folder
}
