import { pino } from 'pino'
import { installedConnectors } from '#connectors/index.ts'
import { readConfig, warnOfTestClock } from '#core/config.ts'
import { claimDatabase } from '#core/db/claim.ts'
import { migrate } from '#core/db/migrate.ts'
import { orStop, StartError } from '#core/errors.ts'
import { loggerOptions } from '#core/log.ts'
import { openServices } from '#core/open-services.ts'
import { runProcess } from '#core/process.ts'
import { resealSecrets } from '#core/reseal.ts'
import { startFoyerWorkers } from './foyer.ts'

await runProcess(async (onStop) => {
  const config = readConfig('worker', process.env)
  warnOfTestClock(config)
  const connectors = await orStop(installedConnectors(config.connectors))
  const { databaseUrl } = config
  if (!databaseUrl) throw new StartError('FOYER_DATABASE_URL is not set.')
  const log = pino(loggerOptions(config), pino.destination(process.stderr.fd))
  onStop('The claim on the database', await claimDatabase(databaseUrl, { alone: false }))
  await migrate(databaseUrl, log)
  const { services, close } = await openServices({ ...config, databaseUrl }, log, { connectors })
  onStop('What the worker works with', close)
  await resealSecrets(services)
  const workers = await startFoyerWorkers(services)
  onStop('The background work', () => workers.stop())
  console.log(JSON.stringify({ worker: process.pid }))
})
