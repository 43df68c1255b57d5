import { sql } from 'kysely'
import type { SiteRoute, SiteSettings } from '../../contracts/sites.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { InvalidInputError } from '../../errors.ts'
import { type StoredRoute, toRoute } from './route.ts'
import { readSiteSettings } from './settings.ts'

/** A site as the server uses it. The secret signs and checks visitors' identities, and never leaves the server. */
export interface SiteRow {
  id: string
  name: string
  key: string
  allowedOrigins: string[]
  settings: SiteSettings
  route: SiteRoute
  identitySecret: string
}

interface StoredSite extends Omit<SiteRow, 'settings' | 'route'>, StoredRoute {
  settings: unknown
}

const columns = sql`id, name, key, allowed_origins, settings, identity_secret, route, route_agent_id, route_team_id`
const toSite = ({ route, routeAgentId, routeTeamId, ...row }: StoredSite): SiteRow => ({
  ...row,
  settings: readSiteSettings(row.settings, row.name),
  route: toRoute({ route, routeAgentId, routeTeamId }),
})

/** Oldest first. */
export async function readSites(db: Db | Tx): Promise<SiteRow[]> {
  const { rows } = await sql<StoredSite>`select ${columns} from sites order by created_at, id`.execute(db)
  return rows.map(toSite)
}

/** @param key as a stranger wrote it. */
export async function findSiteByKey(db: Db | Tx, key: string): Promise<SiteRow | null> {
  if (key.includes('\0')) return null
  const { rows } = await sql<StoredSite>`select ${columns} from sites where key = ${key}`.execute(db)
  return rows[0] ? toSite(rows[0]) : null
}

/** The site with this id, such as a visitor's `siteId`. */
export async function findSiteOf(db: Db | Tx, id: string): Promise<SiteRow | null> {
  const { rows } =
    await sql<StoredSite>`${plannedOnce} select ${columns} from sites where id = ${id}`.execute(db)
  return rows[0] ? toSite(rows[0]) : null
}

export async function insert(tx: Tx, now: Date, site: Omit<SiteRow, 'route'>): Promise<void> {
  await sql`
    insert into sites (id, name, key, allowed_origins, settings, identity_secret, created_at)
    values (${site.id}, ${site.name}, ${site.key}, ${site.allowedOrigins}, ${JSON.stringify(site.settings)}::jsonb,
            ${site.identitySecret}, ${now})`.execute(tx)
}

/** @returns null when there is no such site. */
export async function update(
  tx: Tx,
  id: string,
  to: Pick<SiteRow, 'name' | 'allowedOrigins' | 'settings'>,
): Promise<SiteRow | null> {
  const { rows } = await sql<StoredSite>`
    update sites set name = ${to.name}, allowed_origins = ${to.allowedOrigins},
           settings = ${JSON.stringify(to.settings)}::jsonb
    where id = ${id} returning ${columns}`.execute(tx)
  return rows[0] ? toSite(rows[0]) : null
}

/** For a change: nobody else changes it before that is over. */
export async function lockSite(tx: Tx, id: string): Promise<SiteRow | null> {
  const { rows } =
    await sql<StoredSite>`select ${columns} from sites where id = ${id} for no key update`.execute(tx)
  return rows[0] ? toSite(rows[0]) : null
}

/** What it leads to has been held with {@link holdRoute}. */
export async function setRoute(tx: Tx, id: string, route: SiteRoute): Promise<void> {
  const agentId = route.by === 'agent' ? route.agentId : null
  const teamId = route.by === 'team' ? route.teamId : null
  await sql`
    update sites set route = ${route.by}, route_agent_id = ${agentId}, route_team_id = ${teamId} where id = ${id}`.execute(
    tx,
  )
}

/** Holds what the route names, so that it is not deleted meanwhile; before the site's own row, which whoever deletes a
 *  team takes after the team's. @throws {InvalidInputError} when the agent or the team does not exist */
export async function holdRoute(tx: Tx, route: SiteRoute): Promise<void> {
  if (route.by !== 'agent' && route.by !== 'team') return
  const { rows } =
    route.by === 'agent'
      ? await sql`select from agents where id = ${route.agentId} for key share`.execute(tx)
      : await sql`select from teams where id = ${route.teamId} for key share`.execute(tx)
  if (rows.length > 0) return
  const [field, message] =
    route.by === 'agent'
      ? ['route.agentId', 'There is no such agent any more. Choose another one.']
      : ['route.teamId', 'There is no such team any more. Choose another one.']
  throw new InvalidInputError(message, [{ field, message }])
}
