import type { z } from 'zod'
import type { CreateSite, SaveSite, Site } from '../../core/contracts/sites.ts'
import type { Api } from '../app/api.ts'
import { Collection } from '../settings/collection.svelte.ts'

/** Where the widget stands. */
export type Sites = Collection<Site, z.input<typeof CreateSite>, z.input<typeof SaveSite>>

export const sitesAt = (api: Api): Sites =>
  new Collection(api, { path: '/sites', name: 'sites', change: 'PUT' })
