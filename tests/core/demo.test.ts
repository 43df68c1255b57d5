import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { beforeAll, describe, expect } from 'vitest'
import type { Agent } from '#core/contracts/agents.ts'
import type { CannedReply } from '#core/contracts/canned-replies.ts'
import type { Conversation, ConversationPage, EntryPage } from '#core/contracts/conversations.ts'
import type { RuleList, RuleReplay } from '#core/contracts/routing-rules.ts'
import type { PersonPage } from '#core/contracts/visitors.ts'
import { withdrawIfGone } from '#core/features/conversations/endings.ts'
import { indexBacklog } from '#core/features/conversations/search.ts'
import { demoPassword, seedDemo } from '#core/features/demo/seed.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'

const password = 'the demo password'
const day = 86_400_000

let foyer: TestFoyer
let dana: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false })
  await foyer.pool.query('delete from sites')
  await foyer.pool.query('delete from organisation')
  await seedDemo(foyer.app.services, password)
  dana = await foyer.signIn({ email: 'dana@foyer.test', password })
})

const counts = async () => {
  const { rows } = await foyer.pool.query(
    `select (select count(*) from agents) as agents, (select count(*) from people) as people,
       (select count(*) from visitors) as visitors, (select count(*) from conversations) as conversations,
       (select count(*) from entries) as entries, (select count(*) from activities) as activities`,
  )
  return rows[0]
}

describe('the sample data', () => {
  test('knows the agents, when they are there, and that the admin does not ring', async () => {
    const { agents } = await dana.http.get<{ agents: Agent[] }>('/agents')
    expect(agents.map(({ email, name, profile }) => [email, name, profile])).toEqual([
      ['dana@foyer.test', 'Dana Whitfield', 'live_agent'],
      ['marco@foyer.test', 'Marco Bellini', 'live_agent'],
      ['aiko@foyer.test', 'Aiko Tanaka', 'live_agent'],
      ['admin@foyer.test', 'Robin Hale', 'admin'],
    ])
    for (const at of ['2026-01-01T00:00:00Z', '2026-07-05T03:30:00Z', '2026-10-25T01:30:00Z'])
      for (const { id } of agents.slice(0, 2))
        expect(await dana.http.get(`/agents/${id}/availability?at=${at}`)).toMatchObject({ available: true })
    // Tuesday noon in Tokyo, and in London
    const aiko = `/agents/${agents[2]?.id}/availability`
    expect(await dana.http.get(`${aiko}?at=2026-06-02T03:00:00Z`)).toMatchObject({ available: true })
    expect(await dana.http.get(`${aiko}?at=2026-06-02T11:00:00Z`)).toMatchObject({ available: false })
    expect(agents[3]?.availability.available).toBe(false)
  })

  test('has canned replies that everybody can use, with values filled in', async () => {
    const { replies } = await dana.http.get<{ replies: CannedReply[] }>('/canned-replies')
    expect(replies.map(({ shortcut, shared }) => [shortcut, shared])).toContainEqual(['hello', true])
    expect(replies.find(({ shortcut }) => shortcut === 'hello')?.text).toContain(
      '{{visitor.firstName|there}}',
    )
  })

  test('has rules to try, and last week’s requests to replay them on', async () => {
    const robin = await foyer.signIn({ email: 'admin@foyer.test', password })
    const { rules } = await robin.http.get<RuleList>('/routing-rules')
    expect(rules.map(({ name }) => name)).toContain('Trade customers')
    for (const { id, conditions, target } of rules) {
      const rule = { id, conditions, target }
      const replay = await robin.http.post<RuleReplay>('/routing-rules/replay', { rule })
      expect(replay.examined).toBeGreaterThan(5)
      expect(replay.matched).toBeLessThan(replay.examined)
    }
  })

  test('is four months of chats that any client could have made', async () => {
    const { rows } = await foyer.pool.query(
      `select count(*) as n, min(requested_at) as first, max(ended_at) as last,
         count(*) filter (where status = 'missed') as missed,
         count(*) filter (where last_seq <> (select count(*) from entries e where e.conversation_id = c.id)
           or ended_at < requested_at or accepted_at < requested_at
           or last_at <> (select max(at) from entries e where e.conversation_id = c.id)) as broken
       from conversations c where client_id like 'sample-%'`,
    )
    const now = foyer.clock.now().getTime()
    expect(rows[0]).toMatchObject({ n: 400, broken: 0 })
    expect(rows[0].missed).toBeGreaterThan(15)
    expect(rows[0].first.getTime()).toBeGreaterThan(now - 121 * day)
    expect(rows[0].first.getTime()).toBeLessThan(now - 110 * day)
    expect(rows[0].last.getTime()).toBeLessThan(now)
    const { conversations } = await dana.http.get<ConversationPage>('/conversations?view=all')
    expect(conversations.length).toBeGreaterThan(20)
    const [latest] = conversations
    const { entries } = await dana.http.get<EntryPage>(`/conversations/${latest?.id}/messages`)
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1))
    const { rows: left } = await foyer.pool.query(`select text from entries where text ~ '[{}]'`)
    expect(left).toEqual([])
  })

  test('is found by its words once the indexer has run', async () => {
    while ((await indexBacklog(foyer.app.services)).mayBeMore);
    const { conversations } = await dana.http.get<ConversationPage>('/conversations?view=all&query=flicker')
    expect(conversations.length).toBeGreaterThan(0)
  })

  test('has a directory of forty people, and leaves to the CRMs whom those know', async () => {
    const { total, people } = await dana.http.get<PersonPage>('/people')
    expect(total).toBe(40)
    for (const person of people) expect(person.email).toMatch(/^[a-z.]+@[a-z-]+\.test$/)
  })

  test('is put in once; later starts only see to the password', async () => {
    const before = await counts()
    await seedDemo(foyer.app.services, password)
    expect(await counts()).toEqual(before)
    await seedDemo(foyer.app.services, 'another password')
    expect(await counts()).toEqual(before)
    await foyer.signIn({ email: 'admin@foyer.test', password: 'another password' }, { online: false })
    await expect(foyer.signIn({ email: 'marco@foyer.test', password }, { online: false })).rejects.toThrow()
    await seedDemo(foyer.app.services, password)
  })
})

test('the password is made once and only its owner reads it', async () => {
  const dataDir = path.join(await mkdtemp(path.join(tmpdir(), 'foyer-demo-')), 'data')
  const made = await demoPassword({ dataDir, demoPassword: null })
  expect(made.length).toBeGreaterThanOrEqual(12)
  expect(await demoPassword({ dataDir, demoPassword: null })).toBe(made)
  expect((await stat(path.join(dataDir, 'demo-password'))).mode & 0o777).toBe(0o600)
  expect(await demoPassword({ dataDir, demoPassword: 'from outside' })).toBe('from outside')
  await rm(path.dirname(dataDir), { recursive: true })
})

describe('the sample site', () => {
  const page = (address: string) => fetch(`${foyer.origin}${address}`, { headers: { connection: 'close' } })

  test('has pages with the widget under a strict policy', async () => {
    for (const address of ['/demo', '/demo/halo-40', '/demo/trade']) {
      const response = await page(address)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toContain('text/html')
      const policy = response.headers.get('content-security-policy') ?? ''
      expect(policy).toContain("default-src 'none'")
      expect(policy).not.toContain('unsafe')
      const html = await response.text()
      expect(html).toContain('<script async src="/widget.js" data-site="demo"></script>')
      // what the policy would block anyway
      expect(html).not.toMatch(/style=|<style|onclick|javascript:/)
      for (const [, link] of html.matchAll(/(?:href|src)="(\/demo[^"]*)"/g))
        expect((await page(link ?? '')).status).toBe(200)
    }
    expect((await page('/demo/none')).status).toBe(404)
  })

  test('is not there with one’s own data', async () => {
    const own = await startFoyer({ workers: false })
    const response = await fetch(`${own.origin}/demo`, { headers: { connection: 'close' } })
    expect(response.status).toBe(404)
    await own.close()
  })
})

describe('a test chat', () => {
  test('comes to the one who asked for it, out of turn, and leaves the turn as it was', async () => {
    const marco = await foyer.signIn({ email: 'marco@foyer.test', password })
    const turn = async () =>
      (await foyer.pool.query('select last_offered_position as turn from organisation')).rows[0].turn
    const before = await turn()
    for (const agent of [marco, dana, marco]) {
      const response = await agent.http.raw('POST', '/demo/test-chat')
      expect(response.status).toBe(204)
      const offer = await agent.offered()
      expect(offer).toMatchObject({ visitor: { name: 'Test visitor' } })
      await agent.accepts(offer.conversationId)
      await agent.ends(offer.conversationId)
    }
    expect(await turn()).toBe(before)
    await marco.leaves()
  })

  test('waits for an answer although its visitor has no browser', async () => {
    await dana.http.raw('POST', '/demo/test-chat')
    const offer = await dana.offered()
    foyer.clock.advance(60_000)
    await withdrawIfGone(foyer.app.services, offer.conversationId)
    expect((await foyer.stateOf(offer.conversationId)).status).toBe('waiting')
    await dana.accepts(offer.conversationId)
    const chat = await dana.http.get<Conversation>(`/conversations/${offer.conversationId}`)
    expect(chat.visitor.online).toBe(true)
    await dana.ends(offer.conversationId)
  })

  test('goes to nobody else while one is unavailable oneself', async () => {
    await dana.switchTo('unavailable')
    await expect(dana.http.post('/demo/test-chat')).rejects.toMatchObject({
      status: 409,
      code: 'not_available',
    })
    await dana.switchTo('schedule')
  })

  test('is for agents', async () => {
    const response = await fetch(`${foyer.origin}/api/v1/demo/test-chat`, {
      method: 'POST',
      headers: { connection: 'close' },
    })
    expect(response.status).toBe(401)
  })
})
