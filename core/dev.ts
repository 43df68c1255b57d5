import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import path from 'node:path'

/** `npm run dev`: the seeded demo in data/dev (or FOYER_DATA_DIR), started again when the server's sources change; the
 *  pages are built again when theirs do, and are there at the next reload. */
const root = path.join(import.meta.dirname, '..')
const server = ['core', 'workers', 'connectors']
const pages = ['inbox-ui', 'widget']
const settledMs = 150

let child = start()
let stopping = false
let work: Promise<void> = Promise.resolve()

for (const folder of server) follow(folder, restart)
for (const folder of pages) follow(folder, rebuild)

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, async () => {
    if (stopping) return
    stopping = true
    await end(child)
    process.exit(0)
  })

function start(): ChildProcess {
  const env = { ...process.env, FOYER_DATA_DIR: process.env.FOYER_DATA_DIR || path.join('data', 'dev') }
  const args = ['--max-semi-space-size=32', path.join('core', 'server.ts'), 'demo']
  // a group of its own: Ctrl-C reaches it once, from here, and in order
  return spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit', detached: true })
}

/** Changes come in handfuls: what follows within a moment is one change. A kind of file the server does not read, such as a
 *  test's result, changes nothing. */
function follow(folder: string, react: () => Promise<void>): void {
  let timer: NodeJS.Timeout | undefined
  watch(path.join(root, folder), { recursive: true }, (_event, name) => {
    if (!name || !/\.(ts|js|svelte|css|html|svg|sql|json)$/.test(name)) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      if (stopping) return
      // one after the other, so that no two servers want the same database
      work = work.then(react).catch((error: unknown) => console.error(error))
    }, settledMs)
  })
}

async function restart(): Promise<void> {
  console.log('The server changed; starting it again …')
  await end(child)
  if (!stopping) child = start()
}

/** In a process of its own, so that signals are heard meanwhile and the tools' memory is given back. What cannot be built
 *  is said there; the next save tries again. */
async function rebuild(): Promise<void> {
  const build = spawn(process.execPath, [path.join('inbox-ui', 'build.ts')], { cwd: root, stdio: 'inherit' })
  await once(build, 'exit')
}

/** Also when it ended by itself, because of an error in what is being written. */
async function end(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return
  const gone = once(process, 'exit')
  process.kill('SIGTERM')
  await gone
}
