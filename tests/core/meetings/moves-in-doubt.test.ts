import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { ProviderRejectedError } from '#connectors/sdk/errors.ts'
import { eraseEverywhere } from '#core/features/people/erase.ts'
import { aMoveInDoubt, away, eventIdOf, guestEmail, lost, world } from './a-troubled-calendar.ts'

/** Moves whose answer was lost, and that the calendar may have made or not. */

test('a move that is given up although the calendar has made it, is made', async () => {
  const foyer = await world()
  const { calendar, found, meeting, slots, mailsTo, free, contradictions } = foyer
  const booked = await aMoveInDoubt(foyer)
  calendar.fails({ action: 'changeEvent', when: 'before', error: new ProviderRejectedError('Not you.') })
  await found()
  expect(await meeting(booked)).toMatchObject({ state: 'booked', start: slots[3]?.start, movingTo: null })
  expect((await mailsTo(guestEmail)).map(({ subject }) => subject)).toContainEqual(
    expect.stringContaining('has moved'),
  )
  expect([await free(), await contradictions()]).toEqual([[0, 1, 2, 4, 5, 6, 7], []])
})

test('a move that the calendar has made is made, also when somebody has taken that time there since', async () => {
  const foyer = await world()
  const { calendar, found, meeting, slots, times } = foyer
  const booked = await aMoveInDoubt(foyer)
  calendar.busy = [{ calendarId: 'main', ...times(3) }]
  await found()
  expect(await meeting(booked)).toMatchObject({ state: 'booked', start: slots[3]?.start, movingTo: null })
})

test('a move given up while the calendar does not say where the event is keeps both times until it does', async () => {
  const foyer = await world()
  const { calendar, found, meeting, slots, mailsTo, free, contradictions } = foyer
  const booked = await aMoveInDoubt(foyer)
  calendar.fails(
    { action: 'changeEvent', when: 'before', error: new ProviderRejectedError('Not you.') },
    { action: 'readEvent', when: 'before', error: away },
    { action: 'readEvent', when: 'before', error: away },
  )
  await found()
  expect(await meeting(booked)).toMatchObject({ state: 'booked', start: slots[0]?.start, movingTo: null })
  const told = (await mailsTo(guestEmail)).at(-1)
  expect([told?.subject, told?.text]).toEqual([
    expect.stringContaining('could not be moved'),
    expect.stringContaining('you are told'),
  ])
  expect([await free(), await contradictions()]).toEqual([[1, 2, 4, 5, 6, 7], []])
  await found()
  expect(await meeting(booked)).toMatchObject({ start: slots[0]?.start })
  await found()
  expect(await meeting(booked)).toMatchObject({ state: 'booked', start: slots[3]?.start })
  expect((await mailsTo(guestEmail)).at(-1)?.subject).toContain('has moved')
  expect([await free(), await contradictions()]).toEqual([[0, 1, 2, 4, 5, 6, 7], []])
})

test('a move in doubt that was not made leaves its meeting where it was, and its new time free', async () => {
  const foyer = await world()
  const { calendar, guest, moves, found, meeting, slots, mailsTo, free, contradictions } = foyer
  const booked = await guest.books(slots[0]?.start)
  calendar.fails({ action: 'changeEvent', when: 'before', error: lost })
  await moves(booked, 3)
  calendar.fails(
    { action: 'changeEvent', when: 'before', error: new ProviderRejectedError('Not you.') },
    { action: 'readEvent', when: 'before', error: away },
  )
  await found()
  await found()
  expect(await meeting(booked)).toMatchObject({ state: 'booked', start: slots[0]?.start, movingTo: null })
  expect((await mailsTo(guestEmail)).filter(({ subject }) => subject.includes('moved'))).toHaveLength(1)
  expect([await free(), await contradictions()]).toEqual([[1, 2, 3, 4, 5, 6, 7], []])
})

const refusesMoves = {
  action: 'changeEvent',
  when: 'before',
  error: new ProviderRejectedError('Not you.'),
} as const

for (const isGivenUp of [false, true])
  for (const isMade of [false, true])
    test(`the length that the host gives a meeting while a move is in doubt that was ${isMade ? '' : 'not '}made is its length, the move ${isGivenUp ? 'given up' : 'made again'}`, async () => {
      const foyer = await world()
      const { calendar, guest, moves, found, meeting, slots, heard, free, contradictions } = foyer
      const booked = await guest.books(slots[0]?.start)
      calendar.fails({ action: 'changeEvent', when: isMade ? 'after' : 'before', error: lost })
      await moves(booked, 3)
      const eventId = eventIdOf(booked)
      const { end } = calendar.events.get(eventId) ?? {}
      calendar.change(eventId, { end: new Date((end?.getTime() ?? 0) + 30 * 60_000) })
      await heard(booked)
      if (isGivenUp) calendar.fails(refusesMoves)
      await found()
      await found()
      const place = isGivenUp && !isMade ? 0 : 3
      expect(await meeting(booked)).toMatchObject({
        start: slots[place]?.start,
        end: slots[place + 1]?.end,
        movingTo: null,
      })
      const taken = [place, place + 1]
      expect([await free(), await contradictions()]).toEqual([
        [0, 1, 2, 3, 4, 5, 6, 7].filter((one) => !taken.includes(one)),
        [],
      ])
    })

for (const isRepaired of [true, false])
  test(`both times of a move in doubt are kept while the connection is broken, ${isRepaired ? 'until it is repaired' : 'until the later one is over'}`, async () => {
    const there = await world()
    const { found, meeting, slots, at, foyer, connectionId } = there
    const booked = await aMoveInDoubt(there)
    const connectionIs = (state: string) =>
      foyer.pool.query('update connections set state = $2 where id = $1', [connectionId, state])
    const times = async () => {
      const { rows } = await foyer.pool.query<{ start: Date }>(
        'select lower(taken) as start from taken_times where meeting_id = $1 order by 1',
        [booked.id],
      )
      return rows.map(({ start }) => slots.findIndex((one) => one.start === start.toISOString()))
    }
    await connectionIs('broken')
    await found()
    expect([await times(), (await meeting(booked)).movingTo]).toEqual([[0, 3], null])
    // the one it was moved from is over, and it may be at the other
    foyer.clock.advance(at(2).getTime() - foyer.clock.now().getTime())
    await found()
    expect(await times()).toEqual([0, 3])
    if (isRepaired) await connectionIs('active')
    else foyer.clock.advance(at(4).getTime() - foyer.clock.now().getTime())
    await found()
    expect([await times(), (await meeting(booked)).start]).toEqual(
      isRepaired ? [[3], slots[3]?.start] : [[0], slots[0]?.start],
    )
  })

test('a time that is in doubt is nobody else’s, and its meeting can be moved again or cancelled', async () => {
  const there = await world()
  const { calendar, guest, moves, found, meeting, slots, free, cancels, contradictions } = there
  const booked = await aMoveInDoubt(there)
  const doubt = [
    { action: 'changeEvent', when: 'before', error: new ProviderRejectedError('Not you.') },
    { action: 'readEvent', when: 'before', error: away },
  ] as const
  calendar.fails(...doubt)
  await found()
  await expect(guest.books(slots[3]?.start)).rejects.toMatchObject({ code: 'slot_taken' })
  // a time that it has already is its own once
  calendar.fails(...doubt)
  await expect(moves(booked, 3)).rejects.toMatchObject({ code: 'calendar_refused' })
  const { rows } = await there.foyer.pool.query('select from taken_times where meeting_id = $1', [booked.id])
  expect(rows).toHaveLength(2)
  expect(await moves(booked, 5)).toMatchObject({ start: slots[5]?.start })
  expect([await free(), await contradictions()]).toEqual([[0, 1, 2, 3, 4, 6, 7], []])
  await cancels(booked)
  await found()
  expect(await meeting(booked)).toMatchObject({ state: 'cancelled' })
  expect([calendar.confirmed, await contradictions()]).toEqual([[], []])
})

for (const how of ['cancelled', 'erased', 'erased between the two'])
  test(`the event of a move in doubt that is ${how} is ended after its earlier time is over too`, async () => {
    const there = await world()
    const { calendar, foyer, connectionId, found, cancels, at } = there
    const connectionIs = (state: string) =>
      foyer.pool.query('update connections set state = $2 where id = $1', [connectionId, state])
    const isDue = async () =>
      (await foyer.pool.query(`select from meetings where event_due = 'cancel'`)).rowCount === 1
    const passes = async (place: number) => {
      foyer.clock.advance(Math.max(0, at(place).getTime() - foyer.clock.now().getTime()))
      await found()
    }
    const booked = await aMoveInDoubt(there)
    await connectionIs('broken')
    await found()
    if (how === 'erased between the two') await passes(2)
    if (how === 'cancelled') await cancels(booked)
    else {
      const id = randomUUID()
      await foyer.pool.query('insert into erasures (id, emails, asked_at) values ($1, $2, now())', [
        id,
        [guestEmail],
      ])
      await eraseEverywhere(foyer.app.services, id)
    }
    await passes(2)
    expect(await isDue()).toBe(true)
    await connectionIs('active')
    await found()
    expect([calendar.confirmed, await isDue()]).toEqual([[], false])
  })

test('a cancel is given up once the later time of a move in doubt is over', async () => {
  const there = await world()
  const { foyer, connectionId, found, cancels, at } = there
  const booked = await aMoveInDoubt(there)
  await foyer.pool.query(`update connections set state = 'broken' where id = $1`, [connectionId])
  await found()
  await cancels(booked)
  foyer.clock.advance(at(4).getTime() - foyer.clock.now().getTime())
  await found()
  const { rows } = await foyer.pool.query('select event_due from meetings where id = $1', [booked.id])
  expect(rows).toEqual([{ event_due: null }])
})

test('what was deleted in the calendar while it was being moved is cancelled', async () => {
  const foyer = await world()
  const { calendar, found, meeting, contradictions } = foyer
  const booked = await aMoveInDoubt(foyer)
  calendar.change(eventIdOf(booked), { state: 'cancelled' })
  await found()
  expect(await meeting(booked)).toMatchObject({ state: 'cancelled', cancelledBy: 'calendar' })
  expect(await contradictions()).toEqual([])
})
