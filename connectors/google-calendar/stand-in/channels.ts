import { randomUUID } from 'node:crypto'
import { Refusal } from './answers.ts'
import type { Store } from './store.ts'

interface Channel {
  id: string
  resourceId: string
  token: string
  address: string
  calendarId: string
  expiresAt: number
}

/** A call that Google would make: a POST without a body. */
export interface ChannelCall {
  address: string
  headers: Record<string, string>
}

/** `events/watch` and `channels/stop`. https://developers.google.com/workspace/calendar/api/guides/push */
export function createChannels(store: Store, { lifetimeMs, now }: { lifetimeMs: number; now: () => number }) {
  const channels = new Map<string, Channel>()
  const calls: ChannelCall[] = []
  let messages = 0

  function call(channel: Channel, state: 'sync' | 'exists'): void {
    messages += 1
    calls.push({
      address: channel.address,
      headers: {
        'x-goog-channel-id': channel.id,
        'x-goog-resource-id': channel.resourceId,
        'x-goog-channel-token': channel.token,
        'x-goog-resource-state': state,
        'x-goog-message-number': String(messages),
      },
    })
  }

  store.onChange((calendarId) => {
    for (const channel of channels.values())
      if (channel.calendarId === calendarId && channel.expiresAt > now()) call(channel, 'exists')
  })

  return {
    open(calendarId: string, body: Record<string, unknown>) {
      const { id, token, address, type } = body as Record<string, string>
      if (!id || !address || type !== 'web_hook') throw new Refusal(400, 'required')
      if (!address.startsWith('https://'))
        throw new Refusal(400, 'push.webhookUrlNotHttps', 'WebHook callback must be HTTPS')
      if (channels.has(id)) throw new Refusal(400, 'channelIdNotUnique', `Channel id ${id} not unique`)
      const channel = {
        id,
        token: token ?? '',
        address,
        calendarId,
        resourceId: randomUUID(),
        expiresAt: now() + lifetimeMs,
      }
      channels.set(id, channel)
      call(channel, 'sync')
      return {
        kind: 'api#channel',
        id,
        resourceId: channel.resourceId,
        expiration: String(channel.expiresAt),
      }
    },
    stop(body: Record<string, unknown>) {
      const { id, resourceId } = body as Record<string, string>
      if (channels.get(id ?? '')?.resourceId !== resourceId) throw new Refusal(404, 'notFound')
      channels.delete(id ?? '')
    },
    /** All end at once, without a word. */
    killAll: () => channels.clear(),
    count: () => [...channels.values()].filter(({ expiresAt }) => expiresAt > now()).length,
    /** Those made since they were taken last. */
    takeCalls: () => calls.splice(0),
  }
}
