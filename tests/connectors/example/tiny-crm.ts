import { createHash, randomUUID } from 'node:crypto'
import type { Fault, VendorUnderTest } from '#connectors/sdk/conformance/vendor.ts'
import type { PersonField } from '#connectors/sdk/crm.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'

interface Row {
  id: string
  key: string | null
  values: Record<string, string | null>
  changedAt: number
  deleted: boolean
  activities: { id: string; key: string | null; kind: string; at: string; title: string; text: string }[]
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } })

const columns: Record<PersonField, string> = {
  name: 'name',
  jobTitle: 'title',
  email: 'email',
  phone: 'phone',
  crmStatus: 'status',
  company: 'company',
}
const pageSize = 100
const maxLength = 500
const perSecond = 50

/** Tiny CRM on a free port, empty: what the example's connector talks to, in tests. */
export async function startTinyCrm(): Promise<VendorUnderTest> {
  const client = { id: 'tiny-client', secret: 'canary-tiny-secret' }
  const rows: Row[] = []
  const codes = new Map<string, string>()
  const hidden = new Set<string>()
  const recent: number[] = []
  const faults: { next: 'read' | 'write'; how: Fault }[] = []
  const stopped = new AbortController()
  let tokens = new Set<string>()
  let refreshToken: string | null = null
  let offsetMs = 0
  let refusesAll = false
  const counts = { refreshes: 0, calls: 0, limitErrors: 0 }
  const now = () => Date.now() + offsetMs

  function grant() {
    const accessToken = `canary-tiny-access-${randomUUID()}`
    tokens.add(accessToken)
    refreshToken = `canary-tiny-refresh-${randomUUID()}`
    return { accessToken, refreshToken }
  }

  async function handle(request: Request): Promise<Response> {
    counts.calls++
    const url = new URL(request.url)
    if (url.pathname.startsWith('/oauth/')) return signIn(url, new URLSearchParams(await request.text()))
    const isRead = request.method === 'GET'
    const place = faults.findIndex(({ next }) => (next === 'read') === isRead)
    const fault = place < 0 ? null : faults.splice(place, 1)[0]?.how
    if (typeof fault === 'object' && fault)
      return new Response(null, { status: 302, headers: { location: fault.redirectTo } })
    switch (fault) {
      case 'no_answer':
        return Response.error()
      case 'down':
        return new Response('Down', { status: 503 })
      case 'limited':
        counts.limitErrors++
        return json(429, { message: 'Slow down' }, { 'retry-after': '1' })
      case 'garbage':
        return new Response('<html>Maintenance</html>')
      case 'hang':
        await new Promise((resolve) => stopped.signal.addEventListener('abort', resolve))
        return Response.error()
      default:
    }
    const response = await api(request, url)
    if (fault === 'lost_answer') return Response.error()
    if (fault !== 'truncated') return response
    const whole = await response.text()
    return new Response(whole.slice(0, Math.floor(whole.length / 2)), { status: response.status })
  }

  function signIn({ pathname, searchParams }: URL, form: URLSearchParams): Response {
    if (pathname === '/oauth/authorize') {
      const code = randomUUID()
      codes.set(code, searchParams.get('code_challenge') ?? '')
      const back = new URL(searchParams.get('redirect_uri') ?? '')
      back.searchParams.set('code', code)
      back.searchParams.set('state', searchParams.get('state') ?? '')
      return new Response(null, { status: 302, headers: { location: back.href } })
    }
    if (pathname === '/oauth/revoke') {
      if (form.get('token') === refreshToken) end()
      return json(200, {})
    }
    if (form.get('client_id') !== client.id || form.get('client_secret') !== client.secret)
      return json(401, { error: 'invalid_client' })
    if (form.get('grant_type') === 'authorization_code') {
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url')
      if (codes.get(form.get('code') ?? '') !== challenge) return json(400, { error: 'invalid_grant' })
    } else {
      counts.refreshes++
      if (refreshToken === null || form.get('refresh_token') !== refreshToken)
        return json(400, { error: 'invalid_grant' })
    }
    const { accessToken, refreshToken: rotated } = grant()
    return json(200, { access_token: accessToken, refresh_token: rotated, expires_in: 1_800 })
  }

  function end() {
    tokens = new Set()
    refreshToken = null
  }

  async function api(request: Request, url: URL): Promise<Response> {
    const token = request.headers.get('authorization')?.replace('Bearer ', '') ?? ''
    if (refusesAll || !tokens.has(token)) return json(401, { message: 'Who are you?' })
    const at = Date.now()
    while ((recent[0] ?? at) <= at - 1_000) recent.shift()
    if (recent.length >= perSecond) {
      counts.limitErrors++
      return json(429, { message: 'Slow down' }, { 'retry-after': '1' })
    }
    recent.push(at)
    const body = request.method === 'GET' ? {} : ((await request.json()) as Record<string, string | null>)
    const [, noun, id, , key] = url.pathname.split('/').map(decodeURIComponent)
    const query = url.searchParams
    if (noun === 'me') return json(200, { id: 'tiny-1', name: 'Northwind (Tiny CRM)' })
    if (noun === 'fields')
      return json(200, {
        fields: Object.values(columns)
          .filter((name) => !hidden.has(name))
          .map((name) => ({ name, maxLength, required: name === 'email' })),
      })
    if (noun === 'users')
      return json(200, {
        users: [{ id: 'u1', name: 'Dana Weiss', email: 'Dana@Foyer.test', active: true }],
        next: null,
      })
    if (noun === 'changes') return changes(query)
    if (id === undefined || id === '') return request.method === 'POST' ? create(body) : list(query)
    const row = rows.find((one) => one.id === id && !one.deleted)
    if (!row) return json(404, { message: 'Not there' })
    if (key !== undefined) return log(row, key, body)
    if (url.pathname.endsWith('/activities')) return activitiesOf(row, query)
    return request.method === 'PATCH' ? change(row, body) : json(200, shown(row))
  }

  const shown = ({ id, values, changedAt }: Row) => ({
    ...Object.fromEntries(Object.entries(values).filter(([name]) => !hidden.has(name))),
    id,
    changedAt: new Date(changedAt).toISOString(),
  })

  /** @returns one page and where the next begins */
  function pageOf<T>(all: T[], query: URLSearchParams): { page: T[]; next: string | null } {
    const start = Number(query.get('after') ?? 0)
    const end = start + pageSize
    return { page: all.slice(start, end), next: end < all.length ? String(end) : null }
  }

  const living = () => rows.filter(({ deleted }) => !deleted)

  function list(query: URLSearchParams): Response {
    const email = query.get('email')
    const found = living().filter(({ values }) => email === null || values.email?.toLowerCase() === email)
    const { page, next } = pageOf(found, query)
    return json(200, { people: page.map(shown), next, total: found.length })
  }

  function changes(query: URLSearchParams): Response {
    const since = Date.parse(query.get('since') ?? '')
    const found = rows
      .filter(({ changedAt }) => changedAt >= since)
      .toSorted((a, b) => a.changedAt - b.changedAt)
    const { page, next } = pageOf(found, query)
    return json(200, { changes: page.map((row) => ({ ...shown(row), deleted: row.deleted })), next })
  }

  function create({ key = null, ownerId: _, ...values }: Record<string, string | null>): Response {
    const there = living().find((row) => (key && row.key === key) || row.values.email === values.email)
    if (there && there.key !== key) return json(409, { existingId: there.id })
    if (there) return json(200, shown(there))
    return refusal(values) ?? json(201, shown(insert(values, key)))
  }

  function change(row: Row, values: Record<string, string | null>): Response {
    const refused = refusal(values)
    if (refused) return refused
    Object.assign(row.values, values)
    row.changedAt = now()
    return json(200, shown(row))
  }

  function refusal(values: Record<string, string | null>): Response | null {
    const wrong = Object.entries(values).find(
      ([name, value]) => hidden.has(name) || (value?.length ?? 0) > maxLength,
    )
    return wrong ? json(422, { message: `${wrong[0]} is too long, or not yours to write` }) : null
  }

  function insert(values: Record<string, string | null>, key: string | null): Row {
    const empty = Object.fromEntries(Object.values(columns).map((name) => [name, null]))
    const row = {
      id: randomUUID(),
      key,
      values: { ...empty, ...values },
      changedAt: now(),
      deleted: false,
      activities: [],
    }
    rows.push(row)
    return row
  }

  function log(row: Row, key: string, { kind, at, title, text }: Record<string, string | null>): Response {
    const there = row.activities.find((one) => one.key === key)
    const entry = {
      id: there?.id ?? randomUUID(),
      key,
      kind: kind ?? '',
      at: at ?? '',
      title: title ?? '',
      text: text ?? '',
    }
    if (there) Object.assign(there, entry)
    else row.activities.push(entry)
    return json(200, { id: entry.id })
  }

  function activitiesOf(row: Row, query: URLSearchParams): Response {
    const [from, to] = [query.get('from') ?? '', query.get('to') ?? '']
    const found = row.activities.filter(({ at }) => at >= from && at <= to)
    const { page, next } = pageOf(found, query)
    return json(200, { activities: page, next })
  }

  const rowOf = ({ id }: { id: string }): Row => {
    const row = rows.find((one) => one.id === id)
    if (!row) throw new Error(`Tiny CRM has no ${id}`)
    return row
  }
  const { origin, close } = await serveStandIn(handle)
  return {
    origin,
    client,
    async close() {
      stopped.abort()
      await close()
    },
    now: () => new Date(now()),
    advance: (ms) => {
      offsetMs += ms
    },
    grant,
    async agree(authorizeUrl) {
      const answer = await fetch(authorizeUrl, { redirect: 'manual', headers: { connection: 'close' } })
      return answer.headers.get('location') ?? ''
    },
    expireTokens: () => {
      tokens = new Set()
    },
    revokeGrant: end,
    refuseTokens: () => {
      refusesAll = true
    },
    refreshes: () => counts.refreshes,
    calls: () => counts.calls,
    limitErrors: () => counts.limitErrors,
    addPerson: ({ type: _, ...fields }) => {
      const values = Object.fromEntries(
        Object.entries(fields).map(([field, value]) => [columns[field as PersonField], value ?? null]),
      )
      return { type: 'Person', id: insert(values, null).id }
    },
    changePerson: (ref, { jobTitle }, agoMs = 0) => {
      const row = rowOf(ref)
      row.values.title = jobTitle
      row.changedAt = now() - agoMs
    },
    deletePerson: (ref) => {
      Object.assign(rowOf(ref), { deleted: true, changedAt: now() })
    },
    valueOf: (ref, field) => rowOf(ref).values[columns[field]] ?? null,
    countByEmail: (email) => living().filter(({ values }) => values.email === email).length,
    addActivity: (ref, { kind, at, title }) => {
      rowOf(ref).activities.push({ id: randomUUID(), key: null, kind, at: at.toISOString(), title, text: '' })
      return true
    },
    logged: (ref) => rowOf(ref).activities.flatMap(({ key, text }) => (key ? [text] : [])),
    hideField: (_type, field) => void hidden.add(columns[field]),
    fail: (next, how) => void faults.push({ next, how }),
  }
}
