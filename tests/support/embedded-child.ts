import { type EmbeddedOptions, startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'

/** A Foyer of nothing but its database, to be killed: `node embedded-child.ts <options as JSON> [pause at phase]`.
 *  Tells what happens as JSON lines: {"reached": phase}, {"ready": {url, pid, home, adopted}}, {"refused": sentence},
 *  {"stopped": true}. At the phase it was told it stays for ever. SIGTERM stops it in good order. */
const [options = '{}', pauseAt] = process.argv.slice(2)

const tell = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`)
// the test's end of the pipe may be gone; the process itself must live on until it is killed
process.stdout.on('error', () => undefined)
const alive = setInterval(() => undefined, 60_000)

try {
  const server = await startEmbeddedPostgres({
    ...(JSON.parse(options) as EmbeddedOptions),
    reached: (phase) => {
      tell({ reached: phase })
      return phase === pauseAt ? new Promise<void>(() => undefined) : undefined
    },
  })
  const { url, pid, home, adopted } = server
  process.once('SIGTERM', async () => {
    await server.stop()
    tell({ stopped: true })
    clearInterval(alive)
  })
  tell({ ready: { url, pid, home, adopted } })
} catch (error) {
  tell({ refused: error instanceof Error ? error.message : String(error) })
  clearInterval(alive)
}
