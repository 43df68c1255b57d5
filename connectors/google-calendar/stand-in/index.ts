import type { StandIn } from '../../sdk/stand-in.ts'
import { json, Refusal, TokenRefusal } from './answers.ts'
import { type ApiOptions, answerApi } from './calendar-api.ts'
import { createChannels } from './channels.ts'
import { createFaults } from './faults.ts'
import { createOAuth, type Grant, type OAuthOptions } from './oauth.ts'
import { createStore, type StoredCalendar, type StoredEvent } from './store.ts'

export interface GoogleStandInOptions extends Partial<OAuthOptions>, Partial<Omit<ApiOptions, 'busyErrors'>> {
  /** The time it begins with runs on by itself; `advance` moves it. */
  now?: () => number
  channelLifetimeMs?: number
}

export interface SavedGoogle {
  grants: Grant[]
  calendars: (Omit<StoredCalendar, 'events'> & { events: StoredEvent[] })[]
}

/** Google's sign-in and calendars, for tests and the demo. Give `handle` to msw or to `serveStandIn`. */
export function createGoogleStandIn(options: GoogleStandInOptions = {}) {
  const base = options.now ?? Date.now
  let offset = 0
  const now = () => base() + offset
  const store = createStore()
  const oauth = createOAuth(
    {
      clientId: 'stand-in-app',
      clientSecret: 'stand-in-secret',
      account: 'dana@foyer.test',
      lifetimeSeconds: 3_600,
      consent: 'allow',
      ...options,
    },
    now,
  )
  const api: ApiOptions = { pageSize: 2_500, pendingReads: 0, ...options, busyErrors: new Map() }
  const channels = createChannels(store, { lifetimeMs: options.channelLifetimeMs ?? 7 * 86_400_000, now })
  const faults = createFaults()
  const requests: { method: string; path: string; query: URLSearchParams; status: number }[] = []

  async function answer(request: Request, url: URL): Promise<Response> {
    const { pathname } = url
    const text = await request.text()
    if (pathname === '/o/oauth2/v2/auth') return oauth.authorize(url)
    if (pathname === '/token') return oauth.token(new URLSearchParams(text))
    if (pathname === '/revoke') return oauth.revoke(new URLSearchParams(text))
    const base = '/calendar/v3/'
    if (!pathname.startsWith(base)) throw new Refusal(404, 'notFound')
    const { account, scopes } = oauth.check(request.headers.get('authorization'))
    const path = pathname.slice(base.length).split('/').map(decodeURIComponent)
    const body = text === '' ? {} : JSON.parse(text)
    const { method } = request
    if (method === 'POST' && path.join('/') === 'channels/stop') {
      channels.stop(body)
      return new Response(null, { status: 204 })
    }
    if (method === 'POST' && path.at(-1) === 'watch') {
      const calendar = store.calendar(path[1] ?? '', account)
      if (!calendar) throw new Refusal(404, 'notFound')
      return json(200, channels.open(calendar.id, body))
    }
    const ifMatch = request.headers.get('if-match')
    const answered = answerApi(store, api, {
      method,
      path,
      query: url.searchParams,
      body,
      ifMatch,
      account,
      scopes,
    })
    return answered === null ? new Response(null, { status: 204 }) : json(200, answered)
  }

  const handle: StandIn = async (request) => {
    const url = new URL(request.url)
    const { method } = request
    const response = await faults.around(method, url.pathname, async () => {
      try {
        return await answer(request, url)
      } catch (error) {
        if (error instanceof Refusal || error instanceof TokenRefusal) return json(error.status, error.body)
        throw error
      }
    })
    requests.push({ method, path: url.pathname, query: url.searchParams, status: response.status })
    return response
  }

  return {
    handle,
    store,
    oauth,
    channels,
    faults,
    requests,
    /** Calendars that free/busy gives an error for within a 200, with its reason. */
    busyErrors: api.busyErrors,
    now: () => new Date(now()),
    advance(ms: number) {
      offset += ms
    },
    save: (): SavedGoogle => ({ grants: oauth.save(), calendars: store.save() }),
    load({ grants, calendars }: SavedGoogle) {
      oauth.load(grants)
      store.load(calendars)
    },
  }
}
