import { sql } from 'kysely'
import type { Team } from '../../contracts/teams.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { versionOf } from '../content-version.ts'

/** By name. @param id only this one */
export async function readTeams(db: Db | Tx, id: string | null = null): Promise<Team[]> {
  const { rows } = await sql<Omit<Team, 'version'>>`
    select t.id, t.name,
           coalesce((select jsonb_agg(jsonb_build_object('id', a.id, 'name', a.name, 'active', a.active) order by a.position)
                     from team_members m join agents a on a.id = m.agent_id where m.team_id = t.id), '[]') as members,
           coalesce((select jsonb_agg(s.name order by s.name) from sites s where s.route_team_id = t.id), '[]') as sites
    from teams t where ${id}::uuid is null or t.id = ${id}
    order by lower(t.name), t.id`.execute(db)
  return rows.map((row) => ({ ...row, version: versionOf([row.name, row.members.map(({ id }) => id)]) }))
}

/** @returns false when another team has this name. */
export async function insert(
  tx: Tx,
  now: Date,
  { id, name }: { id: string; name: string },
): Promise<boolean> {
  const { rows } = await sql`
    insert into teams (id, name, created_at) values (${id}, ${name}, ${now})
    on conflict (lower(name)) do nothing returning id`.execute(tx)
  return rows.length > 0
}

/** Whoever changes or deletes a team, or lets something lead to it, holds its row. @returns its name */
export async function lock(tx: Tx, id: string): Promise<string | null> {
  const { rows } = await sql<{ name: string }>`select name from teams where id = ${id} for update`.execute(tx)
  return rows[0]?.name ?? null
}

export async function isNameTaken(tx: Tx, name: string, exceptId: string): Promise<boolean> {
  const { rows } =
    await sql`select from teams where lower(name) = lower(${name}) and id <> ${exceptId}`.execute(tx)
  return rows.length > 0
}

export async function rename(tx: Tx, id: string, name: string): Promise<void> {
  await sql`update teams set name = ${name} where id = ${id}`.execute(tx)
}

export async function setMembers(tx: Tx, id: string, agentIds: string[]): Promise<void> {
  await sql`delete from team_members where team_id = ${id} and not agent_id = any (${agentIds}::uuid[])`.execute(
    tx,
  )
  await sql`
    insert into team_members (team_id, agent_id) select ${id}, unnest(${agentIds}::uuid[])
    on conflict do nothing`.execute(tx)
}

/** Those of the ids that no agent has. */
export async function unknownAgents(tx: Tx, agentIds: string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select given.id from unnest(${agentIds}::uuid[]) as given (id)
    where not exists (select from agents a where a.id = given.id)`.execute(tx)
  return rows.map(({ id }) => id)
}

/** Requests that came to it go round robin over all again. */
export async function remove(tx: Tx, id: string): Promise<void> {
  await sql`
    update sites set route = 'round_robin', route_team_id = null where route_team_id = ${id}`.execute(tx)
  await sql`delete from teams where id = ${id}`.execute(tx)
  await sql`delete from round_robins where of_id = ${id}`.execute(tx)
}
