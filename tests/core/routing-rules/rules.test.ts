import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { RoutingRule, RuleList } from '#core/contracts/routing-rules.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { all, condition, rulesWorld } from './rules-world.ts'

const { start, list, rule, create, choose } = rulesWorld()
let foyer: TestFoyer
let admin: AgentActor
let dana: AgentActor
let marco: AgentActor

beforeAll(async () => {
  ;({ foyer, admin, dana, marco } = await start())
})

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

test('a rule whose team is gone can be switched off, and on again only with somebody to ask', async () => {
  const team = await admin.http.post<{ id: string }>('/teams', { name: 'Trade', agentIds: [] })
  const { id } = await admin.http.post<RoutingRule>('/routing-rules', {
    ...rule('Trade'),
    target: { type: 'team', teamId: team.id },
  })
  await admin.http.call('DELETE', `/teams/${team.id}`)
  const [kept] = (await list()).filter((one) => one.id === id)
  const { name, conditions, target } = kept as RoutingRule
  const save = (enabled: boolean) =>
    admin.http.put<RoutingRule>(`/routing-rules/${id}`, { name, conditions, target, enabled })
  expect((await save(false)).enabled).toBe(false)
  await expect(save(true)).rejects.toMatchObject({ status: 422 })
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
