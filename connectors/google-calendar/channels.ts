import type { ChannelDeclaration } from '../sdk/calendar.ts'
import { RecordGoneError } from '../sdk/errors.ts'
import { OpenedWatch, parsed } from './answers.ts'
import { google } from './client.ts'

/** https://developers.google.com/workspace/calendar/api/guides/push */
export const channels: ChannelDeclaration = {
  async open(connection, calendarId, { id, token, address }) {
    const { events } = await google(connection)
    const answer = await events.watch({ calendarId, requestBody: { id, token, address, type: 'web_hook' } })
    const { resourceId, expiration } = parsed(OpenedWatch, answer)
    return { resourceId, expiresAt: new Date(expiration) }
  },
  async close(connection, { id, resourceId }) {
    const { channels } = await google(connection)
    try {
      await channels.stop({ requestBody: { id, resourceId } })
    } catch (error) {
      if (!(error instanceof RecordGoneError)) throw error
    }
  },
  // no body and no signature: what there is to check is in these
  read({ headers }) {
    const channelId = headers['x-goog-channel-id']
    const resourceId = headers['x-goog-resource-id']
    const token = headers['x-goog-channel-token']
    return channelId && resourceId && token ? { channelId, resourceId, token } : null
  },
}
