import pg from 'pg'
import { StartError } from '../errors.ts'
import { type Log, silentLog } from './log.ts'

const key = `hashtextextended('foyer: processes of one database', 0)`
const tryAgainMs = 500
/** As long as PostgreSQL may take to notice that the process which held the lock was killed. */
const longestNoticeMs = 5_000
/** As long as its recovery may take after a crash. */
const longestStartMs = 60_000

const refusedAlone =
  'Another Foyer uses the database of FOYER_DATABASE_URL; several processes on one database need FOYER_REDIS_URL, each of them.'
const refusedBesideOne =
  'A Foyer without FOYER_REDIS_URL uses the database of FOYER_DATABASE_URL; stop it, or give it the same Redis.'

/**
 * Keeps processes that cannot hear each other off one database: those with Redis share it, one without has it alone.
 * The claim is a lock of a session that stays open; when the session breaks, the claim is renewed.
 * @param refusal the sentence for whoever may not have it now.
 * @throws {StartError} one sentence
 * @returns the function that gives the claim back.
 */
export async function claimDatabase(
  databaseUrl: string,
  {
    alone,
    patienceMs = longestNoticeMs,
    refusal = alone ? refusedAlone : refusedBesideOne,
  }: { alone: boolean; patienceMs?: number; refusal?: string },
  log: Log = silentLog,
): Promise<() => Promise<void>> {
  let released = false
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined

  const claim = async (): Promise<boolean> => {
    const session = new pg.Client({
      connectionString: databaseUrl,
      application_name: 'foyer claim',
      connectionTimeoutMillis: 10_000,
      keepAlive: true,
    })
    session.on('error', () => undefined)
    await session.connect()
    const { rows } = await session.query<{ mine: boolean }>(
      `select pg_try_advisory_lock${alone ? '' : '_shared'}(${key}) as mine`,
    )
    if (!rows[0]?.mine || released) {
      await session.end()
      return released
    }
    client = session
    session.on('end', renew)
    return true
  }
  const renew = () => {
    if (released) return
    timer = setTimeout(() => {
      claim().then(
        (mine) => {
          if (mine) return
          log.warn('Another Foyer has begun to use this database; stop one of the two')
          renew()
        },
        // PostgreSQL is away: so is everybody else
        () => renew(),
      )
    }, tryAgainMs)
  }

  /** Started together with PostgreSQL, or after a crash of both, Foyer waits for it. */
  const orStarting = (error: unknown): false => {
    if (!isStarting(error) || performance.now() > startsUntil) unreachable(error)
    deadline = performance.now() + patienceMs
    return false
  }
  const startsUntil = performance.now() + longestStartMs
  let deadline = performance.now() + patienceMs
  while (!(await claim().catch(orStarting))) {
    if (performance.now() > deadline) throw new StartError(refusal)
    await new Promise((resolve) => setTimeout(resolve, tryAgainMs))
  }
  return async () => {
    released = true
    clearTimeout(timer)
    await client?.end()
  }
}

/** PostgreSQL's cannot_connect_now. https://www.postgresql.org/docs/18/errcodes-appendix.html */
const isStarting = (error: unknown) => (error as { code?: string } | null)?.code === '57P03'

function unreachable(error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error)
  throw new StartError(`The database of FOYER_DATABASE_URL cannot be used: ${reason.replace(/\.$/, '')}.`)
}
