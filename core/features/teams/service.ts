import { randomUUIDv7 } from 'node:crypto'
import type { z } from 'zod'
import type { SaveTeam, Team } from '../../contracts/teams.ts'
import type { Tx } from '../../db/pool.ts'
import { ConflictError, InvalidInputError, NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { refuseStale } from '../content-version.ts'
import * as teams from './repository.ts'

export const listTeams = ({ db }: Services): Promise<Team[]> => teams.readTeams(db)

/** @throws {ConflictError} `name_taken` @throws {InvalidInputError} for agents nobody knows */
export function createTeam(
  services: Services,
  actorId: string,
  { name, agentIds }: z.output<typeof SaveTeam>,
): Promise<Team> {
  return change(services, async ({ tx, now }) => {
    const id = randomUUIDv7()
    if (!(await teams.insert(tx, now, { id, name }))) throw nameTaken()
    await setMembers(tx, id, agentIds)
    await audit(tx, {
      now,
      actorId,
      action: 'team.created',
      objectType: 'team',
      objectId: id,
      detail: { name },
    })
    return readTeam(tx, id)
  })
}

/** @param expected the version it replaces, if the caller says
 *  @throws {NotFoundError} @throws as {@link createTeam} @throws {ConflictError} `changed_meanwhile` */
export function saveTeam(
  services: Services,
  actorId: string,
  id: string,
  { name, agentIds }: z.output<typeof SaveTeam>,
  expected?: string,
): Promise<Team> {
  return change(services, async ({ tx, now }) => {
    const before = await teams.lock(tx, id)
    if (before === null) throw new NotFoundError('team')
    await refuseStale(tx, expected, await readTeam(tx, id), { what: 'team', objectId: id, actorId })
    if (await teams.isNameTaken(tx, name, id)) throw nameTaken()
    await teams.rename(tx, id, name)
    await setMembers(tx, id, agentIds)
    const detail = { name, members: new Set(agentIds).size }
    await audit(tx, { now, actorId, action: 'team.changed', objectType: 'team', objectId: id, detail })
    return readTeam(tx, id)
  })
}

/** Its members stay; sites that led to it go round robin. @throws {NotFoundError} */
export function deleteTeam(services: Services, actorId: string, id: string): Promise<void> {
  return change(services, async ({ tx, now }) => {
    const name = await teams.lock(tx, id)
    if (name === null) throw new NotFoundError('team')
    await teams.remove(tx, id)
    await audit(tx, {
      now,
      actorId,
      action: 'team.deleted',
      objectType: 'team',
      objectId: id,
      detail: { name },
    })
  })
}

const nameTaken = () =>
  new ConflictError('name_taken', 'Another team has this name. Choose a different one.', {
    errors: [{ field: 'name', message: 'Another team has this name.' }],
  })

async function setMembers(tx: Tx, id: string, agentIds: string[]): Promise<void> {
  if ((await teams.unknownAgents(tx, agentIds)).length > 0) {
    const message = 'One of these agents does not exist any more. Load the page again.'
    throw new InvalidInputError(message, [{ field: 'agentIds', message }])
  }
  await teams.setMembers(tx, id, agentIds)
}

async function readTeam(tx: Tx, id: string): Promise<Team> {
  const [team] = await teams.readTeams(tx, id)
  if (!team) throw new NotFoundError('team')
  return team
}
