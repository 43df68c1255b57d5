import { StartError } from '../../errors.ts'
import { addressOfRunning, startEmbeddedPostgres } from './embedded-postgres.ts'
import { existingCluster } from './home.ts'

/**
 * For commands beside Foyer: works on its database, whether Foyer runs or not. An embedded one that is stopped is started for as
 * long as it takes.
 * @throws {StartError} there is no database yet
 */
export async function onData<T>(
  { dataDir, databaseUrl }: { dataDir: string; databaseUrl: string | null },
  work: (url: string) => Promise<T>,
): Promise<T> {
  const running = databaseUrl ?? (await addressOfRunning(dataDir))
  if (running) return work(running)
  if (!(await existingCluster(dataDir)))
    throw new StartError(`There is no database in ${dataDir}. Set FOYER_DATA_DIR or FOYER_DATABASE_URL.`)
  return withEmbedded(dataDir, work)
}

/** Starts the embedded database for as long as it takes. */
export async function withEmbedded<T>(dataDir: string, work: (url: string) => Promise<T>): Promise<T> {
  const embedded = await startEmbeddedPostgres({ dataDir })
  try {
    return await work(embedded.url)
  } finally {
    await embedded.stop()
  }
}
