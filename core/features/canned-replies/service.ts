import { randomUUIDv7 } from 'node:crypto'
import type { CannedReply, SaveCannedReply } from '../../contracts/canned-replies.ts'
import { ConflictError, ForbiddenError, NotFoundError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { refuseStale } from '../content-version.ts'
import type { Viewer } from '../conversations/visibility.ts'
import * as replies from './repository.ts'

/** A list that is looked through with every letter must stay one that can be. */
const atMost = { own: 200, shared: 500 }

/** @throws {ForbiddenError} a shared one, without the permission
 *  @throws {ConflictError} `shortcut_taken`, `too_many` */
export function addCannedReply(
  services: Services,
  agent: Viewer,
  reply: SaveCannedReply,
): Promise<CannedReply> {
  return change(services, (change) => save(change, agent, randomUUIDv7(), null, reply))
}

/** Changing `shared` gives it to everybody, or takes it to oneself.
 *  @param expected the version it replaces, if the caller says
 *  @throws {NotFoundError} it is nobody's, or another agent's own
 *  @throws as {@link addCannedReply} @throws {ConflictError} `changed_meanwhile` */
export function changeCannedReply(
  services: Services,
  agent: Viewer,
  id: string,
  reply: SaveCannedReply,
  expected?: string,
): Promise<CannedReply> {
  return change(services, async (change) => {
    const before = await replies.find(change.tx, agent.id, id)
    if (!before) throw new NotFoundError('canned reply')
    await refuseStale(change.tx, expected, before, {
      what: 'canned reply',
      objectId: id,
      actorId: agent.id,
    })
    return save(change, agent, id, before, reply)
  })
}

/** Removing one that is gone changes nothing. */
export function removeCannedReply(services: Services, agent: Viewer, id: string): Promise<void> {
  return change(services, async (change) => {
    const reply = await replies.find(change.tx, agent.id, id)
    if (!reply) return
    mustShare(agent, reply.shared)
    await replies.remove(change.tx, id)
    await announce(change, agent, id, 'canned_reply.removed', reply.shared)
  })
}

async function save(
  change: Change,
  agent: Viewer,
  id: string,
  before: CannedReply | null,
  reply: SaveCannedReply,
): Promise<CannedReply> {
  const { tx, now } = change
  const touchesShared = reply.shared || before?.shared === true
  mustShare(agent, touchesShared)
  const owner = reply.shared ? null : agent.id
  const most = reply.shared ? atMost.shared : atMost.own
  if (before?.shared !== reply.shared && (await replies.countLocked(tx, owner)) >= most)
    throw new ConflictError(
      'too_many',
      `There are ${most} ${reply.shared ? 'shared' : 'of your own'} already. Remove one that nobody uses.`,
    )
  if (!(await replies.save(tx, now, id, owner, reply)))
    throw new ConflictError(
      'shortcut_taken',
      `/${reply.shortcut} is there already. Choose another shortcut.`,
      {
        errors: [{ field: 'shortcut', message: 'This shortcut is there already.' }],
      },
    )
  await announce(change, agent, id, before ? 'canned_reply.changed' : 'canned_reply.created', touchesShared)
  return replies.describe({ id, ...reply })
}

function mustShare(agent: Viewer, shared: boolean): void {
  if (shared && !agent.permissions.has('canned_replies.share'))
    throw new ForbiddenError('canned_replies.share')
}

/** What somebody keeps for oneself is nobody else's business. */
async function announce(
  { tx, now, tellAgent, tellAgents }: Change,
  { id: actorId }: Viewer,
  objectId: string,
  action: string,
  isShared: boolean,
): Promise<void> {
  const frame = { type: 'settings_changed', what: 'canned_replies' } as const
  if (!isShared) return tellAgent(actorId, frame)
  await audit(tx, { now, actorId, action, objectType: 'canned_reply', objectId })
  tellAgents(frame)
}
