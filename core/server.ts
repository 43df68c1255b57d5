import path from 'node:path'
import type { SampleVendor } from '../connectors/demo.ts'
import { installedConnectors } from '../connectors/index.ts'
import { buildFrontEndsApart } from '../inbox-ui/build.ts'
import { startFoyerWorkers } from '../workers/foyer.ts'
import { buildApp } from './app.ts'
import { type Config, readConfig, warnOfTestClock } from './config.ts'
import { claimDatabase } from './db/claim.ts'
import { startEmbeddedPostgres } from './db/embedded/embedded-postgres.ts'
import { migrate } from './db/migrate.ts'
import { orStop, StartError } from './errors.ts'
import { connectSampleCalendars } from './features/demo/calendars.ts'
import { connectSampleCrms } from './features/demo/crms.ts'
import { demoPassword, seedDemo } from './features/demo/seed.ts'
import { printSetUpLink } from './features/setup/service.ts'
import { type OnStop, runProcess } from './process.ts'
import { resealSecrets } from './reseal.ts'
import { keptSecretKey } from './secret-key.ts'

/** `npm run demo`, `npm start` and `npm run web`: the same web process, with the database, the workers and the sample
 *  data it has to bring itself. */
const modes = ['demo', 'start', 'web'] as const

await runProcess(async (onStop) => {
  const mode = modes.find((name) => name === process.argv[2])
  if (!mode) throw new StartError(`Say what to start: ${modes.join(', ')}.`)
  const config = readConfig(mode, process.env)
  warnOfTestClock(config)
  const connectors = await orStop(installedConnectors(config.connectors))
  const building = buildFrontEndsApart()
  // should it fail first, that is heard below, when the database that is being started can be stopped
  building.catch(() => undefined)
  const databaseUrl = await openDatabase(config, onStop)
  await building
  await migrate(databaseUrl)
  const secretKey = config.secretKey ?? (await keptSecretKey(config.dataDir))
  const app = await buildApp({ ...config, databaseUrl, secretKey }, { connectors })
  onStop('The web server', () => app.close())
  await resealSecrets(app.services)
  const password = mode === 'demo' ? await demoPassword(config) : null
  if (password !== null) await seedDemo(app.services, password)
  const vendors = mode === 'demo' ? await startVendors(app.services, onStop) : []
  const listening = await listen(app, config)
  app.services.config.publicUrl ??= listening
  if (mode !== 'web') {
    // not before: what was due while Foyer was down is mailed at once, with links
    const workers = await startFoyerWorkers(app.services)
    onStop('The background work', () => workers.stop())
  }
  await connectSampleCrms(app.services, vendors)
  await connectSampleCalendars(app.services, vendors)
  await announce(app.services, listening, password)
})

async function openDatabase(config: Config, onStop: OnStop): Promise<string> {
  if (config.databaseUrl) {
    onStop('The claim on the database', await claimDatabase(config.databaseUrl, { alone: !config.redisUrl }))
    return config.databaseUrl
  }
  const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir })
  embedded.supervise()
  onStop('PostgreSQL', () => embedded.stop())
  return embedded.url
}

/** The demo brings its CRMs along, but those that the environment names. */
async function startVendors(
  { config, clock }: Awaited<ReturnType<typeof buildApp>>['services'],
  onStop: OnStop,
): Promise<SampleVendor[]> {
  // nobody else pays for loading them
  const { startSampleVendors } = await import('../connectors/demo.ts')
  const folder = path.join(config.dataDir, 'vendors')
  const vendors = await startSampleVendors(folder, () => clock.now(), Object.keys(config.standIns))
  for (const { connector, origin, close } of vendors) {
    config.standIns[connector] = origin
    onStop(`The sample ${connector}`, close)
  }
  return vendors
}

async function listen(app: Awaited<ReturnType<typeof buildApp>>, config: Config): Promise<string> {
  try {
    return await app.listen({ host: config.host, port: config.port })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EADDRINUSE')
      throw new StartError(
        `Port ${config.port} on ${config.host} is taken. Set FOYER_PORT to another one, or to 0 for any.`,
      )
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new StartError(`FOYER_HOST "${config.host}" is no address of this machine.`)
    if (code === 'EACCES')
      throw new StartError(
        `Port ${config.port} may not be opened by this user. Set FOYER_PORT to one above 1023.`,
      )
    throw error
  }
}

async function announce(
  services: Parameters<typeof printSetUpLink>[0],
  listening: string,
  password: string | null,
): Promise<void> {
  const url = services.config.publicUrl ?? listening
  // machines read this line, people the ones below it
  console.log(JSON.stringify({ url, port: Number(new URL(listening).port), pid: process.pid }))
  if (password !== null)
    console.log(`
  Foyer is ready.

  Sample site  ${url}/demo     open the chat at the bottom right
  Inbox        ${url}/inbox    in another window

  Sign in as dana@foyer.test, marco@foyer.test, aiko@foyer.test or admin@foyer.test
  Password     ${password}

  Known visitors: sofia.ricci@northwind.test (Salesforce), tom.becker@contoso.test (HubSpot)
  Ctrl-C stops it; the data stays in ${services.config.dataDir}
`)
  else await printSetUpLink(services, url)
}
