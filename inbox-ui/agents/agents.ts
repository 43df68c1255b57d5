import type { z } from 'zod'
import type { Agent, ChangeAgent, CreateAgent } from '../../core/contracts/agents.ts'
import type { Api } from '../app/api.ts'
import { Collection } from '../settings/collection.svelte.ts'

/** Everybody who answers chats here. */
export type Agents = Collection<Agent, z.input<typeof CreateAgent>, z.input<typeof ChangeAgent>>

export const agentsAt = (api: Api): Agents =>
  new Collection(api, { path: '/agents', name: 'agents', change: 'PATCH' })
