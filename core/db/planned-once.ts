import { createHash } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'

const mark = '/* planned once */'

/**
 * A statement that begins with this is prepared: PostgreSQL plans it once a connection instead of each time. For the few
 * whose plan takes longer to make than to carry out and that are asked often; the text must be one of few, so what
 * changes belongs into parameters. After five times PostgreSQL keeps one plan for all parameters, and makes a new
 * one when it has counted the tables anew.
 */
export const plannedOnce: RawBuilder<unknown> = sql.raw(mark)

const names = new Map<string, string>()

function nameOf(text: string): string {
  let name = names.get(text)
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('hex').slice(0, 32)
    names.set(text, name)
  }
  return name
}

/** The arguments of pg's `query`, with a statement that is {@link plannedOnce} under its name. */
export function namedIfPlannedOnce(args: unknown[]): unknown[] {
  const [text, values, ...more] = args
  return typeof text === 'string' && text.startsWith(mark)
    ? [{ name: nameOf(text), text, values }, ...more]
    : args
}
