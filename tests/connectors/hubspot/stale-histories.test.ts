import { expect, test } from 'vitest'
import type { EngagementType } from '#connectors/hubspot/object-types.ts'
import type { KnownHistory, PersonRef } from '#connectors/sdk/crm.ts'
import { items } from '#connectors/sdk/paging.ts'
import { type Connected, connected, contact, crmOf } from './a-connection.ts'

const dayMs = 86_400_000

/** As Foyer reads and keeps it. */
async function historyOf({ crm, standIn }: Connected, ref: PersonRef): Promise<KnownHistory> {
  const readAt = new Date(standIn.clock.now())
  const since = new Date(readAt.getTime() - 90 * dayMs)
  const page = (cursor: string | null) => crmOf.activities(crm, ref, { from: since, to: readAt }, cursor)
  const activities = await Array.fromAsync(items(page))
  return { ref, readAt, since, activityIds: activities.map(({ id }) => id) }
}

function logged({ standIn }: Connected, type: EngagementType, ofId: string, { daysAgo = 0 } = {}) {
  const { store, clock } = standIn
  const record = store.create(type, { hs_timestamp: String(clock.now() - daysAgo * dayMs) })
  store.associate(record, store.get('contacts', ofId), [])
  return record
}

const people = ({ standIn }: Connected, count: number) =>
  Array.from({ length: count }, (_, i) => standIn.store.create('contacts', { email: `p${i}@b.test` }))

const staleOf = async ({ crm }: Connected, known: KnownHistory[]) =>
  (await crmOf.staleHistories(crm, known)).map(({ id }) => id)

test('whose activities were deleted or edited since they were read is told, and of nobody else', async () => {
  const world = await connected()
  const { store, clock } = world.standIn
  const all = people(world, 4).map((of) => {
    // a form, which stays with the contact
    of.properties.recent_conversion_date = new Date(clock.now()).toISOString()
    const notes = [1, 2].map(() => logged(world, 'notes', of.id))
    return { id: of.id, notes, call: logged(world, 'calls', of.id) }
  })
  clock.advance(60_000)
  const known = await Promise.all(all.map(({ id }) => historyOf(world, contact(id))))
  const [asks, reads] = [world.asked('POST /crm/v4/associations/'), world.asked('POST /crm/v3/objects/')]
  expect(await staleOf(world, known)).toEqual([])
  // whoever did it: a call for each kind, and another for each there is
  expect(world.asked('POST /crm/v4/associations/') - asks).toBe(5)
  expect(world.asked('POST /crm/v3/objects/') - reads).toBe(2)
  clock.advance(1_000)
  const [first, second, third] = all
  if (!first?.notes[0] || !second?.notes[0] || !third) throw new Error('Nobody')
  store.archive(first.notes[0])
  store.update(second.notes[0], { hs_note_body: 'edited' })
  store.erase(third.call)
  expect(await staleOf(world, known)).toEqual([first.id, second.id, third.id])
  expect(await staleOf(world, [])).toEqual([])
})

test('an activity that is given to somebody else is told of both, though nothing of it or of them is changed', async () => {
  const world = await connected()
  const { store, clock } = world.standIn
  const [from, to, other] = people(world, 3)
  if (!from || !to || !other) throw new Error('Nobody')
  const call = logged(world, 'calls', from.id, { daysAgo: 2 })
  logged(world, 'calls', other.id)
  clock.advance(60_000)
  const known = await Promise.all([from, to, other].map(({ id }) => historyOf(world, contact(id))))
  const stamps = () => [call, from, to].map(({ updatedAt }) => updatedAt)
  const before = stamps()
  clock.advance(1_000)
  store.associations.remove(from, call)
  store.associations.add(call, to, [])
  expect(stamps()).toEqual(before)
  expect(await staleOf(world, known)).toEqual([from.id, to.id])
  const read = await Promise.all([from, to, other].map(({ id }) => historyOf(world, contact(id))))
  expect(read.map(({ activityIds }) => activityIds.length)).toEqual([0, 1, 1])
  expect(await staleOf(world, read)).toEqual([])
})

test('what is older than what is known, or still to come, makes nobody be read again', async () => {
  const world = await connected()
  const [of] = people(world, 1)
  if (!of) throw new Error('Nobody')
  logged(world, 'notes', of.id, { daysAgo: 91 })
  logged(world, 'notes', of.id, { daysAgo: 10 })
  logged(world, 'notes', of.id)
  logged(world, 'meetings', of.id, { daysAgo: -1 })
  world.standIn.clock.advance(1_000)
  const known = await historyOf(world, contact(of.id))
  expect(known.activityIds).toHaveLength(2)
  expect(await staleOf(world, [known])).toEqual([])
  // of a longer one only the newest are asked about
  const newest = {
    ...known,
    activityIds: known.activityIds.slice(1),
    since: new Date(known.readAt.getTime() - dayMs),
  }
  expect(await staleOf(world, [newest])).toEqual([])
  // the meeting's time has come
  world.standIn.clock.advance(dayMs)
  expect(await staleOf(world, [known])).toEqual([of.id])
})

test('of a long history the newest that are not known are looked at, and what is missing is missed on whichever page it was', async () => {
  const world = await connected({ associationsPerPage: 100 })
  const { store, clock } = world.standIn
  const [long, longer] = people(world, 2)
  if (!long || !longer) throw new Error('Nobody')
  for (let i = 0; i < 200; i++) logged(world, 'emails', long.id, { daysAgo: 100 })
  for (let i = 0; i < 480; i++) logged(world, 'emails', longer.id, { daysAgo: 100 })
  const [, last] = [long, longer].map(({ id }) => logged(world, 'emails', id))
  const given = store.create('emails', { hs_timestamp: String(clock.now()) })
  clock.advance(1_000)
  const known = await Promise.all([long, longer].map(({ id }) => historyOf(world, contact(id))))
  expect(known.map(({ activityIds }) => activityIds.length)).toEqual([1, 1])
  const [asks, reads] = [world.asked('POST /crm/v4/associations/'), world.asked('POST /crm/v3/objects/')]
  expect(await staleOf(world, known)).toEqual([])
  // one for each kind, and one for each page more that one of them has
  expect(world.asked('POST /crm/v4/associations/') - asks).toBe(5 + 4)
  expect(world.asked('POST /crm/v3/objects/') - reads).toBe(1)
  store.associations.add(given, long, [])
  expect(await staleOf(world, known)).toEqual([long.id])
  store.associations.add(given, longer, [])
  expect(await staleOf(world, known)).toEqual([long.id, longer.id])
  store.associations.remove(long, given)
  store.associations.remove(longer, given)
  if (last) store.associations.remove(longer, last)
  expect(await staleOf(world, known)).toEqual([longer.id])
})

test('of whoever has more than five pages of a kind none is taken for missing', async () => {
  const world = await connected({ associationsPerPage: 10 })
  const [longest] = people(world, 1)
  if (!longest) throw new Error('Nobody')
  for (let i = 0; i < 55; i++) logged(world, 'emails', longest.id)
  world.standIn.clock.advance(1_000)
  const known = await historyOf(world, contact(longest.id))
  expect(known.activityIds).toHaveLength(55)
  expect(await staleOf(world, [known])).toEqual([])
})
