/** PostgreSQL's classes of errors that say nothing of what was asked: 08 connection, 40 rollback (deadlock, serialisation),
 *  53 resources, 55 lock, 57 operator intervention, 58 system. https://www.postgresql.org/docs/18/errcodes-appendix.html */
const sqlState = /^(08|40|53|55|57|58)[0-9A-Z]{3}$/

/** Whether the outcome is unknown because the line, the server or the transaction went away, as opposed to
 *  PostgreSQL refusing what was asked. @param error of a query: one without a code comes from the line */
export function isConnectionProblem(error: unknown): boolean {
  const code = (error as { code?: string } | null)?.code
  return code === undefined || sqlState.test(code) || /^E[A-Z]+$/.test(code)
}

const lineCodes = new Set(
  'ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH ENOTFOUND EAI_AGAIN'.split(
    ' ',
  ),
)
/** How pg, its pool and our own client say so, who give it no code. */
const lineWords =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|Query read timeout|timeout exceeded when trying to connect|Cannot use a pool after calling end|PostgreSQL has not answered)/

/** The same of an error that may be anything, a mistake of ours as well. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  if (typeof code === 'string') return sqlState.test(code) || lineCodes.has(code)
  return lineWords.test(error.message)
}
