import { type RawBuilder, sql } from 'kysely'
import type { z } from 'zod'
import type { Profile } from '../../contracts/agents.ts'
import type { CorrectVisitor, Visitor } from '../../contracts/visitors.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { permissionsOfAgent } from '../agents/permissions.ts'
import { audit } from '../audit/audit.ts'
import { lock, summary } from '../conversations/repository.ts'
import { type Viewer, withoutWatching } from '../conversations/visibility.ts'
import { requestRefresh } from '../mirror/lookups.ts'
import { pendingOffersOfConversation } from '../routing/repository.ts'
import { orderWrites } from '../write-back/orders.ts'
import { knownEmail } from './known.ts'
import * as visitors from './repository.ts'
import { visitorVisibleTo } from './visibility.ts'

/** @throws {NotFoundError} also when the visitor is not the viewer's to see */
export async function readVisitor(db: Db | Tx, now: Date, viewer: Viewer, id: string): Promise<Visitor> {
  const [visitor] = await visitors.describeVisitors(
    db,
    now,
    sql`v.id = ${id} and ${visitorVisibleTo(viewer, now)}`,
  )
  if (!visitor) throw new NotFoundError('visitor')
  return visitor
}

/** An agent knows better. Whoever talks with the visitor sees it at once.
 *  @throws {NotFoundError} also when the visitor is not the agent's to see */
export function correctVisitor(
  services: Services,
  agent: Viewer,
  id: string,
  corrections: z.output<typeof CorrectVisitor>,
): Promise<Visitor> {
  return change(services, async (change) => {
    const { tx, now } = change
    const { email: emailBefore } = await readVisitor(tx, now, withoutWatching(agent), id)
    await visitors.mergeCorrections(tx, now, id, corrections)
    await audit(tx, {
      now,
      actorId: agent.id,
      action: 'visitor.corrected',
      objectType: 'visitor',
      objectId: id,
      detail: { fields: Object.keys(corrections) },
    })
    const fields = Object.entries(corrections).flatMap(([field, value]) => (value === null ? [] : [field]))
    if (fields.length > 0)
      await orderWrites(services, change, id, { kind: 'correction', fields, emailBefore })
    if (corrections.email !== undefined) await requestRefresh(services, change, id)
    await tellAgentOf(change, id)
    return readVisitor(tx, now, agent, id)
  })
}

/** Asks the CRMs once more, behind the answer: what they say comes to whoever asked as a frame.
 *  @throws {NotFoundError} also when the visitor is not the viewer's to see */
export function refreshVisitor(services: Services, viewer: Viewer, id: string): Promise<Visitor> {
  return change(services, async (change) => {
    await readVisitor(change.tx, change.now, viewer, id)
    await requestRefresh(services, change, id, { askedBy: viewer.id, force: true })
    return readVisitor(change.tx, change.now, viewer, id)
  })
}

/** Something new is known of these people: whoever is talking with one of them, or is asked to, sees it without a reload. */
export async function tellAgentsAbout(change: Change, emails: string[]): Promise<void> {
  if (emails.length > 0) await tellAboutPeople(change, sql`${knownEmail()} = any (${emails})`)
}

/** Something about this visitor changed: whoever is talking with them sees it without a reload. */
export async function tellAgentOf(change: Change, visitorId: string): Promise<void> {
  await tellAboutPeople(change, sql`v.id = ${visitorId}`)
}

/** @param where a condition over `v` (visitors). */
export async function tellAboutPeople(change: Change, where: RawBuilder<unknown>): Promise<void> {
  const { tx, now, tellAgent } = change
  for (const { visitorId, conversationId } of await visitors.openChats(tx, where)) {
    // so that no older row follows a newer one, and nobody is told whose chat it was a moment ago
    const { agentId, status } = await lock(tx, conversationId)
    for (const { offer, agentId: asked } of await pendingOffersOfConversation(tx, now, conversationId))
      tellAgent(asked, { type: 'offer', offer })
    if (status !== 'active' || agentId === null) continue
    const [visitor] = await visitors.describeVisitors(tx, now, sql`v.id = ${visitorId}`)
    if (visitor) tellAgent(agentId, { type: 'visitor', visitor })
    // the list shows name and company too
    tellAgent(agentId, { type: 'conversation', conversation: await summary(tx, now, conversationId) })
  }
}

/** Tells an agent who looks at a visitor, if they still may. */
export async function tellViewer(change: Change, agentId: string, visitorId: string): Promise<void> {
  const { tx, now } = change
  const { rows } = await sql<{ profile: Profile; supervises: boolean }>`
    select profile, supervises from agents where id = ${agentId} and active`.execute(tx)
  if (!rows[0]) return
  const viewer = { id: agentId, permissions: new Set(permissionsOfAgent(rows[0])) }
  if (!viewer.permissions.has('visitors.view')) return
  const [visitor] = await visitors.describeVisitors(
    tx,
    now,
    sql`v.id = ${visitorId} and ${visitorVisibleTo(viewer, now)}`,
  )
  if (visitor) change.tellAgent(agentId, { type: 'visitor', visitor })
}
