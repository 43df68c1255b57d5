import type { LimitHeadroom } from '../../core/contracts/connections.ts'
import type { CrmWrite } from '../../core/contracts/sync.ts'
import type { Messages } from '../messages/language.ts'
import { isOfAgents, type Vendor } from './connectors.svelte.ts'

export type Tone = 'good' | 'late' | 'bad' | 'accent' | undefined

/** How a connection stands, in a word and a colour. */
export function standing(vendor: Vendor, text: Messages): { word: string; tone: Tone } {
  const { connection, sync } = vendor
  const words = text.connectors
  if (isOfAgents(vendor))
    return connection ? { word: words.appEntered, tone: 'good' } : { word: words.appMissing, tone: undefined }
  if (!connection) return { word: words.notConnected, tone: undefined }
  if (!connection.connector.installed) return { word: words.notInstalled, tone: 'late' }
  const word = words.states[connection.state]
  if (connection.state === 'active') {
    if (connection.health.resting) return { word: words.resting, tone: 'late' }
    if (connection.health.failuresInARow > 2) return { word: words.troubled, tone: 'late' }
    if (sync?.import.state === 'running') return { word: words.importing, tone: 'accent' }
    return { word, tone: 'good' }
  }
  return { word, tone: connection.state === 'broken' ? 'late' : undefined }
}

/** "Chat of Sofia Ricci" */
export const writeInWords = ({ kind, visitorName }: CrmWrite, text: Messages): string =>
  text.connectors.log.of(text.connectors.log.kinds[kind], visitorName ?? text.connectors.log.someone)

export const limitInWords = ({ name, perMs }: LimitHeadroom, text: Messages): string =>
  name === 'search' ? text.connectors.limits.search : text.connectors.limits.per(perMs)

/** "Sf" */
export const initials = (name: string): string => {
  const capitals = name.match(/\p{Lu}/gu) ?? []
  return capitals.length > 1 && !name.includes(' ') ? capitals.slice(0, 2).join('') : name.slice(0, 2)
}

/** Pages of one connector. */
export const tabs = ['connection', 'fields', 'writing', 'import', 'log'] as const
export type Tab = (typeof tabs)[number]

export const addressOf = (connector: string, tab: Tab = 'connection') =>
  `/inbox/settings/connectors?${new URLSearchParams({ connector, ...(tab === 'connection' ? {} : { tab }) })}`
