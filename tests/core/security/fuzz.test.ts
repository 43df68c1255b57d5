import { monitorEventLoopDelay } from 'node:perf_hooks'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SharedCalendar } from '#core/contracts/meetings.ts'
import { agentLine, visitorLine } from '#tests/core/realtime/line.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { runs, within } from '#tests/support/soak.ts'
import type { VisitorActor } from '#tests/support/visitor-actor.ts'
import { waitFor } from '#tests/support/wait.ts'
import { startListed } from './route-table.ts'

/** Limits that do not stand before what is tested. */
const limits = {
  visitorBurst: 100_000,
  visitorPerSecond: 100_000,
  addressBurst: 100_000,
  addressPerSecond: 100_000,
  visitorHelloBurst: 100_000,
  addressHelloBurst: 100_000,
  sessionsPerMinute: 100_000,
}

const nasty = fc.constantFrom<unknown>(
  '',
  ' ',
  '\0',
  '\ud800',
  '\u2028',
  '💩',
  'x'.repeat(300),
  '../../etc/passwd',
  "'; drop table agents; --",
  '%00',
  '{{7*7}}',
  '<script>',
  'null',
  '1e999',
  '2026-02-30',
  '9999-12-31T23:59:59Z',
  'Mars/Olympus',
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  -0,
  [],
  {},
  [[]],
  { toString: 1 },
  ['x', null],
)

/** Anything JSON can say, and what usually breaks things. */
const anything = fc.oneof(
  { weight: 3, arbitrary: nasty },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
)

/** A valid example with some of its parts, however deep, replaced, removed or added. */
const mutated = (example: unknown) =>
  fc
    .array(
      fc.record({
        at: fc.nat(1_000),
        to: anything,
        how: fc.constantFrom('replace', 'replace', 'remove', 'add'),
      }),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    .map((changes) => {
      const copy = structuredClone(example) as Json
      for (const { at, to: shared, how } of changes) {
        // the same value may be drawn twice, and must not end up inside itself
        const to = structuredClone(shared)
        const places = placesIn(copy)
        const place = places[at % Math.max(places.length, 1)]
        if (!place) return to
        if (how === 'replace') Object.assign(place.holder, { [place.key]: to })
        else if (how === 'remove') delete place.holder[place.key]
        else
          Object.defineProperty(place.holder, '__proto__', {
            value: to,
            enumerable: true,
            configurable: true,
            writable: true,
          })
      }
      return copy
    })

type Json = Record<string, unknown>

function placesIn(value: unknown): { holder: Json; key: string }[] {
  if (typeof value !== 'object' || value === null) return []
  const holder = value as Json
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesIn(holder[key])])
}

async function stage() {
  const { foyer, routes } = await startListed({ workers: false, settings: { limits } })
  const admin = await foyer.agent({ profile: 'admin', name: 'Admin' })
  const visitor = await foyer.visitor()
  const { id } = await visitor.asks()
  await admin.accepts(id)
  return { foyer, routes, admin, visitor, id }
}

test('no request, however made up, is answered with a 5xx', { timeout: within(180_000) }, async () => {
  const { foyer, routes, admin, visitor, id } = await stage()
  const bodies = examples(foyer, admin, visitor, id)
  const targets = routes.filter(
    // two would end the session of the others
    ({ url, method }) =>
      url.startsWith('/api/v1') && method !== 'HEAD' && !/\/(sign-out|sessions\/end)$/.test(url),
  )
  expect(
    Object.keys(bodies).filter(
      (key) => !targets.some(({ method, url }) => key === `${method} ${url.slice(7)}`),
    ),
  ).toEqual([])
  const { token } = await admin.http.post<SharedCalendar>(`/conversations/${id}/calendar-shares`, {
    agentId: admin.id,
  })
  const ids = [
    id,
    token,
    visitor.id,
    admin.id,
    'me',
    foyer.site.key,
    'x',
    '%00',
    '0190f5a0-0000-7000-8000-000000000000',
  ]
  const names = [
    'view',
    'query',
    'cursor',
    'afterSeq',
    'beforeSeq',
    'kind',
    'outcome',
    'at',
    'agentId',
    'from',
    'to',
  ]
  const request = fc.constantFrom(...targets).chain((route) =>
    fc.record({
      route: fc.constant(route),
      id: fc.constantFrom(...ids),
      query: fc.array(fc.tuple(fc.constantFrom(...names), anything), { maxLength: 2 }),
      body: mutated(bodies[`${route.method} ${route.url.slice(7)}`] ?? {}),
      as: fc.constantFrom('visitor', 'admin'),
    }),
  )
  await fc.assert(
    fc.asyncProperty(request, async ({ route, id, query, body, as }) => {
      const path = route.url.slice(7).replace(/:\w+/, id)
      const search = new URLSearchParams(query.map(([name, value]) => [name, textOf(value)]))
      const hasBody = route.method !== 'GET'
      const csv: Record<string, string> = route.url.endsWith('/import') ? { 'content-type': 'text/csv' } : {}
      const { http } = as === 'visitor' || path.startsWith('/widget') ? visitor : admin
      const response = await http.raw(
        route.method,
        `${path}?${search}`,
        hasBody ? JSON.stringify(body) : undefined,
        csv,
      )
      const text = await response.text()
      expect({ status: response.status, text, isFine: response.status < 500 }).toMatchObject({ isFine: true })
      if (response.status >= 400 && route.method !== 'HEAD')
        expect(JSON.parse(text)).toMatchObject({
          status: response.status,
          code: expect.stringMatching(/^[a-z_]+$/),
        })
    }),
    { numRuns: runs(350, 700), interruptAfterTimeLimit: within(8_000) },
  )
  // everybody else is where they were
  expect((await admin.http.get<{ id: string }>('/me')).id).toBe(admin.id)
  await foyer.close()
})

test('no frame, however made up, ends anything but its own line', { timeout: within(180_000) }, async () => {
  const { foyer, admin, visitor, id } = await stage()
  const delay = monitorEventLoopDelay()
  delay.enable()
  const clientId = 'fuzz'
  const frames = [
    { type: 'send', conversationId: id, clientId, text: 'Hello' },
    { type: 'note', conversationId: id, clientId, text: 'Hello' },
    { type: 'typing', conversationId: id, typing: true },
    { type: 'seen', conversationId: id, readSeq: 1, receivedSeq: 1 },
    { type: 'resume', conversationId: id, afterSeq: 0 },
    { type: 'page', page: { url: 'https://shop.example/?utm_source=x', title: 'Shop', referrer: null } },
    { type: 'hello', token: visitor.session.token, page: { url: 'https://shop.example/' } },
  ]
  const frame = fc.oneof(
    {
      weight: 8,
      arbitrary: fc
        .constantFrom(...frames)
        .chain(mutated)
        .map((one) => JSON.stringify(one) ?? 'undefined'),
    },
    { weight: 1, arbitrary: fc.string({ maxLength: 200 }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  )
  const turn = fc.record({
    side: fc.constantFrom('visitor', 'agent'),
    signedIn: fc.boolean(),
    sent: fc.array(frame, { minLength: 1, maxLength: 12 }),
  })
  await fc.assert(
    fc.asyncProperty(turn, async ({ side, signedIn, sent }) => {
      const line = side === 'visitor' ? await visitorLine(foyer) : await agentLine(foyer, admin)
      if (signedIn) {
        line.send({ type: 'hello', token: side === 'visitor' ? visitor.session.token : admin.me.socketToken })
        await waitFor('the welcome', () => line.frames.length > 0, { everyMs: 1 })
      }
      for (const one of sent) line.raw.send(one)
      // pings are answered in order, after everything before them
      const answered = new Promise((resolve) => line.raw.once('pong', resolve).once('close', resolve))
      if (line.raw.readyState === line.raw.OPEN) line.raw.ping()
      await answered
      await line.close()
      if (line.closed) expect([1000, 1005, 1007, 4400, 4401]).toContain(line.closed.code)
      for (const { type, code } of line.frames as { type: string; code?: string }[])
        if (type === 'refused') expect(code).not.toBe('unavailable')
    }),
    { numRuns: runs(100, 200), interruptAfterTimeLimit: within(6_000) },
  )
  delay.disable()
  expect(delay.max / 1e6).toBeLessThan(5_000)
  await visitor.says('Still here', { conversationId: id })
  await admin.hears(id, 'Still here')
  await foyer.close()
})

const textOf = (value: unknown) =>
  (typeof value === 'string' ? value : (JSON.stringify(value) ?? '')).toWellFormed()

/** A valid body of each route that takes one; what is changed about them is what a client gets wrong. */
function examples(
  foyer: TestFoyer,
  admin: AgentActor,
  visitor: VisitorActor,
  id: string,
): Record<string, unknown> {
  const message = { clientId: 'fuzz', text: 'Hello' }
  const fields = {
    name: 'Ada',
    email: 'ada@example.test',
    jobTitle: null,
    phone: '+39 06 1234',
    company: 'X',
  }
  const page = { url: 'https://shop.example/?utm_source=x', title: 'Shop', referrer: 'https://example.test/' }
  const schedule = {
    timeZone: 'Europe/Rome',
    blocks: [{ weekday: 1, start: '09:00', end: '17:00' }],
    datesOff: ['2026-12-25'],
  }
  const condition = { type: 'condition', fact: 'visitor.company', operator: 'contains', value: 'X' }
  const rule = {
    name: 'Rule',
    conditions: { type: 'group', match: 'all', conditions: [condition] },
    target: { type: 'agents', agentIds: [admin.id] },
  }
  const person = { name: 'Ada', email: 'ada@foyer.test', password: 'correct horse battery' }
  return {
    'POST /sign-in': { email: admin.me.email, password: 'wrong' },
    'POST /setup': {
      ...person,
      token: 'x',
      organisationName: 'X',
      timeZone: 'UTC',
      siteName: 'X',
      siteOrigin: 'https://x.example',
    },
    'PUT /me/preferences': { theme: 'dark', singleKeys: true, sounds: false },
    'PUT /me/availability': { status: 'available', until: '2026-12-01T10:00:00Z' },
    'PUT /agents/:id/live-chat-schedule': schedule,
    'POST /availability/preview': {
      ...schedule,
      override: { status: 'unavailable', setAt: '2026-11-20T10:00:00Z', until: '2026-11-20T12:00:00Z' },
      instants: ['2026-11-20T00:00:00Z'],
    },
    'POST /slots/preview': {
      ...schedule,
      durationMinutes: 30,
      stepMinutes: 15,
      bufferBeforeMinutes: 5,
      bufferAfterMinutes: 5,
      noticeMinutes: 60,
      busy: [{ start: '2026-11-23T09:00:00Z', end: '2026-11-23T10:00:00Z' }],
      now: '2026-11-20T00:00:00Z',
      from: '2026-11-20T00:00:00Z',
      to: '2026-11-27T00:00:00Z',
    },
    'PUT /agents/:id/meeting-schedule': schedule,
    'PUT /agents/:id/meeting-settings': {
      ...schedule,
      durationMinutes: 30,
      title: '{{name}}',
      location: 'Room 1',
    },
    'POST /agents/schedules': { agentIds: [admin.id], timeZone: 'Europe/Rome', addDatesOff: ['2026-12-25'] },
    'POST /teams': { name: 'Sales', agentIds: [admin.id] },
    'POST /accounts': { domain: 'northwind.test', company: 'Northwind', agentId: admin.id },
    'POST /routing-rules': { ...rule, enabled: true, place: 1 },
    'POST /routing-rules/preview': { rule, request: { from: 'example', facts: { 'visitor.company': 'X' } } },
    'POST /routing-rules/replay': { rule },
    'PUT /outcomes': { outcomes: [{ key: 'spam', label: 'Spam' }, { label: 'Later' }] },
    'POST /canned-replies': { shared: true, shortcut: 'hello', text: 'Hello {{visitor.name}}' },
    'PUT /push-subscriptions': {
      endpoint: 'https://push.example.test/x',
      keys: { p256dh: 'B'.repeat(87), auth: 'A'.repeat(22) },
    },
    'POST /push/receipts': { token: `${id}.x`, event: 'shown' },
    'POST /conversations/:id/end': { outcome: 'spam' },
    'POST /conversations/:id/reply': message,
    'POST /conversations/:id/handover': { agentId: admin.id, note: 'Yours' },
    'POST /conversations/:id/block': { email: true },
    'POST /conversations/:id/calendar-shares': { agentId: admin.id },
    'POST /booking/:token': {
      start: '2026-11-23T09:00:00Z',
      name: 'Ada',
      email: 'ada@example.test',
      note: 'Hello',
      idempotencyKey: 'once',
      timeZone: 'Europe/Rome',
    },
    'POST /meeting/:token/reschedule': { start: '2026-11-23T10:00:00Z', timeZone: 'Europe/Rome' },
    'POST /agents': { ...person, profile: 'live_agent' },
    'PATCH /agents/:id': { name: 'Ada' },
    'POST /conversations/:id/messages': message,
    'POST /conversations/:id/notes': message,
    'PUT /conversations/:id/outcome': { outcome: 'spam' },
    'PATCH /visitors/:id': fields,
    'POST /sites': { name: 'Site', allowedOrigins: ['https://shop.example'] },
    'POST /widget/sessions': {
      siteKey: foyer.site.key,
      token: visitor.session.token,
      page,
      timeZone: 'UTC',
      language: 'it',
      identity: 'a.b.c',
    },
    'POST /widget/conversations': { ...message, fields, page, consent: true },
    'POST /widget/conversations/:id/messages': message,
    'POST /widget/messages': { ...message, conversationId: id, fields, consent: true },
  }
}
