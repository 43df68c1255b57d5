import { sql } from 'kysely'
import type { SiteSettings } from '../../contracts/sites.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { readSiteSettings } from './settings.ts'

/** A site as the server uses it. The secret signs and checks visitors' identities, and never leaves the server. */
export interface SiteRow {
  id: string
  name: string
  key: string
  allowedOrigins: string[]
  settings: SiteSettings
  identitySecret: string
}

interface StoredSite extends Omit<SiteRow, 'settings'> {
  settings: unknown
}

const columns = sql`id, name, key, allowed_origins, settings, identity_secret`
const toSite = (row: StoredSite): SiteRow => ({ ...row, settings: readSiteSettings(row.settings, row.name) })

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
  const { rows } = await sql<StoredSite>`select ${columns} from sites where id = ${id}`.execute(db)
  return rows[0] ? toSite(rows[0]) : null
}

export async function insert(tx: Tx, now: Date, site: SiteRow): Promise<void> {
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
