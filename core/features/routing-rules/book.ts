import { sql } from 'kysely'
import type { Facts, RoutingRule } from '../../contracts/routing-rules.ts'
import type { Db, Tx } from '../../db/pool.ts'
import type { Services } from '../../services.ts'
import { type CompiledGroup, compileGroup, Known } from './matching.ts'
import { readBook } from './repository.ts'

export interface CompiledRule {
  rule: Pick<RoutingRule, 'id' | 'name' | 'target'> & { isDraft?: true }
  conditions: CompiledGroup
}

/** The enabled rules at one version, in their order. */
interface Book {
  version: number
  rules: CompiledRule[]
}

/** One a database: a process may serve several in tests. */
const books = new WeakMap<Db, Book>()

/** The rules as this transaction sees them. What this process has compiled is used when the version, one column of one
 *  row, says that it still stands. */
async function currentRules({ db }: Pick<Services, 'db'>, tx: Db | Tx): Promise<CompiledRule[]> {
  const { rows } = await sql<{ version: number }>`
    select routing_rules_version as version from organisation`.execute(tx)
  const known = books.get(db)
  if (known && known.version === rows[0]?.version) return known.rules
  return (await refresh(db, tx)).rules
}

/** Compiles anew what stands in the database. */
export async function refresh(db: Db, tx: Db | Tx = db): Promise<Book> {
  const { version, rules } = await readBook(tx)
  const book = { version, rules: rules.filter(({ enabled }) => enabled).map(compileRule) }
  const newest = books.get(db)
  // a slower reader must not put an older version back
  if (!newest || newest.version <= version) books.set(db, book)
  return book
}

export const compileRule = (rule: RoutingRule): CompiledRule => ({
  rule,
  conditions: compileGroup(rule.conditions),
})

/** The first of the rules that holds, or undefined. Pure. */
export const matchRules = (rules: readonly CompiledRule[], facts: Facts): CompiledRule | undefined => {
  const known = new Known(facts)
  return rules.find(({ conditions }) => conditions.holds(known))
}

/**
 * Where the custom rules send a request: the first enabled rule, by priority, that holds for it. Null when none does.
 * The target may name agents who cannot be asked; the caller goes on to the next step of the order then.
 * @param facts of the request, as {@link import('./facts.ts').factsOf} gives them.
 */
export async function chooseByRules(
  services: Pick<Services, 'db'>,
  tx: Tx,
  facts: Facts,
): Promise<Pick<RoutingRule, 'id' | 'name' | 'target'> | null> {
  const rule = matchRules(await currentRules(services, tx), facts)?.rule
  return rule ? { id: rule.id, name: rule.name, target: rule.target } : null
}
