import { createHmac } from 'node:crypto'
import { decodeListed } from '../signature.ts'
import type { Store } from './store.ts'

export interface WebhookEventBody {
  eventId: number
  subscriptionId: number
  portalId: number
  appId: number
  occurredAt: number
  subscriptionType: string
  attemptNumber: number
  objectId: number
  [more: string]: unknown
}

export interface SignedRequest {
  method: 'POST'
  url: string
  headers: Record<string, string>
  body: string
}

/** How an event is put into words differs from kind to kind, but each kind has one subscription. */
const subscriptions = [
  'contact.creation',
  'contact.propertyChange',
  'contact.deletion',
  'contact.privacyDeletion',
  'contact.merge',
  'contact.associationChange',
]

/** Collects what an app that subscribed to everything would be sent; sends it when asked, signed.
 *  https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests */
export function createWebhooks(
  store: Store,
  { hubId, clientSecret, now }: { hubId: number; clientSecret: string; now: () => number },
) {
  const waiting: WebhookEventBody[] = []
  let lastEventId = 0
  store.onEvent(({ type, objectId, at, details }) => {
    lastEventId += 1
    waiting.push({
      eventId: lastEventId,
      subscriptionId: 1 + subscriptions.indexOf(type),
      portalId: hubId,
      appId: 1,
      occurredAt: at,
      subscriptionType: type,
      attemptNumber: 0,
      objectId: Number(objectId),
      changeSource: 'CRM_UI',
      ...details,
    })
    // nobody may ever ask for them
    if (waiting.length > 10_000) waiting.shift()
  })

  function sign(url: string, events: unknown[]): SignedRequest {
    const body = JSON.stringify(events)
    const timestamp = String(now())
    const signature = createHmac('sha256', clientSecret)
      .update(`POST${decodeListed(url)}${body}${timestamp}`)
      .digest('base64')
    return {
      method: 'POST',
      url,
      headers: {
        'content-type': 'application/json',
        'x-hubspot-signature-v3': signature,
        'x-hubspot-request-timestamp': timestamp,
      },
      body,
    }
  }

  return {
    sign,
    /** Takes what waits: at most 100 events a request. `reversed` and `twice` are what HubSpot does on bad days. */
    take(url: string, { reversed = false, twice = false } = {}): SignedRequest[] {
      let events = waiting.splice(0)
      if (twice) events = [...events, ...events.map((event) => ({ ...event, attemptNumber: 1 }))]
      if (reversed) events.reverse()
      const requests: SignedRequest[] = []
      for (let i = 0; i < events.length; i += 100) requests.push(sign(url, events.slice(i, i + 100)))
      return requests
    },
    /** Sends what waits; what is not taken with 2xx waits again. @returns the statuses. */
    async send(url: string, options: { reversed?: boolean; twice?: boolean } = {}): Promise<number[]> {
      const statuses: number[] = []
      for (const { method, headers, body } of this.take(url, options)) {
        const { status } = await fetch(url, { method, headers, body }).catch(() => ({ status: 0 }))
        statuses.push(status)
        if (status < 200 || status > 299) waiting.push(...(JSON.parse(body) as WebhookEventBody[]))
      }
      return statuses
    },
  }
}
