import pg from 'pg'
import { type LoggerOptions, stdSerializers } from 'pino'
import type { Config } from './config.ts'

/** How every process logs. What PostgreSQL says of an error may quote what people wrote, so of its errors only the
 *  parts that name places in Foyer are kept. */
export const loggerOptions = ({ logLevel }: Pick<Config, 'logLevel'>): LoggerOptions => ({
  level: logLevel,
  serializers: { err: describeError, error: describeError },
})

/** For a log field. What is no error stays as it is. */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const refusal = refusalIn(error)
  if (!refusal) return stdSerializers.err(error)
  const { code, severity, schema, table, column, constraint, routine } = refusal
  const stack = error.stack?.split('\n').filter((line) => /^\s+at /.test(line))
  return {
    type: 'DatabaseError',
    message: isQuoting(refusal) ? 'PostgreSQL refused a value' : refusal.message,
    ...{ code, severity, schema, table, column, constraint, routine },
    stack: stack?.join('\n'),
  }
}

/** The error itself, or what it was made from. */
function refusalIn(error: unknown): pg.DatabaseError | undefined {
  for (let one = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth++)
    if (one instanceof pg.DatabaseError) return one
  return undefined
}

/** Data exceptions (22) and functions' own errors (P0) say which value it was.
 *  https://www.postgresql.org/docs/18/errcodes-appendix.html */
const isQuoting = ({ code }: pg.DatabaseError) => /^(22|P0)/.test(code ?? '')
