import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { commandLine, existsInTable, isRunning } from './processes.ts'

/** What a running PostgreSQL writes into its cluster.
 *  https://www.postgresql.org/docs/18/storage-file-layout.html */
export interface PostmasterFile {
  pid: number
  /** Undefined until it listens. */
  port: number | undefined
}

const name = 'postmaster.pid'
/** Above any number a system gives out: a process that cannot exist. */
const nobodyPid = 2_147_483_646

export async function readPostmasterFile(cluster: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(join(cluster, name), 'utf8').catch(() => '')
  const [pid, , , port] = text.split('\n')
  // empty while it is being written
  if (!Number(pid)) return undefined
  return { pid: Number(pid), port: Number(port) || undefined }
}

/** Whether the process really is the PostgreSQL of this cluster, not another that got its number later. */
export async function isPostmasterOf(cluster: string, pid: number): Promise<boolean> {
  if (!(await isRunning(pid))) return false
  const command = await commandLine(pid)
  return /postgres/.test(command) && command.includes(` -D ${cluster} `)
}

/** PostgreSQL refuses to start while the number in its file is in use, even by a stranger or a zombie. Only the
 *  number is replaced: the rest lets it find backends that outlived their postmaster. */
export async function disown(cluster: string, { pid }: PostmasterFile): Promise<void> {
  if (!existsInTable(pid)) return
  const path = join(cluster, name)
  const [, ...rest] = (await readFile(path, 'utf8')).split('\n')
  // written in place: the file keeps its owner
  await writeFile(path, [nobodyPid, ...rest].join('\n'))
}
