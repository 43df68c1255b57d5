import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { readDataPlace } from '../config.ts'
import { claimDatabase } from '../db/claim.ts'
import { onData, withEmbedded } from '../db/embedded/on-data.ts'
import { StartError } from '../errors.ts'
import { writeBackup } from './backup.ts'
import { checkBackup, restoreBackup } from './restore.ts'

/** `npm run backup FILE` and `npm run restore FILE [-- --replace]`. */
const usage = `Say what to do:
  npm run backup FILE                   while Foyer runs or not
  npm run restore FILE                  into an empty database, Foyer stopped
  npm run restore FILE -- --replace     instead of everything that is there now`

const stopping = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopping.abort())

try {
  const [command, name, flag, ...more] = process.argv.slice(2)
  if (!name || name.startsWith('-') || more.length > 0) throw new StartError(usage)
  // npm runs scripts in Foyer's own folder, whatever folder the person is in
  const file = path.resolve(process.env.INIT_CWD ?? '', name)
  const place = readDataPlace(process.env)
  if (command === 'backup' && flag === undefined) await backUp(place, file)
  else if (command === 'restore' && (flag === undefined || flag === '--replace'))
    await restore(place, file, flag === '--replace')
  else throw new StartError(usage)
} catch (error) {
  console.error(error instanceof StartError ? error.message : error)
  process.exitCode = 1
}

type Place = ReturnType<typeof readDataPlace>

async function backUp({ dataDir, databaseUrl }: Place, file: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true }).catch((error: Error) => {
    throw new StartError(`The backup cannot be written to ${file}: ${error.message}.`)
  })
  const { rows, bytes, level } = await onData({ dataDir, databaseUrl }, (url) =>
    writeBackup(url, file, { signal: stopping.signal }),
  )
  const megabytes = (bytes / 1_000_000).toFixed(1)
  console.log(`Wrote ${file}: ${contentOf(rows)}, ${megabytes} MB, database version ${level.slice(0, 4)}.`)
  console.log(
    databaseUrl
      ? 'The secret key is not in it, so that whoever gets the backup cannot read its secrets. Keep FOYER_SECRET_KEY in another place: without it they cannot be read again.'
      : `The secret key is not in it, so that whoever gets the backup cannot read its secrets. Keep a copy of ${path.join(dataDir, 'secret-key')} in another place: without it they cannot be read again.`,
  )
}

async function restore({ dataDir, databaseUrl }: Place, file: string, replace: boolean): Promise<void> {
  // before a database is made for it
  await checkBackup(file)
  const work = (url: string) => restoreBackup(url, file, { replace, signal: stopping.signal })
  const { rows, madeAt, migrated } = databaseUrl
    ? await withClaim(databaseUrl, () => work(databaseUrl))
    : await withEmbedded(dataDir, work)
  console.log(`Restored what Foyer held at ${madeAt.toISOString()}: ${contentOf(rows)}.`)
  if (migrated.length > 0) console.log(`The database was brought up to date: ${migrated.join(', ')}`)
  console.log(
    databaseUrl
      ? 'Start Foyer with the FOYER_SECRET_KEY it had, and with an empty Redis. Everybody has to sign in again.'
      : `Put the secret key it had at ${path.join(dataDir, 'secret-key')} before you start Foyer, unless it is there. Everybody has to sign in again.`,
  )
}

async function withClaim<T>(databaseUrl: string, work: () => Promise<T>): Promise<T> {
  const giveBack = await claimDatabase(databaseUrl, {
    alone: true,
    refusal: 'A Foyer is running on the database of FOYER_DATABASE_URL. Stop all of its processes first.',
  })
  try {
    return await work()
  } finally {
    await giveBack()
  }
}

function contentOf(rows: Map<string, number>): string {
  const count = (table: string) => (rows.get(table) ?? 0).toLocaleString('en')
  return `${count('conversations')} conversations with ${count('entries')} lines, ${count('visitors')} visitors, ${count('agents')} agents`
}
