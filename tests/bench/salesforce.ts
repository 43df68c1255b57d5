/** What an import takes of what Salesforce allows. It has no limit of calls a second, but one of calls in any 24 hours, for the whole
 *  organisation, and one of calls that take 20 s and more. So there are two answers: while the day has calls left, how full each is; and where
 *  the day is what holds an import up, how much of it is used, beside others who use it too. For that one, Foyer's clock and
 *  Salesforce's are moved on together, wherever there is nothing to do. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { salesforce } from '#connectors/salesforce/index.ts'
import { SalesforceStandIn } from '#connectors/salesforce/stand-in/index.ts'
import { connectorList } from '#connectors/sdk/list.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import { readConfig } from '#core/config.ts'
import { startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { migrate } from '#core/db/migrate.ts'
import { createPool } from '#core/db/pool.ts'
import { openConnection } from '#core/features/connections/open.ts'
import { importPeople, restartImport } from '#core/features/sync/import.ts'
import { holding, type SyncWork, takeDue } from '#core/features/sync/lease.ts'
import { pollChanges } from '#core/features/sync/poll.ts'
import { openServices } from '#core/open-services.ts'
import { change, type Services } from '#core/services.ts'
import { connectVendor } from '#tests/support/crm-vendors.ts'
import { anOrganisation } from '#tests/support/factories.ts'
import { TestClock } from '#tests/support/test-clock.ts'

const distanceMs = 100
const isQuick = process.argv.includes('--quick')
const people = isQuick ? 20_000 : 60_000
const rowsACall = 2_000
const dayMs = 86_400_000
const stepMs = 120_000
/** The smallest organisation there is, or a third of it; others have a fifth, all day. */
const allowed = isQuick ? 5_000 : 15_000
const day = { allowed, others: allowed / 5 }
const { reserve } = salesforce.limits.daily
const forBackground = Math.floor(day.allowed * (1 - reserve))
/** Foyer counts a day in forty slices, each until it is wholly over: what it does repeats after forty-one. */
const sliceMs = dayMs / 40
const periodMs = 41 * sliceMs
/** Who asks so shortly before the next slice waits for it, by the machine's clock. */
const waitsMs = 31_000

const broken: string[] = []
const judge = (what: string, value: number, limit: number, isKept: boolean) => {
  console.log(`${what.padEnd(72)} ${value.toFixed(2)}, limit ${limit}: ${isKept ? 'kept' : 'BROKEN'}`)
  if (!isKept) broken.push(what)
}

const folder = await mkdtemp(join(tmpdir(), 'foyer-salesforce-'))
await chmod(folder, 0o711)
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), settings: { fsync: 'off' } })
try {
  await migrate(postgres.url)
  const pool = createPool(postgres.url, 1, 'bench')
  await anOrganisation(pool, new Date())
  await pool.end()
  await fullCalls()
  await wholeDays()
} finally {
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}
if (broken.length > 0) process.exitCode = 1

/** An import with the day before it: all pages full, one call after the other. */
async function fullCalls(): Promise<void> {
  await using org = await connected(
    new SalesforceStandIn({ now: () => new Date() }),
    new TestClock(),
    distanceMs,
  )
  for (let place = 0; place < people; place++) org.lead(place)
  await org.turn('poll')
  await org.stopPolling()
  const { standIn } = org
  const before = standIn.log.length
  const began = performance.now()
  while (await org.isImporting()) if (!(await org.turn('import'))) await delay(50)
  const seconds = (performance.now() - began) / 1_000
  const calls = standIn.log.length - before
  const million = 1_000_000 / rowsACall
  // counting them, and the empty ends
  const others = calls - people / rowsACall
  console.log(
    `${people} people of a Salesforce ${distanceMs} ms away: ${(people / seconds).toFixed(0)} a second by ${calls} calls, ` +
      `${org.mostAtOnce()} at once at most of ${standIn.longCallsLimit}; a million are ${million + others} calls`,
  )
  const share = million / (million + others)
  judge('import of a million: people that a call brings, of those it could', share, 0.9, share >= 0.9)
  judge('… calls that Salesforce refuses', refusedOf(standIn), 0, refusedOf(standIn) === 0)
}

/** Imports without an end, a person a call, for so long that the day is what they wait for. */
async function wholeDays(): Promise<void> {
  const clock = new TestClock()
  const standIn = new SalesforceStandIn({ now: () => clock.now(), pageSize: 1, dailyLimit: day.allowed })
  await using org = await connected(standIn, clock, 0)
  for (let place = 0; place < 60; place++) org.lead(place)
  const start = clock.now().getTime()
  const everyMs = dayMs / day.others
  for (let place = 1; place <= day.others; place++) standIn.use(1, new Date(start - place * everyMs))
  let othersAt = start
  let liveAt = start
  let mostUsed = 0
  for (let now = start; now < start + 2 * periodMs; now = clock.now().getTime()) {
    for (; othersAt + everyMs <= now; othersAt += everyMs) standIn.use(1)
    const leftMs = sliceMs - (now % sliceMs)
    if (leftMs < waitsMs) clock.advance(leftMs)
    if (now >= liveAt) {
      await org.looksUp()
      liveAt += 3_600_000
    }
    await org.turn('poll')
    const worked = await org.turn('import')
    if (!(await org.isImporting())) await org.importAgain()
    mostUsed = Math.max(mostUsed, standIn.used)
    if (!worked) clock.advance(stepMs)
  }
  const steady = standIn.log.filter(({ at }) => at.getTime() >= start + periodMs)
  const calls = steady.filter(({ path }) => path.startsWith('/services/data/')).length
  const may = (forBackground - day.others) * (periodMs / dayMs)
  judge(
    'a day used up: calls of what is allowed less the reserve and others’',
    calls / may,
    0.9,
    calls / may >= 0.9,
  )
  judge('… calls that Salesforce refuses', refusedOf(standIn), 0, refusedOf(standIn) === 0)
  console.log(
    `… used at most, of ${day.allowed} with a reserve of ${day.allowed - forBackground}: ${mostUsed}; Foyer’s in ${(periodMs / 3_600_000).toFixed(1)} h: ${calls}`,
  )
}

function refusedOf({ log }: SalesforceStandIn): number {
  return log.filter(({ status }) => status === 403 || status === 429).length
}

/** Foyer with its one connection, to this organisation. */
async function connected(standIn: SalesforceStandIn, clock: TestClock, farMs: number) {
  let atOnce = 0
  let most = 0
  const served = await serveStandIn(async (request) => {
    most = Math.max(most, ++atOnce)
    if (farMs > 0) await delay(farMs)
    try {
      return await standIn.handle(request)
    } finally {
      atOnce--
    }
  })
  const { origin } = served
  const config = {
    ...readConfig('start', {
      FOYER_PORT: '0',
      FOYER_LOG_LEVEL: 'silent',
      FOYER_DATA_DIR: tmpdir(),
      FOYER_SECRET_KEY: randomBytes(32).toString('hex'),
    }),
    databaseUrl: postgres.url,
    standIns: { salesforce: origin },
  }
  const { services, close } = await openServices(config, pino({ level: 'silent' }), {
    clock,
    connectors: connectorList([salesforce]),
  })
  const { pool } = services
  await pool.query('truncate connections, people_mirror cascade')
  const id = await connectVendor(services, salesforce, {
    client: { id: 'foyer-demo', secret: 'foyer-demo-secret' },
    settings: { environment: 'production' },
    account: {
      id: standIn.org.organizationId,
      name: 'Foyer Demo',
      apiOrigin: origin,
      webOrigin: origin,
      details: { userId: standIn.org.userId },
    },
    grant: { ...standIn.oauth.grant(), expiresAt: new Date(clock.now().getTime() + 7_200_000) },
  })
  const { signal } = new AbortController()
  return {
    standIn,
    mostAtOnce: () => most,
    turn: (kind: SyncWork) => turn(services, kind, signal),
    lead: (place: number) =>
      standIn.org.insert('Lead', {
        FirstName: 'Person',
        LastName: `${place}`,
        Email: `p${place}@import.test`,
        Company: 'Northwind',
        Title: 'Buyer',
      }),
    /** As for an agent who waits for it. */
    async looksUp() {
      const { connector, crm } = await openConnection(services, id, { signal, priority: 'live' })
      if (crm) await connector.crm?.findPerson(crm, 'p1@import.test')
    },
    async isImporting() {
      const { rows } = await pool.query(`select from connection_sync where import_state = 'running'`)
      return rows.length > 0
    },
    importAgain: () => change(services, ({ tx, now }) => restartImport(tx, id, now)),
    stopPolling: () => pool.query(`update connection_sync set poll_due_at = 'infinity'`),
    async [Symbol.asyncDispose]() {
      await served.close()
      await close()
    },
  }
}

/** As workers do it. @returns whether something was due. */
async function turn(services: Services, kind: SyncWork, signal: AbortSignal): Promise<boolean> {
  const works = { poll: pollChanges, import: importPeople }
  const due = await takeDue(services, kind)
  for (const lease of due) await holding(services, kind, lease, signal, (held) => works[kind](services, held))
  return due.length > 0
}
