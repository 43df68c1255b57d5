import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import type { Load, Server } from './drivers/driver.ts'
import { startFloor } from './drivers/floor.ts'
import { startFoyerServer } from './drivers/foyer.ts'
import { measureIdleSocket, measureSpeed } from './measure.ts'
import { describeMachine, judge, type Measured, table } from './report.ts'

/** Messages and idle sockets: Foyer beside the bare server of tests/bench/floor, in turns, each in a process of its own on
 *  an empty database of the same PostgreSQL with Foyer's own settings. `--quick` for a first look, `--server bare` or
 *  `--server foyer` for one of the two. */
const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, server: { type: 'string' } },
})
const runs = options.quick ? 1 : 5
const memoryRuns = options.quick ? 1 : 3
const durations = options.quick
  ? { warmUpSeconds: 2, rateSeconds: 5, saturationSeconds: 4 }
  : { warmUpSeconds: 4, rateSeconds: 10, saturationSeconds: 8 }
const speedLoad: Load = { visitors: 1_000, agents: 200 }
const idleLoad: Load = { visitors: 10_000, agents: 0 }

const starters = { bare: startFloor, foyer: startFoyerServer }
type Name = keyof typeof starters
const names = (Object.keys(starters) as Name[]).filter((name) => !options.server || options.server === name)

let databases = 0

async function stop(): Promise<void> {
  await postgres.stop()
  isStopped = true
  await rm(folder, { recursive: true, force: true })
}

/** Runs something on a server that was started for it on a database of its own. */
async function onFresh<T>(
  postgres: EmbeddedPostgres,
  name: Name,
  load: Load,
  work: (server: Server) => Promise<T>,
): Promise<T> {
  const database = `bench_${++databases}`
  const admin = new pg.Client({ connectionString: postgres.url })
  await admin.connect()
  try {
    await admin.query(`create database ${database}`)
    const url = new URL(postgres.url)
    url.pathname = `/${database}`
    const server = await starters[name](url.href, load)
    try {
      return await work(server)
    } finally {
      await server.stop()
      // an autovacuum worker that is just in it may not be ended by whoever drops it; it goes with the whole folder
      await admin.query(`drop database ${database} with (force)`).catch(() => undefined)
    }
  } finally {
    await admin.end()
  }
}

const folder = await mkdtemp(join(tmpdir(), 'foyer-bench-'))
// PostgreSQL, which never runs as root, must get through
await chmod(folder, 0o755)
const postgres = await startEmbeddedPostgres({ dataDir: folder })
let isStopped = false
// also when something throws where nobody waits for it
process.once('exit', () => isStopped || process.kill(postgres.pid, 'SIGQUIT'))
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, async () => {
    await stop()
    process.exit(130)
  })
const measured: Record<Name, Measured> = {
  bare: { speeds: [], idleSocketBytes: [] },
  foyer: { speeds: [], idleSocketBytes: [] },
}
try {
  for (let run = 1; run <= runs; run++)
    for (const name of names) {
      const speed = await onFresh(postgres, name, speedLoad, (server) =>
        measureSpeed(server, speedLoad, postgres.pid, durations),
      )
      measured[name].speeds.push(speed)
      const { rate, saturation, saturationCpu } = speed
      console.log(
        `run ${run}, ${name}: p50 ${rate.p50Ms.toFixed(2)} ms, p99 ${rate.p99Ms.toFixed(2)} ms, ` +
          `${Math.round(saturation.perSecond).toLocaleString('en')}/s, ` +
          `CPU ${saturationCpu.server.toFixed(4)} + ${saturationCpu.postgres.toFixed(4)} s`,
      )
    }
  for (let run = 1; run <= memoryRuns; run++)
    for (const name of names) {
      const bytes = await onFresh(postgres, name, idleLoad, (server) =>
        measureIdleSocket(server, postgres.pid, idleLoad.visitors),
      )
      measured[name].idleSocketBytes.push(bytes)
      console.log(`run ${run}, ${name}: ${(bytes / 1_024).toFixed(1)} KB an idle socket`)
    }
} finally {
  await stop()
}

const verdicts = judge(measured.bare, measured.foyer)
const machine = describeMachine()
await mkdir('tests/.results', { recursive: true })
await writeFile('tests/.results/bench.json', JSON.stringify({ machine, runs, verdicts, measured }, null, 2))
console.log(`\n${table(verdicts)}\n\nMedian of ${runs} runs in turns on ${machine}`)
console.log('All figures: tests/.results/bench.json')
if (names.length === 2 && verdicts.some((verdict) => !verdict.kept)) process.exit(1)
