import { expect, test } from 'vitest'
import { engagementTypes } from '#connectors/hubspot/object-types.ts'
import { type Connected, connected, crmOf } from './a-connection.ts'
import { poll } from './polls.ts'

/** So many polls that each kind of activity has had its turn. */
async function pollAllKinds(world: Connected, from: string) {
  const told: string[] = []
  let cursor = from
  for (let turn = 0; turn < engagementTypes.length; turn++) {
    const next = await poll(world, cursor)
    told.push(...next.told)
    cursor = next.cursor
  }
  return { told, cursor }
}

test('an activity that somebody logs, changes or belongs to another is told with its contacts', async () => {
  const world = await connected()
  const { store, clock } = world.standIn
  const [of, other] = ['a@b.test', 'c@d.test'].map((email) => store.create('contacts', { email }))
  if (!of || !other) throw new Error('No contacts')
  clock.advance(600_000)
  const { cursor } = await poll(world, null)
  clock.advance(1_000)
  const note = store.create('notes', { hs_note_body: 'x', hs_timestamp: String(clock.now()) })
  store.associate(note, of, [])
  const logged = await pollAllKinds(world, cursor)
  expect(new Set(logged.told)).toEqual(new Set(['changed a@b.test', `activities_changed ${of.id}`]))
  clock.advance(1_000)
  store.update(note, { hs_note_body: 'y' })
  const edited = await pollAllKinds(world, logged.cursor)
  expect(edited.told).toEqual([`activities_changed ${of.id}`])
  expect((await pollAllKinds(world, edited.cursor)).told).toEqual([])
  for (const [type, values] of [
    ['calls', { hs_call_title: 'c' }],
    ['meetings', { hs_meeting_title: 'm' }],
    ['tasks', { hs_task_subject: 't' }],
    ['emails', { hs_email_subject: 'e' }],
  ] as const) {
    const one = store.create(type, { ...values, hs_timestamp: String(clock.now()) })
    store.associate(one, of, [])
    store.associate(one, other, [])
    clock.advance(600_000)
    const { cursor: before } = await pollAllKinds(world, (await pollAllKinds(world, edited.cursor)).cursor)
    clock.advance(1_000)
    store.update(one, values)
    expect((await pollAllKinds(world, before)).told).toEqual([
      `activities_changed ${of.id}`,
      `activities_changed ${other.id}`,
    ])
  }
})

test('a quiet poll is three searches, two while nobody looks at a history; an edit made meanwhile is told to whoever looks soon after', async () => {
  const world = await connected()
  const { store, clock } = world.standIn
  const of = store.create('contacts', { email: 'a@b.test' })
  const note = store.create('notes', { hs_note_body: 'x', hs_timestamp: String(clock.now()) })
  store.associate(note, of, [])
  const unwatched = (crm: Connected['crm'], cursor: string | null) =>
    crmOf.changes(crm, cursor, { histories: false })
  const searches = () =>
    world.standIn.requests
      .filter(({ path }) => path.endsWith('/search'))
      .map(({ path }) => path.split('/')[4])
  clock.advance(600_000)
  const { cursor } = await poll(world, null)
  const before = searches().length
  const watched = await poll(world, (await poll(world, cursor)).cursor)
  expect(searches().slice(before)).toEqual([
    'contacts',
    'companies',
    'emails',
    'contacts',
    'companies',
    'calls',
  ])
  const alone = await poll(world, watched.cursor, unwatched)
  expect(searches().slice(before + 6)).toEqual(['contacts', 'companies'])
  // nobody looks for a day, in which much is logged and read by nobody; the last of it a minute before somebody does
  clock.advance(86_400_000)
  for (let i = 0; i < 150; i++)
    store.create('notes', { hs_note_body: `${i}`, hs_timestamp: String(clock.now()) })
  clock.advance(600_000)
  store.update(note, { hs_note_body: 'y' })
  clock.advance(60_000)
  const day = await poll(world, alone.cursor, unwatched)
  expect(day.told).toEqual([])
  const seen = await pollAllKinds(world, day.cursor)
  expect(seen.told).toEqual([`activities_changed ${of.id}`])
  expect(
    searches()
      .slice(before + 10)
      .filter((type) => type === 'notes'),
  ).toHaveLength(1)
})

test('a turn of activities that has more pages is left where nobody looks any more', async () => {
  const world = await connected()
  const { store, clock } = world.standIn
  const { cursor } = await poll(world, null)
  clock.advance(1_000)
  for (let i = 0; i < 150; i++) {
    if (i % 50 === 0) clock.advance(10)
    store.create('emails', { hs_email_subject: `${i}`, hs_timestamp: String(clock.now()) })
  }
  let page = 0
  const { cursor: next } = await poll(world, cursor, (crm, at) =>
    crmOf.changes(crm, at, { histories: page++ < 3 }),
  )
  expect(page).toBe(5)
  expect((await poll(world, next)).told).toEqual([])
})

test('a form that somebody sends is told as an activity of theirs', async () => {
  const world = await connected()
  const { store, clock } = world.standIn
  const of = store.create('contacts', { email: 'a@b.test' })
  clock.advance(600_000)
  const { cursor } = await poll(world, null)
  clock.advance(1_000)
  of.properties.recent_conversion_date = new Date(clock.now()).toISOString()
  of.properties.recent_conversion_event_name = 'Contact us'
  store.update(of, {})
  expect((await poll(world, cursor)).told).toEqual(['changed a@b.test', `activities_changed ${of.id}`])
})
