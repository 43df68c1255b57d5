import { type RawBuilder, sql } from 'kysely'
import type { z } from 'zod'
import type { CrmUser, SetCrmUser } from '../../contracts/accounts.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { InvalidInputError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { refuseStale, versionOf } from '../content-version.ts'
import { agentExists } from './repository.ts'

const usersAtMost = 500

interface CrmUserRow extends Omit<CrmUser, 'agent' | 'version'> {
  agentId: string | null
  agentName: string | null
  agentActive: boolean | null
}

/** Whoever owns something in the mirror, and which agent that is; those with the most records first. */
export const listCrmUsers = (db: Db): Promise<CrmUser[]> => readCrmUsers(db, sql`true`)

async function readCrmUsers(db: Db | Tx, where: RawBuilder<unknown>): Promise<CrmUser[]> {
  const { rows } = await sql<CrmUserRow>`
    select o.connector, o.owner_id as "user", o.email, o.active, o.is_queue, o.records,
           u.connector is not null as by_hand, a.id as agent_id, a.name as agent_name, a.active as agent_active
    from (
      select connector, owner_id, max(owner_email) as email, bool_or(owner_active) as active,
             bool_or(owner_is_queue) as is_queue, count(*) as records
      from (
        select connector, owner_id, owner_email, owner_active, owner_is_queue from people_mirror
        union all
        select connector, owner_id, owner_email, owner_active, owner_is_queue from companies_mirror
      ) owned
      where owner_id is not null and ${where} group by connector, owner_id
      order by count(*) desc, connector, owner_id limit ${usersAtMost}
    ) o
    left join agent_crm_users u on u.connector = o.connector and u.crm_user = o.owner_id
    left join agents a on a.id = u.agent_id or (u.connector is null and a.email = o.email)
    order by o.records desc, o.connector, o.owner_id`.execute(db)
  return rows.map(({ agentId, agentName, agentActive, ...user }) => ({
    ...user,
    version: versionOf(user.byHand ? { agentId } : null),
    agent:
      agentId && agentName !== null ? { id: agentId, name: agentName, active: agentActive ?? false } : null,
  }))
}

/** @param expected the version it replaces, if the caller says
 *  @throws {InvalidInputError} for an agent nobody knows @throws {ConflictError} `changed_meanwhile` */
export function setCrmUser(
  services: Services,
  actorId: string,
  { connector, user, agent }: z.output<typeof SetCrmUser>,
  expected?: string,
): Promise<void> {
  const objectId = `${connector} ${user}`
  return change(services, async ({ tx, now }) => {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`crm user ${objectId}`}, 0))`.execute(tx)
    const [before] = await readCrmUsers(tx, sql`connector = ${connector} and owner_id = ${user}`)
    // whoever owns nothing any more stands in no list that somebody could have begun from
    if (before) await refuseStale(tx, expected, before, { what: 'owner', objectId, actorId })
    if (agent.by === 'email') {
      await sql`delete from agent_crm_users where connector = ${connector} and crm_user = ${user}`.execute(tx)
    } else {
      if (agent.agentId !== null && !(await agentExists(tx, agent.agentId))) {
        const message = 'There is no such agent any more. Choose another one.'
        throw new InvalidInputError(message, [{ field: 'agent.agentId', message }])
      }
      await sql`
        insert into agent_crm_users (connector, crm_user, agent_id) values (${connector}, ${user}, ${agent.agentId})
        on conflict (connector, crm_user) do update set agent_id = excluded.agent_id`.execute(tx)
    }
    const detail = { connector, user, ...agent }
    await audit(tx, {
      now,
      actorId,
      action: 'crm_user.changed',
      objectType: 'crm_user',
      objectId,
      detail,
    })
  })
}
