import { randomBytes, randomUUIDv7 } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { z } from 'zod'
import type { CreateSite, SaveSite, Site, SiteSettings } from '../../contracts/sites.ts'
import type { Tx } from '../../db/pool.ts'
import { NotFoundError } from '../../errors.ts'
import { change, type Services } from '../../services.ts'
import { audit } from '../audit/audit.ts'
import { refuseStale, versionOf } from '../content-version.ts'
import { checkTarget } from '../meetings/target.ts'
import { newToken } from '../sign-in/tokens.ts'
import * as sites from './repository.ts'
import { defaultSiteSettings } from './settings.ts'

/** @param address where the widget's script stands, without a trailing slash. */
export const listSites = async ({ db }: Services, address: string): Promise<Site[]> =>
  (await sites.readSites(db)).map((site) => describe(site, address))

export function createSite(
  services: Services,
  actorId: string,
  site: z.output<typeof CreateSite>,
  address: string,
): Promise<Site> {
  return change(services, async ({ tx, now }) => {
    const booking = { by: 'owner', agentId: actorId } as const
    const row = await addSite(tx, now, { ...site, companyName: site.name, booking })
    await audit(tx, { now, actorId, action: 'site.created', objectType: 'site', objectId: row.id })
    return describe(row, address)
  })
}

/** @param expected the version it replaces, if the caller says
 *  @throws {NotFoundError} @throws {InvalidInputError} nobody can be booked by what it names
 *  @throws {ConflictError} `changed_meanwhile` */
export function saveSite(
  services: Services,
  actorId: string,
  id: string,
  site: z.output<typeof SaveSite>,
  address: string,
  expected?: string,
): Promise<Site> {
  return change(services, async ({ tx, now }) => {
    if (site.route) await sites.holdRoute(tx, site.route)
    const before = await sites.lockSite(tx, id)
    if (!before) throw new NotFoundError('site')
    await refuseStale(tx, expected, describe(before, address), { what: 'site', objectId: id, actorId })
    const { booking } = site.settings
    // what was named before may be gone since, and must not keep the rest from being saved
    if (booking && !isDeepStrictEqual(booking, before.settings.booking)) await checkTarget(tx, now, booking)
    if (site.route) await sites.setRoute(tx, id, site.route)
    const row = await sites.update(tx, id, site)
    if (!row) throw new NotFoundError('site')
    await audit(tx, {
      now,
      actorId,
      action: 'site.changed',
      objectType: 'site',
      objectId: id,
      detail: { ...site },
    })
    return describe(row, address)
  })
}

/** A new site with the usual settings.
 *  @param site.booking none of the usual settings: sites of before, which name nobody, offer none
 *  @param site.key made up if left out. */
export async function addSite(
  tx: Tx,
  now: Date,
  site: {
    name: string
    companyName: string
    allowedOrigins: string[]
    booking: SiteSettings['booking']
    key?: string
  },
): Promise<sites.SiteRow> {
  const row: sites.SiteRow = {
    id: randomUUIDv7(),
    name: site.name,
    key: site.key ?? newSiteKey(),
    allowedOrigins: site.allowedOrigins,
    settings: { ...defaultSiteSettings(site.companyName), booking: site.booking },
    route: { by: 'round_robin' },
    identitySecret: newToken(),
  }
  await sites.insert(tx, now, row)
  return row
}

/** Public: it stands in the page. Easy to tell apart and to read out, and no word by chance. */
const newSiteKey = () => {
  const letters = '23456789bcdfghjkmnpqrstvwxz'
  return Array.from(randomBytes(12), (byte) => letters[byte % letters.length]).join('')
}

const describe = ({ identitySecret, ...site }: sites.SiteRow, address: string): Site => ({
  ...site,
  version: versionOf([site.name, site.allowedOrigins, site.settings, site.route]),
  snippet: `<script async src="${address}/widget.js" data-site="${site.key}"></script>`,
})
