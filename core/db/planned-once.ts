import { createHash } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import pg from 'pg'

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

/** A connection that knows statements that are {@link plannedOnce}. */
export class PlanningClient extends pg.Client {
  // the signature of pg, which has a dozen of them
  override query = ((...args: unknown[]) => {
    const [text, values] = args
    const config =
      typeof text === 'string' && text.startsWith(mark) ? { name: nameOf(text), text, values } : text
    return Reflect.apply(super.query, this, config === text ? args : [config])
  }) as pg.Client['query']
}
