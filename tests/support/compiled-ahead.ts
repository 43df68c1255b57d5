import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const everything = [
  'core/app.ts',
  'core/db/embedded/embedded-postgres.ts',
  'workers/foyer.ts',
  'connectors/index.ts',
]

/** Compiles Foyer once for all processes of it that the tests start: half of the processor time of a start goes into
 *  that. A process keeps what it has compiled when it ends, and most of those in the tests are killed, so one that
 *  only loads Foyer goes before them. */
export default async function compileAhead(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'foyer-compiled-'))
  process.env.NODE_COMPILE_CACHE = folder
  const load = everything.map((file) => `await import('./${file}')`).join('\n')
  const child = spawn(process.execPath, ['--input-type=module', '--eval', `${load}\nprocess.exit()`], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: 'ignore',
  })
  // whoever comes before it is done compiles for itself
  const ended = once(child, 'exit').catch(() => undefined)
  return async () => {
    child.kill()
    await ended
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
