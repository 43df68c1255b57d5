import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { Facts, RulePreview, RuleReplay } from '#core/contracts/routing-rules.ts'
import { lock } from '#core/features/conversations/repository.ts'
import { forgetOld } from '#core/features/retention/retention.ts'
import { factsOf, keepFacts } from '#core/features/routing-rules/facts.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { aConversation, aVisitor } from '#tests/support/factories.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { all, condition, rulesWorld } from './rules-world.ts'

const { start, list, rule, create } = rulesWorld()
let foyer: TestFoyer
let admin: AgentActor
let dana: AgentActor
let marco: AgentActor

beforeAll(async () => {
  ;({ foyer, admin, dana, marco } = await start())
})

/** Somebody asks; what was known of it is kept, as routing does. */
async function request(email: string, company: string | null = null) {
  const visitor = await foyer.visitor({
    fields: { name: 'Sofia Ricci', email, company },
    page: { url: 'https://www.shop.test/lamps/halo?utm_source=mail&utm_campaign=autumn', title: 'Halo' },
  })
  const { id } = await visitor.asks()
  const facts = await foyer.app.services.db
    .transaction()
    .execute(async (tx) => factsOf(tx, foyer.clock.now(), await lock(tx, id)))
  return { visitor, id, facts }
}

test('everything known of a request is a fact of it, and stays as it was then', async () => {
  await foyer.pool.query(
    `insert into people (id, email, name, crm_status, owner_email, updated_at)
     values ($1, 'sofia.ricci@northwind.test', 'Sofia R.', 'Working', $2, $3)`,
    [randomUUID(), dana.me.email, foyer.clock.now()],
  )
  await foyer.pool.query(
    `insert into people_mirror (connector, external_id, email, fields, read_at) values
       ('hubspot', '2', 'sofia.ricci@northwind.test', '{"score": {"value": 40, "at": "2026-11-01T00:00:00Z"}}', $1),
       ('salesforce', '3', 'sofia.ricci@northwind.test', '{"score": {"value": 70, "at": "2026-11-20T00:00:00Z"}}', $1)`,
    [foyer.clock.now()],
  )
  await foyer.pool.query(
    `insert into companies_mirror (connector, external_id, domain, fields, read_at)
     values ('hubspot', '9', 'northwind.test', '{"employees": {"value": "1200", "at": "2026-11-01T00:00:00Z"}}', $1)`,
    [foyer.clock.now()],
  )
  const { visitor, id, facts } = await request('Sofia.Ricci@northwind.test', 'Northwind')
  expect(facts).toEqual({
    'visitor.name': 'Sofia Ricci',
    'visitor.email': 'sofia.ricci@northwind.test',
    'visitor.emailDomain': 'northwind.test',
    'visitor.verified': false,
    'visitor.company': 'Northwind',
    'visitor.returning': false,
    'visitor.pastChats': 0,
    'page.url': 'https://www.shop.test/lamps/halo?utm_source=mail&utm_campaign=autumn',
    'page.path': '/lamps/halo',
    'page.host': 'www.shop.test',
    'page.title': 'Halo',
    'utm.source': 'mail',
    'utm.campaign': 'autumn',
    site: foyer.site.id,
    // 08:30 in London is 09:30 in Rome, where the organisation is
    'local.weekday': 1,
    'local.time': '09:30',
    'local.date': '2026-11-23',
    'crm.status': 'Working',
    'crm.owner': [dana.me.email, 'Dana'],
    'crm.score': 70,
    'crm.company.employees': '1200',
  })
  await visitor.ends(id)
  const again = await request('sofia.ricci@northwind.test')
  expect(again.facts).toMatchObject({ 'visitor.returning': true, 'visitor.pastChats': 1 })
  await again.visitor.ends(again.id)
  const { rows } = await foyer.pool.query('select facts from routing_requests where conversation_id = $1', [
    id,
  ])
  expect(rows[0].facts).toEqual(facts)
})

test('a preview says what would happen now, condition by condition, and why', async () => {
  const { visitor, id } = await request('tom@contoso.test', 'Contoso')
  await visitor.ends(id)
  const draft = {
    name: 'Draft',
    conditions: all(
      condition('visitor.company', 'is', 'CONTOSO'),
      condition('visitor.pastChats', 'greater', 10),
    ),
    target: rule('A', all(), [marco, dana]).target,
  }
  const preview = (body: object) => admin.http.post<RulePreview>('/routing-rules/preview', body)
  const of = (from: string) => ({ from, id: from === 'visitor' ? visitor.id : id })
  for (const from of ['conversation', 'visitor'])
    expect(await preview({ rule: draft, request: of(from) })).toMatchObject({
      matches: false,
      explained: {
        holds: false,
        conditions: [
          { holds: true, known: 'Contoso' },
          { holds: false, known: from === 'visitor' ? 1 : 0 },
        ],
      },
      decides: null,
      site: { name: 'Main site', usesRules: false },
    })

  // a saved rule that stands before it
  const before = await create(
    rule('All of Contoso', all(condition('visitor.emailDomain', 'is', 'contoso.test'))),
  )
  const example = {
    rule: { ...draft, conditions: all(condition('visitor.company', 'is', 'Contoso')) },
    request: {
      from: 'example',
      facts: { 'visitor.company': 'Contoso', 'visitor.emailDomain': 'contoso.test' },
    },
  }
  expect(await preview(example)).toMatchObject({
    matches: true,
    decides: { name: 'All of Contoso', isDraft: false },
    // the clock's own
    facts: { 'local.weekday': 1, 'visitor.company': 'Contoso' },
  })
  // in the place of that rule it decides itself
  expect(await preview({ ...example, rule: { ...example.rule, id: before.id } })).toMatchObject({
    matches: true,
    decides: { name: 'Draft', isDraft: true },
  })

  const plan = async () =>
    (await preview({ ...example, rule: { ...example.rule, id: before.id } })).candidates.map(
      ({ agent, stage, label, reason }) => [agent?.name, stage, label, reason].join(),
    )
  expect((await plan()).slice(0, 2)).toEqual(['Dana,rule,Draft,', 'Marco,rule,Draft,unreachable'])
  expect(await plan()).toContain('Ada Admin,round_robin,,unreachable')
  await dana.http.put('/me/availability', { status: 'unavailable' })
  expect((await plan()).slice(0, 2)).toEqual(['Dana,rule,Draft,unavailable', 'Marco,rule,Draft,unreachable'])
  await dana.http.put('/me/availability', { status: 'schedule' })
  // nothing of it was kept
  expect((await list()).map(({ name }) => name)).toEqual(['All of Contoso'])

  for (const [request_, status] of [
    [{ from: 'conversation', id: randomUUID() }, 404],
    [{ from: 'visitor', id: randomUUID() }, 404],
    [{ from: 'example', facts: { shoe: 42 } }, 422],
    [{ from: 'example' }, 422],
    [{ from: 'nowhere' }, 422],
  ] as const)
    await expect(preview({ rule: draft, request: request_ })).rejects.toMatchObject({ status })
})

test('a site that asks the rules puts its requests to those whom the first rule names', async () => {
  const route = (by: string) =>
    foyer.pool.query('update sites set route = $1 where id = $2', [by, foyer.site.id])
  const nora = await foyer.agent({ name: 'Nora' })
  await create(rule('Kept', all(condition('visitor.company', 'is', 'Initech')), [nora]))
  await route('rules')
  for (let n = 0; n < 2; n++) {
    const visitor = await foyer.visitor({ fields: { company: 'INITECH' } })
    const { id } = await visitor.asks()
    expect((await nora.offered(id)).conversationId).toBe(id)
    await visitor.ends(id)
  }
  await route('round_robin')
  // or she would be asked in the next tests
  await foyer.pool.query('update agents set active = false where id = $1', [nora.id])
})

test('a chat that a colleague has now is in no preview and no replay', async () => {
  const visitor = await foyer.visitor({ fields: { email: 'secret@fabrikam.test' } })
  const { id } = await visitor.asks()
  const offer = await dana.offered(id)
  await dana.http.post(`/offers/${offer.id}/accept`)
  await foyer.app.services.db
    .transaction()
    .execute(async (tx) => factsOf(tx, foyer.clock.now(), await lock(tx, id)))
  const draft = {
    conditions: all(condition('visitor.emailDomain', 'is', 'fabrikam.test')),
    target: rule('A').target,
  }
  for (const request_ of [
    { from: 'conversation', id },
    { from: 'visitor', id: visitor.id },
  ])
    await expect(
      admin.http.post('/routing-rules/preview', { rule: draft, request: request_ }),
    ).rejects.toMatchObject({ status: 404 })
  const replay = () => admin.http.post<RuleReplay>('/routing-rules/replay', { rule: draft })
  expect(await replay()).toMatchObject({ matched: 0, requests: [] })
  await dana.http.post(`/conversations/${id}/end`)
  expect(await replay()).toMatchObject({
    matched: 1,
    requests: [{ conversationId: id, agent: { name: 'Dana' } }],
  })
})

test('a replay says what would have matched of the last week, and what happened then', async () => {
  const now = foyer.clock.now()
  const visitor = await aVisitor(foyer.pool, now, { siteId: foyer.site.id, name: 'Lena' })
  const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000)
  const past = async (at: Date, agentId: string | null, facts: Facts) => {
    const id = await aConversation(foyer.pool, now, {
      siteId: foyer.site.id,
      visitorId: visitor.id,
      agentId,
      status: agentId ? 'ended' : 'missed',
      at,
    })
    await foyer.app.services.db.transaction().execute((tx) => keepFacts(tx, id, at, facts))
    return id
  }
  const acme = { 'visitor.company': 'Acme', 'visitor.name': 'Lena', 'page.url': 'https://shop.test/' }
  const recent = await past(daysAgo(1), marco.id, { ...acme, 'visitor.pastChats': 1 })
  const missed = await past(daysAgo(6.9), null, acme)
  await past(daysAgo(2), marco.id, { 'visitor.company': 'Other' })
  await past(daysAgo(7.1), marco.id, acme)
  const loyal = await create(rule('Loyal', all(condition('visitor.pastChats', 'at_least', 1))))

  const draft = {
    name: 'Acme',
    conditions: all(condition('visitor.company', 'is', 'acme')),
    target: rule('A').target,
  }
  const replay = (rule_: object) => admin.http.post<RuleReplay>('/routing-rules/replay', { rule: rule_ })
  const answer = await replay(draft)
  expect(answer).toMatchObject({ matched: 2, decided: 1, complete: true })
  expect(answer.examined).toBeGreaterThanOrEqual(3)
  expect(answer.requests).toEqual([
    {
      conversationId: recent,
      at: daysAgo(1).toISOString(),
      visitor: { name: 'Lena', company: 'Acme' },
      page: 'https://shop.test/',
      status: 'ended',
      endReason: 'agent',
      agent: { id: marco.id, name: 'Marco' },
      asked: [],
      wouldMatch: { name: 'Loyal', isDraft: false },
    },
    expect.objectContaining({
      conversationId: missed,
      status: 'missed',
      wouldMatch: { name: 'Acme', isDraft: true },
    }),
  ])
  // in the place of the other rule
  expect(await replay({ ...draft, id: loyal.id })).toMatchObject({ matched: 2, decided: 2 })
  await expect(replay({ conditions: all() })).rejects.toMatchObject({ status: 422 })
})

test('what was known of requests goes after thirty days', async () => {
  const count = async () =>
    Number((await foyer.pool.query('select count(*) from routing_requests')).rows[0].count)
  const { visitor, id } = await request('late@acme.test')
  await visitor.ends(id)
  expect(await count()).toBeGreaterThan(0)
  foyer.clock.advance(31 * 86_400_000)
  await forgetOld(foyer.app.services, new AbortController().signal)
  expect(await count()).toBe(0)
})
