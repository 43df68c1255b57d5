import { sql } from 'kysely'
import type { z } from 'zod'
import type { CorrectVisitor, Visitor } from '../../contracts/visitors.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { lock, summary } from '../conversations/repository.ts'
import { type Viewer, withoutWatching } from '../conversations/visibility.ts'
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
    await readVisitor(tx, now, withoutWatching(agent), id)
    await visitors.mergeCorrections(tx, id, corrections)
    await audit(tx, {
      now,
      actorId: agent.id,
      action: 'visitor.corrected',
      objectType: 'visitor',
      objectId: id,
      detail: { fields: Object.keys(corrections) },
    })
    await tellAgentOf(change, id)
    return readVisitor(tx, now, agent, id)
  })
}

/** Reads again what the sources say. Today's only source is the directory, which is never behind. */
export const refreshVisitor = ({ db, clock }: Services, viewer: Viewer, id: string): Promise<Visitor> =>
  readVisitor(db, clock.now(), viewer, id)

/** The directory says something new about these people: whoever is talking with one of them sees it without a reload. */
export async function tellAgentsAbout(change: Change, emails: string[]): Promise<void> {
  if (emails.length === 0) return
  await tellAgentsOf(
    change,
    await visitors.activeChats(change.tx, sql`${visitors.knownEmail()} = any (${emails})`),
  )
}

/** Something about this visitor changed: whoever is talking with them sees it without a reload. */
export async function tellAgentOf(change: Change, visitorId: string): Promise<void> {
  await tellAgentsOf(change, await visitors.activeChats(change.tx, sql`v.id = ${visitorId}`))
}

async function tellAgentsOf(
  { tx, now, tellAgent }: Change,
  chats: { visitorId: string; conversationId: string }[],
): Promise<void> {
  for (const { visitorId, conversationId } of chats) {
    // so that no older row follows a newer one, and nobody is told whose chat it was a moment ago
    const { agentId, status } = await lock(tx, conversationId)
    if (status !== 'active' || agentId === null) continue
    const [visitor] = await visitors.describeVisitors(tx, now, sql`v.id = ${visitorId}`)
    if (visitor) tellAgent(agentId, { type: 'visitor', visitor })
    // the list shows name and company too
    tellAgent(agentId, { type: 'conversation', conversation: await summary(tx, now, conversationId) })
  }
}
