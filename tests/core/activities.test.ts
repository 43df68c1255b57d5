import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect } from 'vitest'
import type { Activity, ActivityPage } from '#core/contracts/visitors.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { aConversation, anAgent, aVisitor } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'

const historyMs = 7_776_000_000
const now = new Date('2026-04-10T09:30:00.000Z')
const ago = (ms: number) => new Date(now.getTime() - ms)
const hour = 3_600_000

let foyer: TestFoyer
let dana: AgentActor
let marco: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false, startsAt: now })
  dana = await foyer.agent({ online: false })
  marco = await foyer.agent({ online: false })
})
beforeEach(() => foyer.clock.stopAt(now))

/** A visitor everybody may see, because of an ended chat older than the history. */
async function aKnownVisitor(email: string | null = null): Promise<string> {
  const { id } = await aVisitor(foyer.pool, now, { siteId: foyer.site.id, email })
  await aChat(id, { status: 'ended', agentId: dana.id, at: ago(historyMs + 24 * hour) })
  return id
}

const aChat = (
  visitorId: string,
  options: { status: 'waiting' | 'active' | 'ended' | 'missed'; agentId?: string; at?: Date },
) => aConversation(foyer.pool, now, { siteId: foyer.site.id, visitorId, ...options })

async function aVisit(visitorId: string, startedAt: Date, lastAt = startedAt): Promise<void> {
  const pages = JSON.stringify([{ url: 'https://shop.test/', title: 'Shop' }])
  await foyer.pool.query(
    'insert into visits (id, visitor_id, started_at, last_at, pages, page_count) values ($1, $2, $3, $4, $5, 1)',
    [randomUUID(), visitorId, startedAt, lastAt, pages],
  )
}

async function aRecord(email: string, kind: string, at: Date | string, subject: string): Promise<void> {
  await foyer.pool.query(
    `insert into people (id, email, updated_at) values ($1, $2, $3) on conflict (email) do nothing`,
    [randomUUID(), email, now],
  )
  await foyer.pool.query(
    `insert into activities (id, person_id, kind, at, subject, source)
     select $1, id, $2, $3, $4, 'directory' from people where email = $5`,
    [randomUUID(), kind, at, subject, email],
  )
}

const historyOf = (visitorId: string, by = dana, query = '') =>
  by.http.get<ActivityPage>(`/visitors/${visitorId}/activities${query}`)

const titles = ({ activities }: ActivityPage) => activities.map(({ title, kind }) => title ?? kind)

describe('the last 90 × 24 hours', () => {
  test('include both their first and their last instant, and nothing beyond, to the microsecond', async () => {
    const visitorId = await aKnownVisitor('edge@history.test')
    await aRecord('edge@history.test', 'email', ago(historyMs), 'first instant')
    await aRecord('edge@history.test', 'email', ago(historyMs + 1), 'a millisecond too old')
    await aRecord('edge@history.test', 'email', '2026-01-10T09:29:59.999999Z', 'a microsecond too old')
    await aRecord('edge@history.test', 'email', now, 'this instant')
    await aRecord('edge@history.test', 'email', ago(-1), 'a millisecond to come')
    await aRecord('edge@history.test', 'email', '2026-04-10T09:30:00.000001Z', 'a microsecond to come')
    const page = await historyOf(visitorId)
    expect(titles(page)).toEqual(['this instant', 'first instant'])
    expect(page.activities.map(({ at }) => at)).toEqual([now.toISOString(), ago(historyMs).toISOString()])
  })

  test('hold for visits and chats too, by when they began', async () => {
    const visitorId = await aKnownVisitor()
    await aVisit(visitorId, ago(historyMs))
    await aVisit(visitorId, ago(historyMs + 1), ago(historyMs - hour))
    await aVisit(visitorId, now)
    await aVisit(visitorId, ago(-1))
    await aChat(visitorId, { status: 'ended', agentId: marco.id, at: ago(historyMs) })
    await aChat(visitorId, { status: 'missed', at: ago(historyMs + 1) })
    await aChat(visitorId, { status: 'missed', at: now })
    const { activities } = await historyOf(visitorId)
    expect(activities.map(({ kind, at }) => [kind, at])).toEqual([
      ['visit', now.toISOString()],
      ['chat', now.toISOString()],
      ['visit', ago(historyMs).toISOString()],
      ['chat', ago(historyMs).toISOString()],
    ])
  })

  test('are hours, not days: a change of clocks in between moves nothing', async () => {
    // Europe put its clocks forward on 29 March 2026, inside these 90 days
    const visitorId = await aKnownVisitor('clocks@history.test')
    await aRecord('clocks@history.test', 'call', '2026-01-10T09:30:00Z', 'kept')
    await aRecord('clocks@history.test', 'call', '2026-01-10T09:29:59.999Z', 'gone')
    expect(titles(await historyOf(visitorId))).toEqual(['kept'])
  })

  test('move on with the clock', async () => {
    const visitorId = await aKnownVisitor('moving@history.test')
    await aRecord('moving@history.test', 'note', ago(historyMs), 'about to leave')
    expect(titles(await historyOf(visitorId))).toEqual(['about to leave'])
    foyer.clock.stopAt(new Date(now.getTime() + 1))
    expect(titles(await historyOf(visitorId))).toEqual([])
  })
})

describe('one history', () => {
  test('merges visits, chats and the directory, newest first, with what each shows', async () => {
    const visitorId = await aKnownVisitor('merged@history.test')
    await aVisit(visitorId, ago(3 * hour))
    const chat = await aChat(visitorId, { status: 'ended', agentId: marco.id, at: ago(2 * hour) })
    await foyer.pool.query(`update conversations set outcome = 'qualified' where id = $1`, [chat])
    await aRecord('merged@history.test', 'call', ago(hour), 'About the quote')
    const { activities, nextCursor } = await historyOf(visitorId)
    expect(nextCursor).toBeNull()
    expect(activities).toMatchObject([
      { kind: 'call', title: 'About the quote', source: 'directory', conversationId: null },
      {
        kind: 'chat',
        title: null,
        detail: 'Hello',
        source: 'foyer',
        conversationId: chat,
        agentName: marco.me.name,
        outcome: 'qualified',
      },
      { kind: 'visit', title: null, pages: [{ url: 'https://shop.test/', title: 'Shop' }] },
    ])
  })

  test('counts every browser with the same address as the same visitor, and nobody else', async () => {
    const visitorId = await aKnownVisitor('same@history.test')
    const other = await aVisitor(foyer.pool, now, { siteId: foyer.site.id, email: 'same@history.test' })
    const stranger = await aVisitor(foyer.pool, now, { siteId: foyer.site.id, email: 'else@history.test' })
    const nameless = await aVisitor(foyer.pool, now, { siteId: foyer.site.id })
    for (const { id } of [other, stranger, nameless]) await aVisit(id, ago(hour))
    const chat = await aChat(other.id, { status: 'missed', at: ago(2 * hour) })
    const { activities } = await historyOf(visitorId)
    expect(activities.map(({ kind }) => kind)).toEqual(['visit', 'chat'])
    expect(activities[1]?.conversationId).toBe(chat)
    const anonymous = await aKnownVisitor()
    expect((await historyOf(anonymous)).activities).toEqual([])
  })

  test('can be narrowed to one kind', async () => {
    const visitorId = await aKnownVisitor('kinds@history.test')
    await aVisit(visitorId, ago(hour))
    await aChat(visitorId, { status: 'missed', at: ago(hour) })
    await aRecord('kinds@history.test', 'task', ago(hour), 'Call back')
    await aRecord('kinds@history.test', 'note', ago(hour), 'Likes brass')
    for (const [kind, expected] of [
      ['visit', ['visit']],
      ['chat', ['chat']],
      ['task', ['Call back']],
      ['campaign', []],
    ] as const)
      expect(titles(await historyOf(visitorId, dana, `?kind=${kind}`))).toEqual(expected)
    await expect(historyOf(visitorId, dana, '?kind=gossip')).rejects.toMatchObject({ status: 422 })
  })

  test('pages through all of it once, with many activities at the same instant', async () => {
    const visitorId = await aKnownVisitor('pages@history.test')
    for (let index = 0; index < 40; index++) {
      await aVisit(visitorId, ago(5 * hour))
      await aRecord('pages@history.test', 'email', ago(5 * hour), `Mail ${index}`)
      await aRecord(
        'pages@history.test',
        'email',
        `2026-04-10T01:00:00.0000${String(index).padStart(2, '0')}Z`,
        'µ',
      )
    }
    const seen: Activity[] = []
    let cursor: string | null = null
    do {
      const page: ActivityPage = await historyOf(visitorId, dana, cursor ? `?cursor=${cursor}` : '')
      expect(page.activities.length).toBeLessThanOrEqual(50)
      seen.push(...page.activities)
      cursor = page.nextCursor
    } while (cursor)
    expect(seen).toHaveLength(120)
    expect(new Set(seen.map(({ id }) => id)).size).toBe(120)
    const times = seen.map(({ at }) => at)
    expect(times).toEqual([...times].sort().reverse())
  })

  test('a cursor that no page gave is refused', async () => {
    const visitorId = await aKnownVisitor()
    const made = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const forged = [
      'nonsense',
      '%00',
      made([]),
      made([1, 'chat:1']),
      made([-1, `chat:${randomUUID()}`]),
      made([1e300, `chat:${randomUUID()}`]),
      made(['1', `chat:${randomUUID()}`]),
      made([1, `chat:${randomUUID()}`, 1]),
      made({ at: 1 }),
    ]
    for (const cursor of forged)
      await expect(historyOf(visitorId, dana, `?cursor=${cursor}`)).rejects.toMatchObject({
        status: 422,
        code: 'invalid_input',
      })
    // well-formed ones only choose where to begin, inside what may be seen
    const future = made([9e15, `visit:${randomUUID()}`])
    await aVisit(visitorId, ago(-hour))
    expect((await historyOf(visitorId, dana, `?cursor=${future}`)).activities).toEqual([])
  })
})

describe('who sees what', () => {
  test("nobody sees another agent's open chat in a history, and everybody once it is over", async () => {
    const visitorId = await aKnownVisitor('open@history.test')
    const chat = await aChat(visitorId, { status: 'active', agentId: marco.id, at: ago(hour) })
    expect((await historyOf(visitorId, dana)).activities).toEqual([])
    expect((await historyOf(visitorId, marco)).activities).toMatchObject([{ conversationId: chat }])
    // the same through another browser with the same address
    const other = await aKnownVisitor('open@history.test')
    expect((await historyOf(other, dana)).activities).toEqual([])
    await foyer.pool.query(
      `update conversations set status = 'ended', ended_at = $2, end_reason = 'agent' where id = $1`,
      [chat, now],
    )
    expect((await historyOf(visitorId, dana)).activities).toMatchObject([{ conversationId: chat }])
  })

  test("a visitor of nothing but others' open chats does not exist", async () => {
    const { id } = await aVisitor(foyer.pool, now, { siteId: foyer.site.id })
    await aChat(id, { status: 'active', agentId: marco.id })
    for (const unknown of [id, randomUUID()])
      await expect(historyOf(unknown, dana)).rejects.toMatchObject({ status: 404, code: 'not_found' })
    await expect(historyOf(id, marco)).resolves.toBeDefined()
  })

  test('whoever is asked to take a chat may look up who asks, while it is on offer', async () => {
    const { id } = await aVisitor(foyer.pool, now, { siteId: foyer.site.id })
    const chat = await aChat(id, { status: 'waiting' })
    await foyer.pool.query(
      `insert into offers (id, conversation_id, agent_id, state, offered_at, expires_at)
       values ($1, $2, $3, 'pending', $4, $5)`,
      [randomUUID(), chat, dana.id, now, new Date(now.getTime() + 100_000)],
    )
    await expect(historyOf(id, dana)).resolves.toBeDefined()
    await expect(historyOf(id, marco)).rejects.toMatchObject({ status: 404 })
    foyer.clock.stopAt(new Date(now.getTime() + 100_000))
    await expect(historyOf(id, dana)).rejects.toMatchObject({ status: 404 })
  })

  test('strangers and visitors see none of it', async () => {
    const visitorId = await aKnownVisitor()
    const response = await fetch(`${foyer.origin}/api/v1/visitors/${visitorId}/activities`, {
      headers: { connection: 'close', authorization: 'Bearer nobody' },
    })
    expect(response.status).toBe(401)
    await expect(historyOf('not-an-id')).rejects.toMatchObject({ status: 422 })
    const gone = await anAgent(foyer.pool, now)
    const signedIn = await foyer.signIn(gone, { online: false })
    await foyer.pool.query('update agents set active = false where id = $1', [gone.id])
    await expect(historyOf(visitorId, signedIn)).rejects.toMatchObject({ status: 401 })
  })
})
