// Foyer's service worker, scope /inbox: shows what is pushed while no inbox is in view, and brings the agent there. It
// keeps nothing and answers no requests. As it stands here, it is what browsers run.

/** @typedef {import('../../core/contracts/push.ts').PushPayload} Payload */

/** How long a device with a bad line waits for Foyer's word before it decides by its own clock. */
const patienceMs = 4_000
const icon = '/inbox/icons/icon-192.png'
const badge = '/inbox/icons/badge-96.png'

// a new version takes over at once: there is no page whose files it could mix up
self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('push', (event) => {
  const payload = event.data?.json()
  if (payload) event.waitUntil(payload.kind === 'close' ? takeAway(payload) : show(payload))
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  const { token, url } = event.notification.data ?? {}
  event.waitUntil(Promise.all([bringTo(url ?? '/inbox/'), token ? report(token, 'clicked') : null]))
})

/** Foyer says what holds at this moment, signed in or not; without its word the notification's own end decides.
 *  @param {Payload} payload */
async function show(payload) {
  const { token, tag, url, expiresAt } = payload
  const verdict = await report(token, 'received')
  const allowed = verdict ?? (Date.now() < Date.parse(expiresAt) ? 'everything' : 'nothing')
  if (allowed === 'nothing') return takeAway(payload)
  const named = allowed === 'everything'
  await self.registration.showNotification(named ? payload.title : payload.plainTitle, {
    body: named ? payload.body : '',
    tag,
    icon,
    badge,
    // a second visitor in the same place must be heard, too
    renotify: payload.kind === 'offer',
    requireInteraction: payload.kind === 'offer',
    data: { token, url },
  })
  await report(token, 'shown')
  // it may have been taken by somebody else meanwhile, and the word of it have come before it was shown
  if (payload.kind === 'offer' && (await report(token, 'received')) === 'nothing') await takeAway(payload)
}

/** Safari wants something shown for each push, so what is shown is replaced in silence before it goes.
 *  @param {Payload} payload */
async function takeAway({ kind, tag, title }) {
  const shown = await self.registration.getNotifications({ tag })
  if (kind === 'close' && shown.length > 0)
    await self.registration.showNotification(title, { tag, icon, badge, silent: true })
  for (const notification of await self.registration.getNotifications({ tag })) notification.close()
}

/** @returns what may be shown now; null where Foyer does not answer. */
async function report(token, event) {
  try {
    const response = await fetch('/api/v1/push/receipts', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token, event }),
      signal: AbortSignal.timeout(patienceMs),
    })
    // a token Foyer does not know (any more) is about something that is gone
    if (response.status === 404) return 'nothing'
    return response.ok ? (await response.json()).show : null
  } catch {
    return null
  }
}

/** An inbox that is open comes to the front and goes there; else a new one is opened. */
async function bringTo(url) {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  const page = pages.find((one) => /^\/inbox(\/|$)/.test(new URL(one.url).pathname))
  if (!page) return self.clients.openWindow(url)
  page.postMessage({ type: 'go', url })
  return page.focus()
}
