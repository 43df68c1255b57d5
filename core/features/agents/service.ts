import { randomUUIDv7 } from 'node:crypto'
import { hash } from '@node-rs/argon2'
import { sql } from 'kysely'
import type { z } from 'zod'
import type { Agent, ChangeAgent, CreateAgent } from '../../contracts/agents.ts'
import type { Schedule } from '../../contracts/availability.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { ConflictError, NotFoundError } from '../../errors.ts'
import { type Change, change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { releaseAllOf } from '../conversations/missed.ts'
import { readOrganisation } from '../organisation/settings.ts'
import { changeInHand, takeAllAway } from '../routing/in-hand.ts'
import { revoke } from '../sign-in/sessions.ts'
import * as agents from './repository.ts'

/** Everybody, deactivated ones too. */
export const listAgents = ({ db, clock }: Services): Promise<Agent[]> =>
  agents.describeAgents(db, clock.now(), sql`true`)

/** Monday to Friday, 09:00–17:00: what a new agent starts with. */
export const officeHours = (timeZone: string): Schedule => ({
  timeZone,
  blocks: [1, 2, 3, 4, 5].map((weekday) => ({ weekday, start: '09:00', end: '17:00' })),
  datesOff: [],
})

/** @throws {ConflictError} `email_taken` */
export async function createAgent(
  services: Services,
  actorId: string,
  { password, ...agent }: z.output<typeof CreateAgent>,
): Promise<Agent> {
  const passwordHash = await hash(password)
  const organisation = await readOrganisation(services.db)
  return change(services, async ({ tx, now }) => {
    const id = randomUUIDv7()
    const liveChatSchedule = officeHours(organisation?.timeZone ?? 'UTC')
    if (!(await agents.insert(tx, now, { ...agent, id, passwordHash, liveChatSchedule })))
      throw new ConflictError('email_taken', 'Another agent has this e-mail address.')
    const detail = { profile: agent.profile }
    await audit(tx, { now, actorId, action: 'agent.created', objectType: 'agent', objectId: id, detail })
    return readAgent(tx, now, id)
  })
}

/**
 * A deactivated agent, and one with a new password, is signed out everywhere within seconds; a deactivated one is
 * offered nothing more, and somebody else is found for the chats and offers that were theirs.
 * @throws {NotFoundError}
 * @throws {ConflictError} `last_admin`: nobody would be left who could undo it
 */
export async function changeAgent(
  services: Services,
  actorId: string,
  id: string,
  { password, ...to }: z.output<typeof ChangeAgent>,
): Promise<Agent> {
  const passwordHash = password === undefined ? undefined : await hash(password)
  const save = async (change: Change) => {
    const { tx, now, after } = change
    if (to.active === false || (to.profile && to.profile !== 'admin')) await refuseLastAdmin(tx, id)
    if (!(await agents.update(tx, id, { ...to, passwordHash }))) throw new NotFoundError('agent')
    const action = to.active === false ? 'agent.deactivated' : to.active ? 'agent.activated' : 'agent.changed'
    const detail = { ...to, ...(password === undefined ? {} : { password: 'changed' }) }
    await audit(tx, { now, actorId, action, objectType: 'agent', objectId: id, detail })
    if (to.active === false || password !== undefined) await revoke(change, services, { agentId: id })
    // sockets look again at what their agent may do
    else if (to.profile || to.supervises !== undefined)
      after(() => services.bus.publish('control', JSON.stringify({ type: 'sessions_changed' })))
    return readAgent(tx, now, id)
  }
  if (to.active !== false) return change(services, save)
  return changeInHand(services, id, ['waiting', 'active'], async (change, held) => {
    const agent = await save(change)
    await takeAllAway(services, change, id, held)
    await releaseAllOf(services, change, id)
    return agent
  })
}

async function refuseLastAdmin(tx: Tx, id: string): Promise<void> {
  const admins = await agents.lockActiveAdmins(tx)
  if (admins.length === 1 && admins[0] === id)
    throw new ConflictError('last_admin', 'This is the only active admin. Make somebody else an admin first.')
}

async function readAgent(db: Db | Tx, now: Date, id: string): Promise<Agent> {
  const [agent] = await agents.describeAgents(db, now, sql`a.id = ${id}`)
  if (!agent) throw new NotFoundError('agent')
  return agent
}
