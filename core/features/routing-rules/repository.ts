import { sql } from 'kysely'
import type { RoutingRule, SaveRule } from '../../contracts/routing-rules.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { versionOf } from '../content-version.ts'

interface RuleRow extends Omit<RoutingRule, 'updatedAt' | 'version'> {
  updatedAt: Date
}

const columns = sql`id, name, enabled, priority, conditions, target, updated_at`
const toRule = ({ updatedAt, ...row }: RuleRow): RoutingRule => ({
  ...row,
  updatedAt: new Date(updatedAt).toISOString(),
  version: versionOf([row.name, row.enabled, row.conditions, row.target]),
})

/** In the order they are looked at. */
export async function readRules(db: Db | Tx): Promise<RoutingRule[]> {
  const { rows } = await sql<RuleRow>`select ${columns} from routing_rules order by priority`.execute(db)
  return rows.map(toRule)
}

/** The rules and their version, of one moment. */
export async function readBook(db: Db | Tx): Promise<{ version: number; rules: RoutingRule[] }> {
  const { rows } = await sql<{ version: number; rules: RuleRow[] }>`
    select o.routing_rules_version as version, coalesce((
      select jsonb_agg(jsonb_build_object(
        'id', r.id, 'name', r.name, 'enabled', r.enabled, 'priority', r.priority, 'conditions', r.conditions,
        'target', r.target, 'updatedAt', r.updated_at) order by r.priority)
      from routing_rules r), '[]') as rules
    from organisation o`.execute(db)
  const row = rows[0]
  return row ? { version: row.version, rules: row.rules.map(toRule) } : { version: 0, rules: [] }
}

/** Takes the rules for this change alone, before anything of them is read: whoever routes or changes rules waits for it,
 *  and every process sees that its copy is old. */
export async function lockRules(tx: Tx): Promise<void> {
  await sql`update organisation set routing_rules_version = routing_rules_version + 1`.execute(tx)
}

export async function insert(
  tx: Tx,
  now: Date,
  rule: SaveRule & { id: string; priority: number },
): Promise<void> {
  await sql`
    insert into routing_rules (id, name, enabled, priority, conditions, target, created_at, updated_at)
    values (${rule.id}, ${rule.name}, ${rule.enabled}, ${rule.priority}, ${JSON.stringify(rule.conditions)}::jsonb,
            ${JSON.stringify(rule.target)}::jsonb, ${now}, ${now})`.execute(tx)
}

export async function update(tx: Tx, now: Date, id: string, rule: SaveRule): Promise<void> {
  await sql`
    update routing_rules set name = ${rule.name}, enabled = ${rule.enabled},
           conditions = ${JSON.stringify(rule.conditions)}::jsonb, target = ${JSON.stringify(rule.target)}::jsonb,
           updated_at = ${now}
    where id = ${id}`.execute(tx)
}

export async function remove(tx: Tx, id: string): Promise<void> {
  await sql`delete from routing_rules where id = ${id}`.execute(tx)
  await sql`delete from round_robins where of_id = ${id}`.execute(tx)
}

/** Gives the rules the places they have in `ids`, from 1. */
export async function setOrder(tx: Tx, ids: string[]): Promise<void> {
  await sql`
    update routing_rules r set priority = given.place
    from unnest(${ids}::uuid[]) with ordinality as given (id, place)
    where r.id = given.id and r.priority <> given.place`.execute(tx)
}

interface Named {
  id: string
  name: string
}

export async function readAgents(db: Db | Tx): Promise<(Named & { active: boolean })[]> {
  const { rows } = await sql<Named & { active: boolean }>`
    select id, name, active from agents order by lower(name), id`.execute(db)
  return rows
}

export async function readSites(db: Db | Tx): Promise<(Named & { usesRules: boolean })[]> {
  const { rows } = await sql<Named & { usesRules: boolean }>`
    select id, name, route = 'rules' as uses_rules from sites order by created_at, id`.execute(db)
  return rows
}

export async function readTeamNames(db: Db | Tx): Promise<Named[]> {
  const { rows } = await sql<Named>`select id, name from teams order by lower(name), id`.execute(db)
  return rows
}

/** How many records are looked through for the names of their fields. */
const fieldsFrom = 500

/** The fields the CRMs have told of people and companies, for an editor to offer. */
export async function readCrmFields(db: Db | Tx): Promise<{ people: string[]; companies: string[] }> {
  const names = sql`coalesce(array_agg(distinct field order by field), '{}')`
  const { rows } = await sql<{ people: string[]; companies: string[] }>`
    select (select ${names} from (select fields from people_mirror order by read_at desc limit ${fieldsFrom}) m,
              jsonb_object_keys(m.fields) as field) as people,
           (select ${names} from (select fields from companies_mirror order by read_at desc limit ${fieldsFrom}) m,
              jsonb_object_keys(m.fields) as field) as companies`.execute(db)
  return rows[0] ?? { people: [], companies: [] }
}
