import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import type { CalendarDeclaration } from '#connectors/sdk/calendar.ts'
import type { Connection } from '#connectors/sdk/contract.ts'
import { ConnectorError } from '#connectors/sdk/errors.ts'
import type { Services } from '../../services.ts'
import { openConnection } from '../connections/open.ts'
import { hashToken, newToken } from '../sign-in/tokens.ts'
import { findCalendar } from './repository.ts'

export interface Channel {
  calendarId: string
  channelId: string | null
  channelResourceId: string | null
  channelExpiresAt: Date | null
}

/** Opened anew so long before it ends: nothing renews it. */
const renewBeforeMs = 24 * 3_600_000

/** Whether the provider is going to call when something changes. */
export const isOpen = ({ channelExpiresAt }: Channel, now: Date): boolean =>
  channelExpiresAt !== null && channelExpiresAt > now

/** Opens a channel where there is none, or the one there is ends soon; the old one is closed once the new one is open. That it cannot be
 *  opened costs some speed: reading goes on. */
export async function keepChannel(
  services: Services,
  calendar: CalendarDeclaration,
  connection: Connection,
  agentId: string,
  old: Channel,
  mayTryAgain: boolean,
): Promise<void> {
  const { db, clock, config, log } = services
  const now = clock.now()
  // the provider calls nobody but by https
  if (!calendar.channels || !config.publicUrl?.startsWith('https:')) return
  // refused a while ago, such as for an address that the provider does not call
  if (old.channelId !== null && old.channelExpiresAt === null && !mayTryAgain) return
  if (old.channelExpiresAt !== null && old.channelExpiresAt.getTime() - renewBeforeMs > now.getTime()) return
  const { rows } = await sql<{ connector: string }>`
    select connector from connections where id = ${connection.id}`.execute(db)
  const address = `${config.publicUrl}/api/v1/webhooks/${rows[0]?.connector}/calendar`
  const channel = { id: randomUUID(), token: newToken() }
  try {
    // known before it is open: the provider's first call may be faster than its answer
    await sql`
      update calendar_feeds set channel_id = ${channel.id}, channel_token_hash = ${hashToken(channel.token)},
        channel_resource_id = null, channel_expires_at = null
      where agent_id = ${agentId} and calendar_id = ${old.calendarId}`.execute(db)
    const { resourceId, expiresAt } = await calendar.channels.open(connection, old.calendarId, {
      ...channel,
      address,
    })
    await sql`
      update calendar_feeds set channel_resource_id = ${resourceId}, channel_expires_at = ${expiresAt}
      where agent_id = ${agentId} and channel_id = ${channel.id}`.execute(db)
    if (old.channelId && old.channelResourceId)
      await calendar.channels.close(connection, { id: old.channelId, resourceId: old.channelResourceId })
  } catch (error) {
    if (!(error instanceof ConnectorError)) throw error
    log.warn(
      { error, connection: connection.id },
      'A channel for the changes of a calendar was not opened, or the old one not closed',
    )
  }
}

/** Those of an agent, before it is disconnected. A provider that cannot be reached ends them at their time. */
export async function closeChannels(services: Services, agentId: string): Promise<void> {
  const row = await findCalendar(services.db, agentId)
  if (row?.connectionState !== 'active') return
  const { rows } = await sql<{ id: string; resourceId: string }>`
    select channel_id as id, channel_resource_id as resource_id from calendar_feeds
    where agent_id = ${agentId} and channel_id is not null and channel_resource_id is not null`.execute(
    services.db,
  )
  if (rows.length === 0) return
  const signal = AbortSignal.timeout(10_000)
  try {
    const { connector, connection } = await openConnection(services, row.connectionId, {
      signal,
      priority: 'live',
    })
    for (const channel of rows) await connector.calendar?.channels?.close(connection, channel)
  } catch (error) {
    services.log.warn({ error, connection: row.connectionId }, 'A channel was left to end by itself')
  }
}
