import { randomUUIDv7 } from 'node:crypto'
import type { z } from 'zod'
import { factTypes, operatorsOf, typeOfFact } from '../../contracts/routing-facts.ts'
import {
  type CreateRule,
  type Group,
  type RoutingRule,
  type RuleList,
  type RuleTarget,
  ruleLimits,
  type SaveRule,
} from '../../contracts/routing-rules.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { ConflictError, InvalidInputError, NotFoundError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { refuseStale } from '../content-version.ts'
import { readOrganisation } from '../organisation/settings.ts'
import { elsewhere } from './facts.ts'
import * as rules from './repository.ts'

/** Everything the settings page shows and offers. */
export async function listRules({ db }: Services): Promise<RuleList> {
  const [list, agents, teams, sites, fields, organisation] = await Promise.all([
    rules.readRules(db),
    rules.readAgents(db),
    rules.readTeamNames(db),
    rules.readSites(db),
    rules.readCrmFields(db),
    readOrganisation(db),
  ])
  const told = [
    ...fields.people.filter((name) => !elsewhere.has(name)).map((name) => `crm.${name}`),
    ...fields.companies.map((name) => `crm.company.${name}`),
  ].flatMap((fact) => {
    const type = typeOfFact(fact)
    return type && !Object.hasOwn(factTypes, fact) ? [{ fact, type }] : []
  })
  return {
    rules: list,
    vocabulary: {
      facts: [...Object.entries(factTypes).map(([fact, type]) => ({ fact, type })), ...told],
      operators: Object.fromEntries(
        Object.entries(operatorsOf).map(([type, known]) => [type, [...known]]),
      ) as RuleList['vocabulary']['operators'],
      limits: ruleLimits,
    },
    agents,
    teams,
    sites,
    timeZone: organisation?.timeZone ?? 'UTC',
  }
}

/** @throws {InvalidInputError} for agents, teams or sites nobody knows
 *  @throws {ConflictError} `too_many_rules` */
export function createRule(
  services: Services,
  actorId: string,
  { place, ...rule }: z.output<typeof CreateRule>,
): Promise<RoutingRule> {
  return changeRules(services, async ({ tx, now }) => {
    await refuseUnknown(tx, rule)
    const order = (await rules.readRules(tx)).map(({ id }) => id)
    if (order.length >= ruleLimits.rules)
      throw new ConflictError(
        'too_many_rules',
        `There are ${ruleLimits.rules} rules already. Delete one that is not needed first.`,
      )
    const id = randomUUIDv7()
    const at = Math.min(place ?? order.length + 1, order.length + 1)
    await rules.insert(tx, now, { ...rule, id, priority: order.length + 1 })
    await rules.setOrder(tx, order.toSpliced(at - 1, 0, id))
    await record(tx, now, actorId, 'created', id, { priority: at })
    return readRule(tx, id)
  })
}

/** @param expected the version it replaces, if the caller says
 *  @throws {NotFoundError} @throws {InvalidInputError} for agents, teams or sites nobody knows
 *  @throws {ConflictError} `changed_meanwhile` */
export function saveRule(
  services: Services,
  actorId: string,
  id: string,
  rule: SaveRule,
  expected?: string,
): Promise<RoutingRule> {
  return changeRules(services, async ({ tx, now }) => {
    const before = await readRule(tx, id)
    await refuseStale(tx, expected, before, { what: 'rule', objectId: id, actorId })
    const changed = (['name', 'enabled', 'conditions', 'target'] as const).filter(
      (key) => JSON.stringify(before[key]) !== JSON.stringify(rule[key]),
    )
    // who only switches a rule off need not first put right that its team is gone
    if (rule.enabled || changed.includes('conditions') || changed.includes('target'))
      await refuseUnknown(tx, rule)
    await rules.update(tx, now, id, rule)
    await record(tx, now, actorId, 'changed', id, { changed, enabled: rule.enabled })
    return readRule(tx, id)
  })
}

/** @throws {NotFoundError} */
export function deleteRule(services: Services, actorId: string, id: string): Promise<void> {
  return changeRules(services, async ({ tx, now }) => {
    const { name } = await readRule(tx, id)
    await rules.remove(tx, id)
    await rules.setOrder(
      tx,
      (await rules.readRules(tx)).map((rule) => rule.id),
    )
    // nothing else will tell which one it was
    await record(tx, now, actorId, 'deleted', id, { name })
  })
}

/** @param ids every rule once, in the order wanted.
 *  @throws {ConflictError} `rules_changed` when these are not the rules there are */
export function orderRules(services: Services, actorId: string, ids: string[]): Promise<RoutingRule[]> {
  return changeRules(services, async ({ tx, now }) => {
    const before = await rules.readRules(tx)
    const known = new Set(before.map(({ id }) => id))
    if (ids.length !== known.size || !known.isSubsetOf(new Set(ids)))
      throw new ConflictError(
        'rules_changed',
        'Somebody added or deleted a rule meanwhile. Load the list again, then change the order.',
      )
    await rules.setOrder(tx, ids)
    await audit(tx, { now, actorId, action: 'routing_rule.reordered', objectType: 'routing_rules' })
    return rules.readRules(tx)
  })
}

/** One change of the rules at a time; every process hears of it after the commit, and would see it anyway when it next
 *  looks at the version. */
function changeRules<T>(services: Services, work: (change: Change) => Promise<T>): Promise<T> {
  return change(services, async (current) => {
    await rules.lockRules(current.tx)
    const result = await work(current)
    current.after(() => services.bus.publish('control', JSON.stringify({ type: 'routing_rules_changed' })))
    return result
  })
}

async function readRule(tx: Tx, id: string): Promise<RoutingRule> {
  const rule = (await rules.readRules(tx)).find((one) => one.id === id)
  if (!rule) throw new NotFoundError('routing rule')
  return rule
}

const record = (
  tx: Tx,
  now: Date,
  actorId: string,
  done: 'created' | 'changed' | 'deleted',
  id: string,
  detail: Record<string, unknown>,
) =>
  audit(tx, {
    now,
    actorId,
    action: `routing_rule.${done}`,
    objectType: 'routing_rule',
    objectId: id,
    detail,
  })

/** A rule that names nobody there is would hold and lead nowhere. @throws {InvalidInputError} which says where */
export async function refuseUnknown(
  db: Db | Tx,
  { conditions, target }: { conditions: Group; target: RuleTarget },
): Promise<void> {
  const wrong: { field: string; message: string }[] = []
  if (target.type === 'agents') {
    const known = new Set((await rules.readAgents(db)).map(({ id }) => id))
    for (const [index, id] of target.agentIds.entries())
      if (!known.has(id))
        wrong.push({
          field: `target.agentIds.${index}`,
          message: 'There is no such agent any more. Choose another.',
        })
  } else if (!(await rules.readTeamNames(db)).some(({ id }) => id === target.teamId))
    wrong.push({ field: 'target.teamId', message: 'There is no such team any more. Choose another.' })

  const named = sitesNamed(conditions)
  if (named.length > 0) {
    const known = new Set((await rules.readSites(db)).map(({ id }) => id))
    for (const { field, id } of named)
      if (!known.has(id)) wrong.push({ field, message: 'There is no such site any more. Choose another.' })
  }
  if (wrong[0]) throw new InvalidInputError(wrong[0].message, wrong)
}

function sitesNamed(group: Group, path = 'conditions'): { field: string; id: string }[] {
  return group.conditions.flatMap((node, index) => {
    const field = `${path}.conditions.${index}`
    if (node.type === 'group') return sitesNamed(node, field)
    if (node.fact !== 'site') return []
    return [node.value ?? []].flat().map((id) => ({ field: `${field}.value`, id: String(id) }))
  })
}
