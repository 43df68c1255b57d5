import { expect, test } from 'vitest'
import { CursorExpiredError } from '#connectors/sdk/errors.ts'
import { type Connected, connected, contact, crmOf } from './a-connection.ts'
import { poll } from './polls.ts'

test('a first poll tells nothing, later ones tell what was changed since, oldest first', async () => {
  const world = await connected()
  const { store, clock } = world.standIn
  const old = store.create('contacts', { email: 'old@b.test' })
  clock.advance(60_000)
  const first = await poll(world, null)
  expect(first.changes).toEqual([])
  clock.advance(1_000)
  store.create('contacts', { email: 'new@b.test' })
  clock.advance(1_000)
  store.update(old, { jobtitle: 'CEO' })
  const second = await poll(world, first.cursor)
  expect(second.told).toEqual(['changed new@b.test', 'changed old@b.test'])
  expect(second.changes[1]).toMatchObject({ person: { fields: { jobTitle: 'CEO' } } })
  expect((await poll(world, second.cursor)).told).toEqual([])
})

test('a change that the search sees late, after a younger one, is not missed', async () => {
  const world = await connected()
  const { store, clock } = world.standIn
  const { cursor } = await poll(world, null)
  clock.advance(1_000)
  store.setIndexLag(120_000)
  store.create('contacts', { email: 'late@b.test' })
  store.setIndexLag(0)
  clock.advance(1_000)
  store.create('contacts', { email: 'early@b.test' })
  const first = await poll(world, cursor)
  expect(first.told).toEqual(['changed early@b.test'])
  clock.advance(120_000)
  expect((await poll(world, first.cursor)).told).toEqual(['changed late@b.test'])
})

test('a company that changes is told once, whoever works there', async () => {
  const world = await connected()
  const { store, clock } = world.standIn
  const company = store.create('companies', { name: 'Contoso', domain: 'contoso.test' })
  for (let i = 0; i < 3; i += 1)
    store.associate(store.create('contacts', { email: `p${i}@contoso.test` }), company, [1])
  clock.advance(600_000)
  const { cursor } = await poll(world, null)
  clock.advance(1_000)
  store.update(company, { name: 'Contoso AG', domain: 'Contoso-AG.test' })
  const { changes, cursor: next } = await poll(world, cursor)
  expect(changes).toMatchObject([
    { type: 'company_changed', company: { id: company.id, name: 'Contoso AG', domain: 'contoso-ag.test' } },
  ])
  // by the vendor's stamp, whenever it was asked for
  expect(changes).toMatchObject([{ company: { changedAt: new Date(company.updatedAt) } }])
  expect((await poll(world, next)).changes).toEqual([])
})

test('what we write ourselves comes back once, as what it is', async () => {
  const world = await connected()
  const of = world.standIn.store.create('contacts', { email: 'a@b.test' })
  world.standIn.clock.advance(1_000)
  const { cursor } = await poll(world, null)
  world.standIn.clock.advance(1_000)
  const change = { key: 'k', values: { jobTitle: 'CTO' }, onlyEmpty: {} }
  const written = await crmOf.updatePerson(world.crm, contact(of.id), change)
  const echo = await poll(world, cursor)
  expect(echo.changes).toEqual([{ type: 'changed', person: written }])
  expect((await poll(world, echo.cursor)).changes).toEqual([])
})

test('two that were merged are told as one, a deleted one as gone within the hour', async () => {
  const world = await connected()
  const { store, clock } = world.standIn
  const [first, second, third] = ['a@b.test', 'c@d.test', 'e@f.test'].map((email) =>
    store.create('contacts', { email }),
  )
  if (!first || !second || !third) throw new Error('No contacts')
  clock.advance(600_000)
  const { cursor } = await poll(world, null)
  clock.advance(1_000)
  store.merge(first, second)
  store.archive(third)
  const soon = await poll(world, cursor)
  expect(soon.told).toEqual(['changed a@b.test'])
  expect(soon.changes[0]).toMatchObject({ person: { formerIds: [second.id] } })
  clock.advance(3_600_000)
  expect((await poll(world, soon.cursor)).told).toEqual([`gone ${third.id}`])
})

/** The same as at HubSpot's ten thousand, with fewer contacts. */
const searchCap = 300
const manyAtOnce = ({ store, clock }: Connected['standIn'], count: number) => {
  for (let i = 0; i < count; i += 1) {
    if (i % 50 === 0) clock.advance(10)
    store.create('contacts', { email: `p${i}@b.test` })
  }
}

test('more changes than a search gives are all told, and each once', async () => {
  const world = await connected({ searchCap })
  const { cursor } = await poll(world, null)
  world.standIn.clock.advance(1_000)
  manyAtOnce(world.standIn, 750)
  const { told } = await poll(world, cursor)
  expect(told).toHaveLength(750)
  expect(new Set(told).size).toBe(750)
})

test('an instant that more contacts share than a search gives is read by their ids', async () => {
  const world = await connected({ searchCap })
  const { store, clock } = world.standIn
  const { cursor } = await poll(world, null)
  clock.advance(1_000)
  for (let i = 0; i < 650; i += 1) store.create('contacts', { email: `p${i}@b.test` })
  clock.advance(1_000)
  store.create('contacts', { email: 'later@b.test' })
  const { told, cursor: next } = await poll(world, cursor)
  expect(new Set(told).size).toBe(651)
  expect(told.at(-1)).toBe('changed later@b.test')
  clock.advance(1_000)
  store.create('contacts', { email: 'last@b.test' })
  expect((await poll(world, next)).told).toContain('changed last@b.test')
})

test.each([
  { where: 'at several instants', apartMs: 10 },
  { where: 'in one instant', apartMs: 0 },
])(
  'whoever changes again while changes are read makes nobody else be missed ($where)',
  async ({ apartMs }) => {
    const world = await connected()
    const { store, clock } = world.standIn
    const { cursor } = await poll(world, null)
    clock.advance(1_000)
    const records = Array.from({ length: 450 }, (_, i) => {
      if (i % 50 === 0) clock.advance(apartMs)
      return store.create('contacts', { email: `p${i}@b.test` })
    })
    let page = 0
    const { told } = await poll(world, cursor, async (crm, at) => {
      const answer = await crmOf.changes(crm, at)
      // they leave the front of what is found, and all behind them move up
      for (const record of records.slice(page * 30, page * 30 + 30))
        store.update(record, { jobtitle: `${page}` })
      page += 1
      return answer
    })
    expect(new Set(told).size).toBe(450)
  },
)

test.each([
  { what: 'more than a search gives', many: (standIn: Connected['standIn']) => manyAtOnce(standIn, 750) },
  {
    what: 'more than a search gives, in one instant',
    many: ({ store, clock }: Connected['standIn']) => {
      clock.advance(10)
      for (let i = 0; i < 650; i += 1) store.create('contacts', { email: `p${i}@b.test` })
    },
  },
])('a change that the search sees late is not missed, though $what came after it', async ({ many }) => {
  const world = await connected({ searchCap })
  const { store, clock } = world.standIn
  const { cursor } = await poll(world, null)
  clock.advance(1_000)
  store.setIndexLag(120_000)
  store.create('contacts', { email: 'late@b.test' })
  store.setIndexLag(0)
  many(world.standIn)
  const first = await poll(world, cursor)
  expect(first.told).not.toContain('changed late@b.test')
  clock.advance(120_000)
  expect((await poll(world, first.cursor)).told).toContain('changed late@b.test')
})

test('a change that the search sees late is not missed, though reading was interrupted for an hour', async () => {
  const world = await connected()
  const { store, clock } = world.standIn
  const { cursor } = await poll(world, null)
  clock.advance(1_000)
  store.setIndexLag(120_000)
  store.create('contacts', { email: 'late@b.test' })
  store.setIndexLag(0)
  manyAtOnce(world.standIn, 150)
  let page = 0
  const first = await poll(world, cursor, async (crm, at) => {
    if (page++ === 1) {
      clock.advance(3_600_000)
      store.create('contacts', { email: 'young@b.test' })
    }
    return crmOf.changes(crm, at)
  })
  expect(first.told).toContain('changed young@b.test')
  const told = [...first.told, ...(await poll(world, first.cursor)).told]
  expect(told).toContain('changed late@b.test')
})

test('a cursor of the version that followed contacts alone is read on from where it was, and tells what companies are called now', async () => {
  const world = await connected()
  const { store, clock } = world.standIn
  const company = store.create('companies', { name: 'Contoso', domain: 'contoso.test' })
  const before = store.create('contacts', { email: 'before@b.test' })
  clock.advance(3_600_000)
  const from = clock.now()
  const round = { from, startedAt: null, at: from, tie: null, newest: from, seen: [] }
  const sweep = { at: from, startedAt: from, after: null }
  clock.advance(60_000)
  store.create('contacts', { email: 'since@b.test' })
  clock.advance(60_000)
  const { told, cursor } = await poll(world, JSON.stringify({ round, sweep }))
  expect(told).toEqual(['changed since@b.test', 'company_changed Contoso'])
  // the one before it kept other places
  const older = JSON.stringify({ round: { from, after: 'x', tie: null, seen: [] }, sweep })
  expect((await poll(world, older)).told).toEqual(told)
  clock.advance(3_600_000)
  store.archive(before)
  store.update(company, { name: 'Contoso AG' })
  const later = await poll(world, cursor)
  expect(later.told).toEqual(['company_changed Contoso AG', `gone ${before.id}`])
})

test('a cursor that is none leads to reading everybody anew', async () => {
  const { crm } = await connected()
  await expect(crmOf.changes(crm, 'nonsense')).rejects.toThrow(CursorExpiredError)
})
