import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import type { BlockedVisitor, BlockPage } from '../../contracts/blocks.ts'
import { readCursor, writeCursor } from '../../db/cursor.ts'
import type { Db } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { endForBlock } from '../conversations/endings.ts'
import { lockAll, visibleSummary } from '../conversations/repository.ts'
import type { Viewer } from '../conversations/visibility.ts'
import * as blocks from './repository.ts'

const pageSize = 100

/** @throws {InvalidInputError} a cursor that is none */
export async function listBlocks(db: Db, cursor?: string): Promise<BlockPage> {
  const after = cursor === undefined ? null : readCursor(cursor)
  const from = after ? sql`(b.blocked_at, b.id) < (${after.at}, ${after.id}::uuid)` : sql`true`
  const found = await blocks.describeBlocks(db, from, pageSize + 1)
  const page = found.slice(0, pageSize)
  const last = page.at(-1)
  const more = found.length > pageSize && last
  return { blocks: page, nextCursor: more ? writeCursor(new Date(last.blockedAt), last.id) : null }
}

/** Ends what goes on between them, and from now on answers the visitor that nobody is available. A chat with a colleague
 *  goes on. Blocking again adds the address.
 *  @throws {NotFoundError} the conversation is not the agent's to see, or is a colleague's */
export function blockVisitor(
  services: Services,
  agent: Viewer & { name: string },
  conversationId: string,
  { email: withEmail }: { email: boolean },
): Promise<BlockedVisitor> {
  return change(services, async (change) => {
    const { tx, now } = change
    const seen = await visibleSummary(tx, now, agent, conversationId)
    // whoever asks for a chat does so under this lock: either they see the block or the block sees their request
    await sql`select from visitors where id = ${seen.visitor.id} for update`.execute(tx)
    const { rows } = await sql<{ id: string }>`
      select id from conversations where visitor_id = ${seen.visitor.id} and status in ('waiting', 'active')`.execute(
      tx,
    )
    const open = await lockAll(
      tx,
      rows.map(({ id }) => id),
    )
    const isOthers = ({ id, agentId }: (typeof open)[number]) => id === conversationId && agentId !== agent.id
    if (open.some(isOthers)) throw new NotFoundError('conversation')
    const blockId = await blocks.put(tx, now, {
      id: randomUUIDv7(),
      visitorId: seen.visitor.id,
      withEmail,
      by: agent.id,
    })
    await audit(tx, {
      now,
      actorId: agent.id,
      action: 'visitor.blocked',
      objectType: 'visitor',
      objectId: seen.visitor.id,
      detail: { conversationId, email: withEmail },
    })
    for (const conversation of open) await endForBlock(change, conversation, agent)
    const [block] = await blocks.describeBlocks(tx, sql`b.id = ${blockId}`, 1)
    if (!block) throw new NotFoundError('block')
    return { block, conversation: await visibleSummary(tx, now, agent, conversationId) }
  })
}

/** Lifting what is lifted changes nothing. @throws {NotFoundError} */
export function liftBlock(services: Services, agentId: string, id: string): Promise<void> {
  return change(services, async ({ tx, now }) => {
    const wasInForce = await blocks.lift(tx, now, id, agentId)
    if (wasInForce === null) throw new NotFoundError('block')
    if (wasInForce)
      await audit(tx, {
        now,
        actorId: agentId,
        action: 'visitor.unblocked',
        objectType: 'block',
        objectId: id,
      })
  })
}
