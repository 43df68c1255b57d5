import { sql } from 'kysely'
import { typeOfFact } from '../../contracts/routing-facts.ts'
import type {
  Draft,
  Facts,
  FactValue,
  PreviewRule,
  RoutingRule,
  RulePreview,
} from '../../contracts/routing-rules.ts'
import type { Db } from '../../db/pool.ts'
import { InvalidInputError, NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { type Viewer, visibleTo } from '../conversations/visibility.ts'
import { readOrganisation } from '../organisation/settings.ts'
import { planRoute } from '../routing/plan.ts'
import { imagineRequest } from '../routing/request.ts'
import { visitorVisibleTo } from '../visitors/visibility.ts'
import { type CompiledRule, compileRule, matchRules } from './book.ts'
import { gatherFacts, localTime, type RequestOf } from './facts.ts'
import { compileGroup, Known } from './matching.ts'
import { readRules, readSites } from './repository.ts'
import { refuseUnknown } from './service.ts'

/**
 * What a rule that is not saved would do with a request at this moment. Changes nothing.
 * @throws {NotFoundError} for a visitor or a conversation that this viewer may not see
 * @throws {InvalidInputError} for agents, teams, sites or facts nobody knows
 */
export async function previewRule(
  { db, clock, settings }: Services,
  viewer: Viewer,
  { rule, request }: PreviewRule,
): Promise<RulePreview> {
  await refuseUnknown(db, rule)
  const now = clock.now()
  const { facts, siteId, visitorId } =
    request.from === 'example'
      ? await exampleOf(db, now, request.facts)
      : await factsOfRequest(db, now, viewer, request)
  const explained = compileGroup(rule.conditions).explain(new Known(facts))
  const decides = matchRules(await rulesWithDraft(db, rule), facts)?.rule ?? null
  const site = await findSite(db, siteId)
  const imagined = site && (await imagineRequest(db, { siteId: site.id, visitorId }))
  const planned = imagined
    ? await planRoute(
        db,
        now,
        {
          ...imagined,
          route: { by: 'rules' },
          email: imagined.email ?? textOf(facts['visitor.email']),
          company: imagined.company ?? textOf(facts['visitor.company']),
        },
        { rule: decides, cap: settings.agentCap },
      )
    : []
  return {
    matches: explained.holds,
    explained,
    facts,
    decides: decides && { name: decides.name, isDraft: decides.isDraft === true },
    site: site && { name: site.name, usesRules: site.usesRules },
    candidates: planned.slice(0, shownAtMost).map(({ agent, owner, stage, label, reason, until }) => ({
      agent,
      owner,
      stage,
      label,
      reason,
      until: until?.toISOString() ?? null,
    })),
  }
}

const shownAtMost = 50
const textOf = (value: FactValue | undefined) => (typeof value === 'string' ? value : null)

/** Of a rule that was never saved. */
const unsavedId = '00000000-0000-0000-0000-000000000000'

/** The enabled rules with the draft in the place of the one it replaces, or after them all. */
export async function rulesWithDraft(db: Db, draft: Draft): Promise<CompiledRule[]> {
  const saved = await readRules(db)
  const place = saved.findIndex(({ id }) => id === draft.id)
  const compiled: CompiledRule = {
    rule: { id: draft.id ?? unsavedId, name: draft.name ?? '', target: draft.target, isDraft: true },
    conditions: compileGroup(draft.conditions),
  }
  const enabled = (rules: RoutingRule[]) => rules.filter((rule) => rule.enabled).map(compileRule)
  return place < 0
    ? [...enabled(saved), compiled]
    : [...enabled(saved.slice(0, place)), compiled, ...enabled(saved.slice(place + 1))]
}

async function factsOfRequest(
  db: Db,
  now: Date,
  viewer: Viewer,
  request: { from: 'conversation' | 'visitor'; id: string },
) {
  const found = await findRequest(db, now, viewer, request)
  return { facts: await gatherFacts(db, now, found), siteId: found.siteId, visitorId: found.visitorId }
}

async function findRequest(
  db: Db,
  now: Date,
  viewer: Viewer,
  { from, id }: { from: 'conversation' | 'visitor'; id: string },
): Promise<RequestOf> {
  const { rows } =
    from === 'conversation'
      ? await sql<RequestOf>`
          select c.id, c.site_id, c.visitor_id, c.page from conversations c
          where c.id = ${id} and ${visibleTo(viewer)}`.execute(db)
      : await sql<RequestOf>`
          select null as id, v.site_id, v.id as visitor_id, v.page from visitors v
          where v.id = ${id} and ${visitorVisibleTo(viewer, now)}`.execute(db)
  if (!rows[0]) throw new NotFoundError(from)
  return rows[0]
}

/** An example says what it is about; the clock says the rest. */
async function exampleOf(db: Db, now: Date, given: Facts) {
  const unknown = Object.keys(given).filter((fact) => typeOfFact(fact) === undefined)
  if (unknown[0] !== undefined)
    throw new InvalidInputError(
      'Foyer knows no such fact about a request.',
      unknown.map((fact) => ({
        field: `request.facts.${fact}`,
        message: 'Foyer knows no such fact about a request.',
      })),
    )
  const timeZone = (await readOrganisation(db))?.timeZone ?? 'UTC'
  const facts: Facts = { ...localTime(now, timeZone), ...given }
  return { facts, siteId: textOf(facts.site), visitorId: null }
}

/** The request's site; an example that names none comes to the first. */
async function findSite(db: Db, id: string | null) {
  const sites = await readSites(db)
  return sites.find((site) => id === null || site.id === id) ?? null
}
