import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, expect } from 'vitest'
import type {
  Facts,
  Group,
  RoutingRule,
  RuleList,
  RulePreview,
  RuleReplay,
} from '#core/contracts/routing-rules.ts'
import { lock } from '#core/features/conversations/repository.ts'
import { forgetOld } from '#core/features/retention/retention.ts'
import { chooseByRules } from '#core/features/routing-rules/book.ts'
import { factsOf, keepFacts } from '#core/features/routing-rules/facts.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import { aConversation, aVisitor } from '#tests/support/factories.ts'
import { startFoyer, type TestFoyer, test } from '#tests/support/foyer.ts'

let foyer: TestFoyer
let admin: AgentActor
let dana: AgentActor
let marco: AgentActor

beforeAll(async () => {
  foyer = await startFoyer({ workers: false, startsAt: new Date('2026-11-23T08:30:00Z') })
  admin = await foyer.agent({ name: 'Ada Admin', profile: 'admin', online: false })
  dana = await foyer.agent({ name: 'Dana' })
  marco = await foyer.agent({ name: 'Marco', online: false })
})
beforeEach(async () => {
  for (const { id } of await list()) await admin.http.call('DELETE', `/routing-rules/${id}`)
})

const list = async () => (await admin.http.get<RuleList>('/routing-rules')).rules
const all = (...conditions: Group['conditions']) => ({
  type: 'group' as const,
  match: 'all' as const,
  conditions,
})
const condition = (fact: string, operator: string, value?: unknown) =>
  ({ type: 'condition', fact, operator, value }) as Group['conditions'][number]
const rule = (name: string, conditions: Group = all(), agents = [dana]) => ({
  name,
  enabled: true,
  conditions,
  target: { type: 'agents', agentIds: agents.map(({ id }) => id) },
})
const create = (body: ReturnType<typeof rule>) => admin.http.post<RoutingRule>('/routing-rules', body)
/** What routing does, in a transaction of its own. */
const choose = (facts: Facts) =>
  foyer.app.services.db.transaction().execute((tx) => chooseByRules(foyer.app.services, tx, facts))

test('rules are kept in their order, and the first that holds decides', async () => {
  const first = await create(rule('Northwind', all(condition('visitor.company', 'contains', 'northwind'))))
  const second = await create(rule('Everybody else', all(), [marco]))
  expect([first.priority, second.priority]).toEqual([1, 2])
  expect(await choose({ 'visitor.company': 'Northwind Traders' })).toEqual({
    id: first.id,
    name: 'Northwind',
    target: { type: 'agents', agentIds: [dana.id] },
  })
  expect((await choose({}))?.id).toBe(second.id)

  const { rules } = await admin.http.put<{ rules: RoutingRule[] }>('/routing-rules/order', {
    ids: [second.id, first.id],
  })
  expect(rules.map(({ id, priority }) => [id, priority])).toEqual([
    [second.id, 1],
    [first.id, 2],
  ])
  expect((await choose({ 'visitor.company': 'Northwind Traders' }))?.id).toBe(second.id)

  const between = await admin.http.post<RoutingRule>('/routing-rules', { ...rule('Between'), place: 2 })
  expect((await list()).map(({ name }) => name)).toEqual(['Everybody else', 'Between', 'Northwind'])
  await admin.http.call('DELETE', `/routing-rules/${between.id}`)
  expect((await list()).map(({ name, priority }) => [name, priority])).toEqual([
    ['Everybody else', 1],
    ['Northwind', 2],
  ])

  await admin.http.put(`/routing-rules/${second.id}`, { ...rule('Everybody else'), enabled: false })
  expect((await choose({ 'visitor.company': 'Northwind Traders' }))?.id).toBe(first.id)
  expect(await choose({ 'visitor.company': 'Contoso' })).toBeNull()
})

test('a change that another process made counts from the next request on', async () => {
  const { id } = await create(rule('Everybody'))
  expect((await choose({}))?.name).toBe('Everybody')
  // as it would be written elsewhere, without a word over the bus
  await foyer.pool.query("update routing_rules set name = 'All' where id = $1", [id])
  await foyer.pool.query('update organisation set routing_rules_version = routing_rules_version + 1')
  expect((await choose({}))?.name).toBe('All')
})

test('two who change rules at once both do, one after the other', async () => {
  await Promise.all(Array.from({ length: 8 }, (_, index) => create(rule(`Rule ${index}`))))
  expect((await list()).map(({ priority }) => priority)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
})

test('a bad rule is refused with the condition and the reason', async () => {
  const deep = all({
    type: 'group',
    match: 'any',
    conditions: [all(all(condition('site', 'is', foyer.site.id)))],
  })
  for (const [body, field, message] of [
    [rule(''), 'name', 'name is needed'],
    [
      rule('A', all(condition('visitor.shoeSize', 'is', '42'))),
      'conditions.conditions.0.fact',
      'no such fact',
    ],
    [
      rule('A', all(condition('visitor.name', 'is', 'x'), condition('visitor.verified', 'contains', 'x'))),
      'conditions.conditions.1.operator',
      '“visitor.verified” (boolean) cannot be asked with “contains”',
    ],
    [
      rule('A', all(condition('visitor.pastChats', 'greater', 'five'))),
      'conditions.conditions.0.value',
      'a number',
    ],
    [rule('A', all(condition('visitor.name', 'in_list', 'x'))), 'conditions.conditions.0.value', 'a list'],
    [rule('A', all(condition('visitor.name', 'in_list', []))), 'conditions.conditions.0.value', 'empty'],
    [rule('A', all(condition('visitor.name', 'is'))), 'conditions.conditions.0.value', 'needed'],
    [rule('A', all(condition('visitor.name', 'empty', 'x'))), 'conditions.conditions.0.value', 'no value'],
    [
      rule('A', all(condition('visitor.name', 'is', 'x'.repeat(501)))),
      'conditions.conditions.0.value',
      '500',
    ],
    [
      rule('A', all(condition('local.time', 'at_least', '25:00'))),
      'conditions.conditions.0.value',
      'time of day',
    ],
    [rule('A', all(condition('local.weekday', 'is', 8))), 'conditions.conditions.0.value', 'weekday'],
    [rule('A', all(condition('local.date', 'is', '2026-02-30'))), 'conditions.conditions.0.value', 'date'],
    [rule('A', all(condition('visitor.name', 'is', 'a\0b'))), 'conditions.conditions.0.value', 'NUL'],
    [rule('A', all(condition('site', 'is', randomUUID()))), 'conditions.conditions.0.value', 'no such site'],
    [rule('A', all(all())), 'conditions.conditions.0.conditions', 'at least one condition'],
    [rule('A', deep), 'conditions.conditions.0.conditions.0.conditions.0.type', ''],
    [
      rule('A', all(...Array.from({ length: 51 }, () => condition('visitor.name', 'empty')))),
      'conditions.conditions',
      'at most 50 conditions',
    ],
    [{ ...rule('A'), target: { type: 'agents', agentIds: [] } }, 'target.agentIds', 'at least one agent'],
    [
      { ...rule('A'), target: { type: 'agents', agentIds: [randomUUID()] } },
      'target.agentIds.0',
      'no such agent',
    ],
    [{ ...rule('A'), target: { type: 'team', teamId: randomUUID() } }, 'target.teamId', 'no such team'],
  ] as const)
    await expect(admin.http.post('/routing-rules', body), field).rejects.toMatchObject({
      status: 422,
      problem: {
        errors: expect.arrayContaining([{ field, message: expect.stringContaining(message) }]),
      },
    })
  expect(await list()).toEqual([])

  const { id } = await create(rule('Good'))
  await expect(
    admin.http.put(`/routing-rules/${id}`, { ...rule('Good'), enabled: 'yes' }),
  ).rejects.toMatchObject({
    status: 422,
  })
  await expect(admin.http.put(`/routing-rules/${randomUUID()}`, rule('Good'))).rejects.toMatchObject({
    status: 404,
  })
  await expect(admin.http.call('DELETE', `/routing-rules/${randomUUID()}`)).rejects.toMatchObject({
    status: 404,
  })
  for (const ids of [[], [randomUUID()], [id, id]])
    await expect(admin.http.put('/routing-rules/order', { ids })).rejects.toMatchObject({
      status: 409,
      code: 'rules_changed',
    })
  await expect(admin.http.put('/routing-rules/order', { ids: ['x'] })).rejects.toMatchObject({ status: 422 })
})

test('only those with the permission see and change rules', async () => {
  const { id } = await create(rule('Mine'))
  const draft = { rule: { conditions: all(), target: rule('A').target } }
  const example = { ...draft, request: { from: 'example', facts: {} } }
  for (const call of [
    () => dana.http.get('/routing-rules'),
    () => dana.http.post('/routing-rules', rule('A')),
    () => dana.http.put(`/routing-rules/${id}`, rule('A')),
    () => dana.http.call('DELETE', `/routing-rules/${id}`),
    () => dana.http.put('/routing-rules/order', { ids: [id] }),
    () => dana.http.post('/routing-rules/preview', example),
    () => dana.http.post('/routing-rules/replay', draft),
  ])
    await expect(call()).rejects.toMatchObject({ status: 403, code: 'forbidden' })
  expect(await list()).toMatchObject([{ id, name: 'Mine' }])
})

test('what is done to rules is written down, without what they say of people', async () => {
  const made = await create(rule('Sofia', all(condition('visitor.email', 'is', 'canary@northwind.test'))))
  await admin.http.put(`/routing-rules/${made.id}`, rule('Sofia', all(), [marco]))
  await admin.http.put('/routing-rules/order', { ids: [made.id] })
  await admin.http.call('DELETE', `/routing-rules/${made.id}`)
  const { entries } = await admin.http.get<{ entries: { action: string; detail: unknown }[] }>('/audit-log')
  expect(entries.slice(0, 4)).toMatchObject([
    { action: 'routing_rule.deleted', actor: 'Ada Admin', detail: { name: 'Sofia' } },
    { action: 'routing_rule.reordered' },
    { action: 'routing_rule.changed', detail: { changed: ['conditions', 'target'], enabled: true } },
    { action: 'routing_rule.created', detail: { priority: 1 } },
  ])
  expect(JSON.stringify(entries)).not.toContain('canary')
})

test('the editor is told what can be asked, and whom a rule may name', async () => {
  await foyer.pool.query(
    `insert into people_mirror (connector, external_id, email, fields, read_at)
     values ('hubspot', '1', 'tom@contoso.test', '{"employees": {"value": "1200", "at": "2026-11-01T00:00:00Z"}}', $1)`,
    [foyer.clock.now()],
  )
  const { vocabulary, agents, sites, timeZone } = await admin.http.get<RuleList>('/routing-rules')
  expect(vocabulary.facts).toEqual(
    expect.arrayContaining([
      { fact: 'visitor.email', type: 'text' },
      { fact: 'local.time', type: 'time' },
      { fact: 'crm.employees', type: 'crm' },
    ]),
  )
  expect(vocabulary.operators.boolean).toEqual(['is'])
  expect(agents).toContainEqual({ id: dana.id, name: 'Dana', active: true })
  expect(sites).toContainEqual({ id: foyer.site.id, name: 'Main site', usesRules: false })
  expect(timeZone).toBe('Europe/Rome')
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
      ({ agent, stage, label, reason }) => [agent.name, stage, label, reason].join(),
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
