import { sql } from 'kysely'
import { typeOfFact } from '../../contracts/routing-facts.ts'
import type { Draft, Facts, PreviewRule, RulePreview } from '../../contracts/routing-rules.ts'
import type { Db } from '../../db/pool.ts'
import { InvalidInputError, NotFoundError } from '../../errors.ts'
import type { Services } from '../../services.ts'
import { type Viewer, visibleTo } from '../conversations/visibility.ts'
import { readOrganisation } from '../organisation/settings.ts'
import { visitorVisibleTo } from '../visitors/visibility.ts'
import { type CompiledRule, compileRule, matchRules } from './book.ts'
import { candidatesOf } from './candidates.ts'
import { gatherFacts, localTime, type RequestOf } from './facts.ts'
import { compileGroup, Known } from './matching.ts'
import { readRules } from './repository.ts'
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
  const facts =
    request.from === 'example'
      ? await exampleFacts(db, now, request.facts)
      : await gatherFacts(db, now, await findRequest(db, now, viewer, request))
  const explained = compileGroup(rule.conditions).explain(new Known(facts))
  const decides = matchRules(await rulesWithDraft(db, rule), facts)
  return {
    matches: explained.holds,
    explained,
    facts,
    decidedBefore:
      explained.holds && decides && decides.rule.id !== draftId
        ? { id: decides.rule.id, name: decides.rule.name }
        : null,
    candidates: await candidatesOf(db, now, {
      target: rule.target,
      ruleId: rule.id ?? null,
      cap: settings.agentCap,
    }),
  }
}

/** Stands for the draft among the saved rules. */
export const draftId = 'draft'

/** The enabled rules with the draft in the place of the one it replaces, or after them all. */
export async function rulesWithDraft(db: Db, draft: Draft): Promise<CompiledRule[]> {
  const saved = await readRules(db)
  const place = saved.findIndex(({ id }) => id === draft.id)
  const compiled = {
    rule: {
      id: draftId,
      name: draft.name ?? '',
      enabled: true,
      priority: place < 0 ? saved.length + 1 : place + 1,
      target: draft.target,
    },
    conditions: compileGroup(draft.conditions),
  }
  const before = saved.slice(0, place < 0 ? saved.length : place)
  const after = place < 0 ? [] : saved.slice(place + 1)
  const enabled = (rules: typeof saved) => rules.filter((rule) => rule.enabled).map(compileRule)
  return [...enabled(before), compiled, ...enabled(after)]
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
async function exampleFacts(db: Db, now: Date, given: Facts): Promise<Facts> {
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
  return { ...localTime(now, timeZone), ...given }
}
