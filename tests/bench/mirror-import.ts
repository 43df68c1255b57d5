import { tmpdir } from 'node:os'
import { pino } from 'pino'
import { connectorList } from '#connectors/sdk/list.ts'
import { readConfig } from '#core/config.ts'
import { openServices } from '#core/open-services.ts'
import { MemoryCrm } from '#tests/support/memory-crm.ts'
import { startFoyerWorkers } from '#workers/foyer.ts'

/** The import of mirror.ts, in a process as `npm run worker` is, with everything that one does. Tells its memory, in MB. */
const [, , databaseUrl = '', origin = ''] = process.argv
const growing = await MemoryCrm.start('growing')
const much = { limit: { requests: 1_000_000, perMs: 1_000, reserve: 0 } }
const settings = {
  FOYER_LOG_LEVEL: 'silent',
  FOYER_DATA_DIR: tmpdir(),
  FOYER_SECRET_KEY: process.env.FOYER_SECRET_KEY,
}
const config = { ...readConfig('start', settings), databaseUrl, standIns: { growing: origin } }
const { services, close } = await openServices(config, pino({ level: 'silent' }), {
  connectors: connectorList([growing.declaration(much)]),
})
const workers = await startFoyerWorkers(services)

const memory: number[] = []
const sampler = setInterval(() => memory.push(process.memoryUsage.rss() / 1024 / 1024), 500)
const began = performance.now()
const readState = async () => {
  const { rows } = await services.pool.query<{ state: string }>(
    `select import_state as state from connection_sync s join connections c on c.id = s.connection_id where c.connector = 'growing'`,
  )
  return rows[0]?.state
}
// the worker's own schedule takes it within a second
while ((await readState()) === 'running') await new Promise((resolve) => setTimeout(resolve, 100))
clearInterval(sampler)
process.send?.({ seconds: (performance.now() - began) / 1_000, memory, state: await readState() })
await workers.stop()
await close()
await growing.stop()
process.disconnect?.()
