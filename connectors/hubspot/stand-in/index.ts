import type { StandIn } from '../../sdk/stand-in.ts'
import { type ObjectType, objectTypeOf } from '../object-types.ts'
import { cursorOf, json, missingScopes, notFound, positionOf, problem, Refusal } from './answers.ts'
import { associateByDefault, readAssociations } from './associations-api.ts'
import { createFaults, refusalAnswer } from './faults.ts'
import { createLimits, type LimitOptions } from './limits.ts'
import { createOAuth, type OAuthOptions } from './oauth.ts'
import { answerObjects, type RequestBody } from './objects.ts'
import { undated } from './paths.ts'
import { propertiesOf, shownProperty } from './properties.ts'
import { createStore, type StoredOwner } from './store.ts'
import { createWebhooks } from './webhooks.ts'

export interface HubSpotStandInOptions extends Partial<OAuthOptions>, Partial<LimitOptions> {
  /** The time it begins with runs on by itself; `clock.advance` moves it. */
  now?: () => number
  /** How many results of a search can be paged through. */
  searchCap?: number
  /** Rows of a page of associations: the real one has 500. */
  associationsPerPage?: number
}

export interface LoggedRequest {
  at: number
  method: string
  /** As it was asked for, with its query. */
  url: string
  path: string
  query: URLSearchParams
  /** Parsed where it is JSON. */
  body: unknown
  status: number
}

export type HubSpotStandIn = ReturnType<typeof createHubSpotStandIn>

/** One account of HubSpot, for tests and the demo. Give `handle` to msw or to `serveStandIn`. */
export function createHubSpotStandIn(options: HubSpotStandInOptions = {}) {
  const base = options.now ?? Date.now
  let offset = 0
  const now = () => base() + offset
  const hubId = options.hubId ?? 62_515
  const clientSecret = options.clientSecret ?? 'stand-in-secret'
  const store = createStore(now)
  const oauth = createOAuth(
    {
      clientId: 'stand-in-app',
      rotates: true,
      lifetimeSeconds: 1_800,
      consent: 'allow',
      ...options,
      clientSecret,
      hubId,
    },
    now,
  )
  const limits = createLimits({ perTenSeconds: 110, searchesPerSecond: 5, perDay: null, ...options }, now)
  const faults = createFaults()
  const webhooks = createWebhooks(store, { hubId, clientSecret, now })
  const requests: LoggedRequest[] = []
  const pageSize = options.associationsPerPage ?? 500

  function answer(request: Request, url: URL, text: string): Response {
    const path = undated(url.pathname)
    if (path === '/oauth/authorize') return oauth.authorize(url)
    if (path.startsWith('/oauth/')) return oauthAnswer(path, url, text)
    if (path.startsWith('/contacts/')) return pageOf(path)
    const scopes = oauth.check(request.headers.get('authorization'))
    const headers = limits.count(path.endsWith('/search'))
    const response = answered(() =>
      api(request.method, path, url.searchParams, text === '' ? {} : JSON.parse(text), scopes),
    )
    for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
    return response
  }

  function oauthAnswer(path: string, url: URL, text: string): Response {
    // dated paths refuse what would end up in the logs of proxies
    if (url.search !== '') throw new Refusal(400, problem('VALIDATION_ERROR', 'Send the fields in the body.'))
    const form = new URLSearchParams(text)
    if (path === '/oauth/token') return oauth.token(form)
    if (path === '/oauth/token/revoke') return oauth.revoke(form)
    throw notFound()
  }

  function api(
    method: string,
    path: string,
    query: URLSearchParams,
    body: RequestBody,
    scopes: Set<string>,
  ): Response {
    const [, family, version, kind, ...rest] = path.split('/').map(decodeURIComponent)
    const need = (...wanted: string[]) => {
      const missing = wanted.filter((scope) => !scopes.has(scope))
      if (missing.length > 0) throw missingScopes(missing)
    }
    if (path === '/account-info/v3/details') return json(200, account())
    if (family !== 'crm') throw notFound()
    if (kind === 'owners' && method === 'GET') {
      need('crm.objects.owners.read')
      return rest[0] ? owner(rest[0], query) : ownerPage(query)
    }
    if (kind === 'properties' && method === 'GET') {
      const type = objectTypeOf(rest[0] ?? '')
      if (!type) throw notFound()
      need(scopeFor(type, 'read'))
      return json(200, { results: propertiesOf(type).map(shownProperty) })
    }
    if (version === 'v4' && kind === 'associations' && rest.slice(2).join('/') === 'batch/read') {
      need('crm.objects.contacts.read')
      return readAssociations(store, rest, body, pageSize)
    }
    if (version === 'v4' && kind === 'objects' && method === 'PUT') {
      need('crm.objects.contacts.write')
      return associateByDefault(
        store,
        rest.filter((_, i) => i !== 2 && i !== 3),
      )
    }
    if (version === 'v3' && kind === 'objects') {
      const type = objectTypeOf(rest.shift() ?? '')
      if (!type) throw notFound(`Unable to infer object type from: ${path}`)
      const reads = method === 'GET' || rest[0] === 'search' || rest.join('/') === 'batch/read'
      need(scopeFor(type, reads ? 'read' : 'write'))
      return answerObjects(
        store,
        { method, type, rest, query, body },
        {
          mayReadEmails: scopes.has('sales-email-read'),
          searchCap: options.searchCap ?? 10_000,
        },
      )
    }
    throw notFound()
  }

  const account = () => ({
    portalId: hubId,
    accountType: 'STANDARD',
    timeZone: 'Europe/Berlin',
    companyCurrency: 'EUR',
    additionalCurrencies: [],
    utcOffset: '+01:00',
    utcOffsetMilliseconds: 3_600_000,
    uiDomain: 'app.hubspot.com',
    dataHostingLocation: 'eu1',
  })

  const shownOwner = ({ userId, ...rest }: StoredOwner) => ({
    ...rest,
    ...(rest.email === null ? { email: undefined } : {}),
    // an archived owner has no user any more
    ...(rest.archived || rest.type === 'QUEUE' ? {} : { userId }),
    userIdIncludingInactive: userId,
    createdAt: new Date(0).toISOString(),
    updatedAt: new Date(0).toISOString(),
    teams: [],
  })

  function owner(id: string, query: URLSearchParams): Response {
    const wanted = query.get('archived') === 'true'
    const found = [...store.owners.values()].find(
      (one) =>
        one.archived === wanted &&
        (query.get('idProperty') === 'userId' ? String(one.userId) : one.id) === id,
    )
    if (!found) throw notFound()
    return json(200, shownOwner(found))
  }

  function ownerPage(query: URLSearchParams): Response {
    const wanted = query.get('archived') === 'true'
    const all = [...store.owners.values()].filter(({ archived }) => archived === wanted)
    const start = query.get('after') ? Number(positionOf(query.get('after') ?? '')) : 0
    const end = start + Math.min(Number(query.get('limit') ?? 100), 500)
    return json(200, {
      results: all.slice(start, end).map(shownOwner),
      ...(end < all.length ? { paging: { next: { after: cursorOf(end), link: '' } } } : {}),
    })
  }

  /** What a person sees who follows the link to a record. */
  function pageOf(path: string): Response {
    const [, , , , typeId = '', id = ''] = path.split('/')
    const type = objectTypeOf(typeId)
    const record = type && store.find(type, id)
    if (!record) return new Response('There is no such record.', { status: 404 })
    const rows = Object.entries(record.properties).map(([name, value]) => `${name}: ${value}`)
    return new Response(`HubSpot (stand-in), ${type} ${id}\n\n${rows.join('\n')}\n`, {
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    })
  }

  const handle: StandIn = async (request) => {
    const url = new URL(request.url)
    const text = await request.text()
    const at = now()
    const response = await faults.around({ method: request.method, path: url.pathname }, async () =>
      answered(() => answer(request, url, text)),
    )
    requests.push({
      at,
      method: request.method,
      url: request.url,
      path: url.pathname,
      query: url.searchParams,
      body: parsed(text),
      status: response.status,
    })
    if (requests.length > 10_000) requests.shift()
    return response
  }

  return {
    handle,
    /** Its records, to fill, to look at, and to change as somebody does who works in HubSpot. */
    store,
    oauth,
    limits,
    faults,
    webhooks,
    requests,
    hubId,
    clientId: options.clientId ?? 'stand-in-app',
    clientSecret,
    clock: {
      now,
      advance: (ms: number) => {
        offset += ms
      },
    },
  }
}

function answered(answer: () => Response): Response {
  try {
    return answer()
  } catch (error) {
    if (error instanceof Refusal) return refusalAnswer(error)
    if (error instanceof SyntaxError) return json(400, problem('VALIDATION_ERROR', 'Invalid input JSON'))
    throw error
  }
}

/** Engagements hang on the contact's scopes. */
const scopeFor = (type: ObjectType, verb: 'read' | 'write') =>
  type === 'companies' ? `crm.objects.companies.${verb}` : `crm.objects.contacts.${verb}`

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
