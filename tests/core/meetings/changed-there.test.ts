import { expect, test } from 'vitest'
import { DuplicateError, ProviderConflictError, RateLimitedError } from '#connectors/sdk/errors.ts'
import { applyCalendarChange } from '#core/features/meetings/changes.ts'
import { eventIdOf, guestEmail, lost, world } from './a-troubled-calendar.ts'

/** What the calendar has and what Foyer has are brought together again, whatever was lost or changed there meanwhile. */

test('of two readings of an event while it is moved the newer one holds in the end, whichever is taken in last', async () => {
  const { foyer, calendar, guest, moves, found, meeting, slots, heard, connectionId } = await world()
  const booked = await guest.books(slots[0]?.start)
  const eventId = eventIdOf(booked)
  const answered = (response: 'accepted' | 'declined') =>
    structuredClone(calendar.change(eventId, { guests: [{ email: guestEmail, response }] }))
  calendar.heldBack('changeEvent', async () => {
    const older = answered('accepted')
    const read = async () => {
      await heard(booked, answered('declined'))
      return older
    }
    await applyCalendarChange(foyer.app.services, {
      connectionId,
      calendarId: 'main',
      eventId,
      event: null,
      read,
    })
  })
  await moves(booked, 3)
  await found()
  expect(await meeting(booked)).toMatchObject({ start: slots[3]?.start, guestResponse: 'declined' })
})

test('what is read of an event while its guest moves it is read again', async () => {
  const { foyer, calendar, guest, moves, found, meeting, slots, connectionId, mailsTo } = await world()
  const booked = await guest.books(slots[0]?.start)
  const eventId = eventIdOf(booked)
  const event = structuredClone(calendar.change(eventId, { url: 'https://calendar.example/1' }))
  await applyCalendarChange(foyer.app.services, {
    connectionId,
    calendarId: 'main',
    eventId,
    event,
    read: async () => {
      await moves(booked, 3)
      return event
    },
  })
  expect(await meeting(booked)).toMatchObject({ start: slots[3]?.start, movingTo: null })
  const looks = calendar.calls.length
  await found()
  expect(calendar.calls.slice(looks)).toEqual(['readEvent'])
  expect(await meeting(booked)).toMatchObject({ start: slots[3]?.start })
  expect((await mailsTo(guestEmail)).filter(({ subject }) => subject.includes('moved'))).toHaveLength(1)
})

test('what the host moves while the answer to a move is on its way is where they put it', async () => {
  const foyer = await world()
  const { calendar, guest, moves, heard, found, meeting, slots, times, free, contradictions } = foyer
  const booked = await guest.books(slots[0]?.start)
  calendar.heldBack('changeEvent', async () => {
    calendar.change(eventIdOf(booked), times(6))
    await heard(booked)
  })
  await moves(booked, 3)
  await found()
  expect(await meeting(booked)).toMatchObject({ state: 'booked', start: slots[6]?.start })
  expect([await free(), await contradictions()]).toEqual([[0, 1, 2, 3, 4, 5, 7], []])
})

test('what the host moves before the booking is certain is booked, and then moved', async () => {
  const { calendar, guest, heard, found, meeting, slots, times, mailsTo, free, contradictions } =
    await world()
  calendar.fails({ action: 'insertEvent', when: 'after', error: lost })
  const held = await guest.books(slots[0]?.start)
  calendar.change(eventIdOf(held), times(4))
  await heard(held)
  // which is why they moved it
  calendar.busy = [{ calendarId: 'main', ...times(0) }]
  await found()
  expect(await meeting(held)).toMatchObject({ state: 'booked', start: slots[4]?.start })
  expect((await mailsTo(guestEmail)).map(({ subject }) => subject)).toEqual([
    expect.stringContaining('Your meeting with'),
    expect.stringContaining('has moved'),
  ])
  expect([await free(), await contradictions()]).toEqual([[0, 1, 2, 3, 5, 6, 7], []])
})

test('what the host moves while the answer to a booking is on its way is where they put it', async () => {
  const { calendar, guest, heard, found, meeting, slots, times, foyer, contradictions } = await world()
  calendar.heldBack('insertEvent', async () => {
    const { rows } = await foyer.pool.query('select id from meetings')
    calendar.change(eventIdOf(rows[0]), times(4))
    await heard(rows[0])
  })
  const booked = await guest.books(slots[0]?.start)
  await found()
  expect(await meeting(booked)).toMatchObject({ state: 'booked', start: slots[4]?.start })
  expect(await contradictions()).toEqual([])
})

for (const [what, change] of Object.entries({
  declines: { hostResponse: 'declined' },
  deletes: { state: 'cancelled' },
} as const))
  for (const isHeard of [true, false])
    test(`what the host ${what} before the booking is certain is not booked, ${isHeard ? 'heard at once' : 'seen later'}`, async () => {
      const { calendar, guest, heard, found, meeting, slots, mailsTo, host, free, contradictions } =
        await world()
      calendar.fails({ action: 'insertEvent', when: 'after', error: lost })
      const held = await guest.books(slots[0]?.start)
      calendar.change(eventIdOf(held), change)
      if (isHeard) await heard(held)
      await found()
      await found()
      expect(await meeting(held)).toMatchObject({ state: 'failed' })
      expect(calendar.confirmed).toEqual([])
      for (const address of [guestEmail, host.me.email])
        expect((await mailsTo(address)).map(({ subject }) => subject)).toEqual([
          expect.stringContaining('could not be booked'),
        ])
      expect([await free(), await contradictions()]).toEqual([[0, 1, 2, 3, 4, 5, 6, 7], []])
    })

test('two meetings that change places in the calendar both have their times', async () => {
  const { calendar, guest, heard, slots, times, free, contradictions } = await world()
  const [one, two] = [await guest.books(slots[0]?.start), await guest.books(slots[2]?.start)]
  calendar.change(eventIdOf(one), times(2))
  await heard(one)
  calendar.change(eventIdOf(two), times(0))
  await heard(two)
  expect([await free(), await contradictions()]).toEqual([[1, 3, 4, 5, 6, 7], []])
})

test('a meeting that was dragged onto another one has the time when that one is cancelled', async () => {
  const { calendar, guest, heard, slots, times, free, host, contradictions } = await world()
  const [one, two] = [await guest.books(slots[0]?.start), await guest.books(slots[2]?.start)]
  calendar.change(eventIdOf(one), times(2))
  await heard(one)
  await host.http.post(`/meetings/${two.id}/cancel`)
  expect([await free(), await contradictions()]).toEqual([[0, 1, 3, 4, 5, 6, 7], []])
})

const slow = new RateLimitedError('Google asked us to slow down.', 5_000, 'rateLimitExceeded')

test('a calendar that asks us to slow down is no reason to give up', async () => {
  const { foyer, calendar, guest, moves, found, meeting, slots } = await world()
  const throttled = (action: 'insertEvent' | 'changeEvent') =>
    calendar.fails(...Array.from({ length: 14 }, () => ({ action, when: 'before', error: slow }) as const))
  throttled('insertEvent')
  const held = await guest.books(slots[7]?.start)
  for (let turn = 0; turn < 13; turn++) await found()
  expect(await meeting(held)).toMatchObject({ state: 'held' })
  await found()
  expect(await meeting(held)).toMatchObject({ state: 'booked' })
  throttled('changeEvent')
  await foyer.pool.query('update calendars set busy_read_at = $1', [foyer.clock.now()])
  await moves(held, 100)
  for (let turn = 0; turn < 13; turn++) await found()
  expect(await meeting(held)).toMatchObject({ movingTo: slots[100]?.start })
  await found()
  expect(await meeting(held)).toMatchObject({ movingTo: null, start: slots[100]?.start })
})

test('a time that has come before the calendar took it has failed, and both are told', async () => {
  const { foyer, calendar, guest, found, meeting, slots, mailsTo, host, at } = await world()
  calendar.fails(
    ...Array.from({ length: 2 }, () => ({ action: 'insertEvent', when: 'before', error: slow }) as const),
  )
  const held = await guest.books(slots[0]?.start)
  foyer.clock.advance(at(0).getTime() - foyer.clock.now().getTime())
  await found()
  expect(await meeting(held)).toMatchObject({ state: 'failed' })
  for (const address of [guestEmail, host.me.email])
    expect((await mailsTo(address)).map(({ subject }) => subject)).toEqual([
      expect.stringContaining('could not be booked'),
    ])
})

for (const tellsGuests of [true, false])
  test(`whoever is met hears what the host does in a calendar that ${tellsGuests ? 'invites' : 'invites nobody'}`, async () => {
    const { calendar, guest, heard, slots, times, mailsTo } = await world({ tellsGuests })
    const booked = await guest.books(slots[0]?.start)
    calendar.change(eventIdOf(booked), times(2))
    for (let turn = 0; turn < 2; turn++) await heard(booked)
    await heard(booked, null)
    const news = (await mailsTo(guestEmail)).filter(({ subject }) => / moved| cancelled/.test(subject))
    // an invitation of ours beside the provider's would be a second event in their calendar
    expect(news).toMatchObject([
      { subject: expect.stringContaining('has moved'), method: tellsGuests ? null : 'REQUEST' },
      { subject: expect.stringContaining('is cancelled'), method: tellsGuests ? null : 'CANCEL' },
    ])
  })

test('a meeting whose id is another event’s stands under one of its own, and is moved and ended there', async () => {
  const { foyer, calendar, guest, moves, meeting, slots, host, times, connectionId } = await world()
  const taken = new DuplicateError('There is another event under this id.')
  calendar.fails({ action: 'insertEvent', when: 'before', error: taken })
  const booked = await guest.books(slots[0]?.start)
  const eventId = `${eventIdOf(booked)}v`
  expect([booked.state, [...calendar.events.keys()]]).toEqual(['booked', [eventId]])
  await moves(booked, 3)
  expect(calendar.confirmed).toMatchObject([{ id: eventId, start: times(3).start }])
  const event = calendar.change(eventId, times(5))
  const read = async () => event
  await applyCalendarChange(foyer.app.services, { connectionId, calendarId: 'main', eventId, event, read })
  expect(await meeting(booked)).toMatchObject({ start: slots[5]?.start })
  await host.http.post(`/meetings/${booked.id}/cancel`)
  await expect.poll(() => calendar.confirmed).toEqual([])
})

test('a meeting whose id is another event’s, known before a process died, has one event', async () => {
  const { calendar, guest, found, meeting, slots } = await world()
  const taken = new DuplicateError('There is another event under this id.')
  calendar.fails(
    { action: 'insertEvent', when: 'before', error: taken },
    { action: 'insertEvent', when: 'after', error: lost },
  )
  const held = await guest.books(slots[0]?.start)
  expect(held.state).toBe('held')
  await found()
  expect(await meeting(held)).toMatchObject({ state: 'booked' })
  expect([calendar.inserted, [...calendar.events.keys()]]).toEqual([1, [`${eventIdOf(held)}v`]])
})

test('an event that was changed there meanwhile is read again and moved; one that is changed all the time, later', async () => {
  const { calendar, guest, moves, found, meeting, slots } = await world()
  const booked = await guest.books(slots[0]?.start)
  calendar.change(eventIdOf(booked), { url: 'https://calendar.example/1' })
  expect(await moves(booked, 3)).toMatchObject({ start: slots[3]?.start, movingTo: null })
  const changed = new ProviderConflictError('It was changed meanwhile.')
  calendar.fails(
    ...Array.from({ length: 3 }, () => ({ action: 'changeEvent', when: 'before', error: changed }) as const),
  )
  expect(await moves(booked, 4)).toMatchObject({ start: slots[3]?.start, movingTo: slots[4]?.start })
  await found()
  expect(await meeting(booked)).toMatchObject({ start: slots[4]?.start, movingTo: null })
})

test('what the mirror still has where a meeting was moved from is in nobody’s way, under the first id or another', async () => {
  const { foyer, calendar, guest, moves, slots, times, free, host } = await world()
  const taken = new DuplicateError('There is another event under this id.')
  calendar.fails({ action: 'insertEvent', when: 'before', error: taken })
  const booked = [await guest.books(slots[0]?.start), await guest.books(slots[4]?.start)]
  const ids = [...calendar.events.keys()]
  expect(ids).toEqual(booked.map((one, place) => eventIdOf(one) + ['v', ''][place]))
  for (const [place, id] of ids.entries())
    await foyer.pool.query(
      `insert into calendar_busy (agent_id, calendar_id, event_id, start_at, end_at) values ($1, 'main', $2, $3, $4)`,
      [host.id, id, times(4 * place).start, times(4 * place).end],
    )
  for (const [place, one] of booked.entries()) await moves(one, 4 * place + 1)
  expect(await free()).toEqual([0, 2, 3, 4, 6, 7])
})

test('what was dragged onto part of another meeting is in the way with its other part too', async () => {
  const { foyer, calendar, guest, heard, slots, at, free, host } = await world()
  await guest.books(slots[0]?.start)
  const dragged = await guest.books(slots[4]?.start)
  const quarterMs = 15 * 60_000
  const [start, end] = [new Date(at(0).getTime() + quarterMs), new Date(at(1).getTime() + quarterMs)]
  calendar.change(eventIdOf(dragged), { start, end })
  await heard(dragged)
  await foyer.pool.query(
    `insert into calendar_busy (agent_id, calendar_id, event_id, start_at, end_at) values ($1, 'main', $2, $3, $4)`,
    [host.id, eventIdOf(dragged), start, end],
  )
  expect(await free()).toEqual([2, 3, 4, 5, 6, 7])
})
