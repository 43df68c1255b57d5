import { expect, test } from 'vitest'
import type { CalendarEvent } from '#connectors/sdk/calendar.ts'
import {
  DuplicateError,
  ProviderConflictError,
  ProviderRejectedError,
  ProviderUnavailableError,
  RateLimitedError,
} from '#connectors/sdk/errors.ts'
import type { GuestMeeting, Meeting } from '#core/contracts/meetings.ts'
import { applyCalendarChange } from '#core/features/meetings/changes.ts'
import { sweepMeetings } from '#core/features/meetings/sweeps.ts'
import { findContradictions } from '#core/verify/contradictions.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { connectedCalendar } from './a-booking.ts'

/** What the calendar has and what Foyer has are brought together again, whatever was lost or changed there meanwhile. */

const guestEmail = 'sofia.ricci@northwind.test'
const lost = new ProviderUnavailableError('The line was cut.', 'unknown')
const away = new ProviderUnavailableError('It does not answer.', 'nothing')
const eventIdOf = ({ id }: { id: string }) => id.replaceAll('-', '')

async function world(options: { tellsGuests?: boolean } = {}) {
  const connected = await connectedCalendar(options)
  const { foyer, calendar, connectionId, slots, host } = connected
  const http = new HttpClient(foyer.origin)
  const at = (place: number) => new Date(slots[place]?.start ?? '')
  const times = (place: number) => ({ start: at(place), end: new Date(slots[place]?.end ?? '') })
  return {
    ...connected,
    at,
    times,
    /** Another process finds what is left, after the lease of the one that died. */
    async found() {
      foyer.clock.advance(400_000)
      await sweepMeetings(foyer.app.services, new AbortController().signal)
    },
    meeting: ({ id }: { id: string }) => host.http.get<Meeting>(`/meetings/${id}`),
    moves: ({ token }: GuestMeeting, place: number) =>
      http.post<GuestMeeting>(`/meeting/${token}/reschedule`, { start: slots[place]?.start }),
    heard: (
      meeting: { id: string },
      event: CalendarEvent | null = calendar.events.get(eventIdOf(meeting)) ?? null,
    ) =>
      applyCalendarChange(foyer.app.services, {
        connectionId,
        calendarId: 'main',
        eventId: eventIdOf(meeting),
        event: event && structuredClone(event),
        read: async () => event && structuredClone(event),
      }),
    async mailsTo(address: string) {
      const { rows } = await foyer.pool.query<{ subject: string; text: string; method: string | null }>(
        `select subject, text, invitation ->> 'method' as method from mails where to_address = $1 order by created_at, subject`,
        [address],
      )
      return rows
    },
    /** Places of the times that can be booked. */
    async free() {
      const free = new Set((await connected.guest.slots()).slots.map(({ start }) => start))
      return [0, 1, 2, 3, 4, 5, 6, 7].filter((place) => free.has(slots[place]?.start ?? ''))
    },
    contradictions: () => findContradictions(foyer.pool, new Date(0)),
  }
}

type World = Awaited<ReturnType<typeof world>>

/** The calendar has made the move, and the answer was lost. */
async function aMoveInDoubt({ calendar, guest, slots, moves }: World, to = 3) {
  const booked = await guest.books(slots[0]?.start)
  calendar.fails({ action: 'changeEvent', when: 'after', error: lost })
  expect(await moves(booked, to)).toMatchObject({ start: slots[0]?.start, movingTo: slots[to]?.start })
  return booked
}

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
        'select distinct lower(taken) as start from taken_times where meeting_id = $1 order by 1',
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

test('a time that is in doubt is nobody else’s, and its meeting can be moved again or cancelled', async () => {
  const foyer = await world()
  const { calendar, guest, moves, found, meeting, slots, free, host, contradictions } = foyer
  const booked = await aMoveInDoubt(foyer)
  const doubt = [
    { action: 'changeEvent', when: 'before', error: new ProviderRejectedError('Not you.') },
    { action: 'readEvent', when: 'before', error: away },
  ] as const
  calendar.fails(...doubt)
  await found()
  await expect(guest.books(slots[3]?.start)).rejects.toMatchObject({ code: 'slot_taken' })
  expect(await moves(booked, 5)).toMatchObject({ start: slots[5]?.start })
  expect([await free(), await contradictions()]).toEqual([[0, 1, 2, 3, 4, 6, 7], []])
  await host.http.post(`/meetings/${booked.id}/cancel`)
  await found()
  expect(await meeting(booked)).toMatchObject({ state: 'cancelled' })
  expect([calendar.confirmed, await contradictions()]).toEqual([[], []])
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
