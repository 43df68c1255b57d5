import { sql } from 'kysely'
import type { BookingTarget } from '../../contracts/meetings.ts'
import type { Tx } from '../../db/pool.ts'
import { InvalidInputError } from '../../errors.ts'
import { readBookables } from './bookable.ts'
import { agentsOf } from './shares.ts'

/** Whether somebody can be booked by what a site names, the owner's stand-ins included; looked at when it is named, since it may
 *  change any time after that. @throws {InvalidInputError} in words, at the field that names them */
export async function checkTarget(tx: Tx, now: Date, target: BookingTarget): Promise<void> {
  const agentId = target.by === 'team' ? null : (target.agentId ?? null)
  const teamId = target.by === 'agent' ? null : (target.teamId ?? null)
  if (agentId !== null) await checkWho(tx, now, 'agent', agentId)
  if (teamId !== null) await checkWho(tx, now, 'team', teamId)
}

async function checkWho(tx: Tx, now: Date, what: 'agent' | 'team', id: string): Promise<void> {
  const refuse = (message: string) => {
    throw new InvalidInputError(message, [{ field: `settings.booking.${what}Id`, message }])
  }
  const { rows } =
    what === 'agent'
      ? await sql<{ name: string }>`select name from agents where id = ${id}`.execute(tx)
      : await sql<{ name: string }>`select name from teams where id = ${id}`.execute(tx)
  const [named] = rows
  if (!named) return refuse(`There is no such ${what} any more. Choose another one to book with.`)
  const whose = what === 'agent' ? { agentId: id, teamId: null } : { agentId: null, teamId: id }
  const bookables = await readBookables(tx, { now, from: now.getTime(), to: now.getTime() }, agentsOf(whose))
  const [first] = bookables
  if (!first) return refuse(`Nobody is in ${named.name}. Add somebody first, or choose another team.`)
  if (bookables.some(({ reason }) => reason === null)) return
  refuse(
    what === 'agent'
      ? `${first.reason} Choose somebody else to book with.`
      : `Nobody of ${named.name} can be booked at the moment. ${first.reason}`,
  )
}
