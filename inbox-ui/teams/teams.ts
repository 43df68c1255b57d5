import type { z } from 'zod'
import type { SaveTeam, Team } from '../../core/contracts/teams.ts'
import type { Api } from '../app/api.ts'
import { Collection } from '../settings/collection.svelte.ts'

/** Agents who take chats in turn among themselves. */
export type Teams = Collection<Team, z.input<typeof SaveTeam>, z.input<typeof SaveTeam>>

export const teamsAt = (api: Api): Teams =>
  new Collection(api, { path: '/teams', name: 'teams', change: 'PUT' })
