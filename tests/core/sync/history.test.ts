import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import type { ActivityPage } from '#core/contracts/visitors.ts'
import { openConnection } from '#core/features/connections/open.ts'
import { requestRefresh } from '#core/features/mirror/lookups.ts'
import { findAndStore, refreshPersonNow } from '#core/features/mirror/refresh.ts'
import { change } from '#core/services.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { aConversation, aVisitor } from '#tests/support/factories.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { foyerWithCrms } from '#tests/support/foyer-with-crms.ts'
import type { MemoryCrm } from '#tests/support/memory-crm.ts'

const historyMs = 7_776_000_000
const now = new Date('2026-04-10T09:30:00.000Z')
const ago = (ms: number) => new Date(now.getTime() - ms)
const hour = 3_600_000
const email = 'sofia.ricci@northwind.test'

let foyer: TestFoyer
let acme: MemoryCrm
let zenith: MemoryCrm
let forget: () => Promise<void>
let dana: AgentActor

beforeAll(async () => {
  ;({
    foyer,
    crms: [acme, zenith],
    forget,
  } = await foyerWithCrms(['acme', 'zenith'], { workers: false, startsAt: now }))
  dana = await foyer.agent({ online: false })
})

let visitorId = ''
let connections: string[] = []
beforeEach(async () => {
  foyer.clock.stopAt(now)
  await forget()
  await foyer.pool.query(`update visitors set email = null`)
  connections = [await acme.connect(foyer.app.services), await zenith.connect(foyer.app.services)]
  visitorId = (await aVisitor(foyer.pool, now, { siteId: foyer.site.id, email })).id
  await aConversation(foyer.pool, now, {
    siteId: foyer.site.id,
    visitorId,
    agentId: dana.id,
    status: 'ended',
    at: ago(historyMs + hour),
  })
})

async function refresh(): Promise<void> {
  const { services } = foyer.app
  await change(services, (change) => requestRefresh(services, change, visitorId, { force: true }))
  for (const connectionId of connections)
    await refreshPersonNow(services, { connectionId, visitorId, askedBy: null }, new AbortController().signal)
}
const history = (query = '') => dana.http.get<ActivityPage>(`/visitors/${visitorId}/activities${query}`)
const titles = ({ activities }: ActivityPage) => activities.map(({ title }) => title)

test('activities of both CRMs come newest first, from exactly 90 days ago to now, each once', async () => {
  const one = acme.put({ emails: [email] })
  const other = zenith.put({ emails: [email] })
  acme.addActivity(one.id, { title: 'at the edge', at: ago(historyMs) })
  acme.addActivity(one.id, { title: 'just too old', at: ago(historyMs + 1) })
  acme.addActivity(one.id, { title: 'now', at: now })
  acme.addActivity(one.id, { title: 'tomorrow', at: ago(-24 * hour) })
  acme.addActivity(one.id, { title: 'e-mail', at: ago(3 * hour), sameAs: ['T1'] })
  acme.addActivity(one.id, { id: 'T1', title: 'its task', kind: 'task', at: ago(3 * hour) })
  acme.addActivity(one.id, { title: 'meeting', kind: 'meeting', at: ago(2 * hour), sameAs: ['ical:1'] })
  zenith.addActivity(other.id, {
    title: 'the same meeting',
    kind: 'meeting',
    at: ago(2 * hour),
    sameAs: ['ical:1'],
  })
  zenith.addActivity(other.id, { title: 'call', kind: 'call', at: ago(hour) })
  await refresh()
  expect(titles(await history())).toEqual(['now', 'call', 'meeting', 'e-mail', 'at the edge'])
  expect(titles(await history('?kind=meeting'))).toEqual(['meeting'])
  expect(titles(await history('?kind=task'))).toEqual([])
  // a millisecond later the oldest is out
  foyer.clock.stopAt(new Date(now.getTime() + 1))
  expect(titles(await history())).toEqual(['now', 'call', 'meeting', 'e-mail'])
})

test('what is gone in the CRM goes here, and what changed changes', async () => {
  const one = acme.put({ emails: [email] })
  const stays = acme.addActivity(one.id, { id: 'a', title: 'stays', at: ago(hour) })
  acme.addActivity(one.id, { id: 'b', title: 'goes', at: ago(2 * hour) })
  await refresh()
  acme.activities.set(one.id, [{ ...stays, title: 'changed' }])
  await refresh()
  expect(titles(await history())).toEqual(['changed'])
})

test('a history is read, too, where a write into the CRM, or a first try, has found before whose it is', async () => {
  const one = acme.put({ emails: [email] })
  acme.addActivity(one.id, { title: 'call', kind: 'call', at: ago(hour) })
  const { services } = foyer.app
  const { signal } = new AbortController()
  const [connectionId = ''] = connections
  await change(services, (change) => requestRefresh(services, change, visitorId))
  foyer.clock.stopAt(new Date(now.getTime() + 1_000))
  await findAndStore(
    services,
    await openConnection(services, connectionId, { signal, priority: 'live' }),
    email,
  )
  const read = () => refreshPersonNow(services, { connectionId, visitorId, askedBy: null }, signal)
  await read()
  expect(titles(await history())).toEqual(['call'])
  // once for all visitors with this address
  const asked = acme.calls.length
  await read()
  expect(acme.calls).toHaveLength(asked)
})

test('a chat that Foyer wrote into the CRM shows as the chat it is, and that of somebody else’s Foyer as a note', async () => {
  const one = acme.put({ emails: [email] })
  const chat = await aConversation(foyer.pool, now, {
    siteId: foyer.site.id,
    visitorId,
    agentId: dana.id,
    status: 'ended',
    at: ago(hour),
  })
  acme.addActivity(one.id, { kind: 'note', title: 'our own', foyerKey: `foyer-chat-${chat}`, at: ago(hour) })
  acme.addActivity(one.id, {
    kind: 'note',
    title: 'another Foyer',
    foyerKey: 'foyer-chat-00000000-0000-4000-8000-000000000000',
    at: ago(2 * hour),
  })
  await refresh()
  const { activities } = await history()
  expect(activities.map(({ kind, title }) => [kind, title])).toEqual([
    ['chat', null],
    ['note', 'another Foyer'],
  ])
})

test('a meeting that Foyer wrote into both CRMs shows once, as the meeting it is, whoever booked it', async () => {
  const [one, other] = [acme.put({ emails: [email] }), zenith.put({ emails: [email] })]
  // by mail, in no chat of this visitor
  const id = randomUUID()
  await foyer.pool.query(
    `insert into meetings (id, agent_id, state, name, email, start_at, end_at, time_zone, wall_time, agent_time_zone,
       agent_wall_time, title, body, event_id, held_at, booked_at, changed_at)
     values ($1, $2, 'booked', 'Sofia Ricci', $3, $4, $5, 'UTC', '', 'UTC', '', 'Demo', '', $6, $4, $4, $4)`,
    [id, dana.id, email, ago(2 * hour), ago(hour), `e${id}`],
  )
  const copy = { kind: 'meeting', foyerKey: `foyer-meeting-${id}`, at: ago(2 * hour) } as const
  acme.addActivity(one.id, { ...copy, title: 'Copy in Acme', sameAs: ['ical:7'] })
  // what a calendar beside the CRM tells of the same meeting
  acme.addActivity(one.id, { ...copy, foyerKey: null, title: 'From a calendar', sameAs: ['ical:7'] })
  zenith.addActivity(other.id, { ...copy, title: 'Copy in Zenith' })
  await refresh()
  expect(titles(await history())).toEqual(['Demo'])
  expect(titles(await history('?kind=meeting'))).toEqual(['Demo'])
})

test('pages go on where they ended, through activities of one instant and new ones on top', async () => {
  const one = acme.put({ emails: [email] })
  const other = zenith.put({ emails: [email] })
  for (let place = 0; place < 70; place++)
    acme.addActivity(one.id, { id: `a${String(place).padStart(3, '0')}`, title: `a${place}`, at: ago(hour) })
  for (let place = 0; place < 70; place++)
    zenith.addActivity(other.id, { title: `z${place}`, at: ago(hour + place) })
  await refresh()
  const first = await history()
  acme.addActivity(one.id, { title: 'new', at: ago(1) })
  await refresh()
  const seen = titles(first)
  for (let cursor = first.nextCursor; cursor; ) {
    const page = await history(`?cursor=${encodeURIComponent(cursor)}`)
    seen.push(...titles(page))
    cursor = page.nextCursor
  }
  expect(new Set(seen).size).toBe(140)
  expect(seen).toHaveLength(140)
  await expect(history('?cursor=nonsense')).rejects.toThrow('not valid')
})
