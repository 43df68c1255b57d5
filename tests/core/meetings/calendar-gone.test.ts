import { describe, expect, test } from 'vitest'
import {
  ProviderForbiddenError,
  ProviderRejectedError,
  ProviderUnavailableError,
  ReconnectNeededError,
} from '#connectors/sdk/errors.ts'
import type { GuestMeeting, Meeting, MeetingsToNote } from '#core/contracts/meetings.ts'
import { sweepMeetings } from '#core/features/meetings/sweeps.ts'
import { findContradictions } from '#core/verify/contradictions.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { waitFor } from '#tests/support/wait.ts'
import { connectedCalendar } from './a-booking.ts'

/** Meetings whose calendar cannot be reached, for now or for good. */

const guestEmail = 'sofia.ricci@northwind.test'

async function world() {
  const connected = await connectedCalendar({ tellsGuests: true })
  const { foyer, host, guest, slots, connectionId } = connected
  const { pool, clock } = foyer
  await pool.query(`update connections set account = '{"id": "account", "name": "Memory"}' where id = $1`, [
    connectionId,
  ])
  const booked = await guest.books(slots[0]?.start)
  return {
    ...connected,
    booked,
    connectionIs: (state: string) =>
      pool.query('update connections set state = $2 where id = $1', [connectionId, state]),
    async worked(afterMs = 400_000) {
      clock.advance(afterMs)
      await sweepMeetings(foyer.app.services, new AbortController().signal)
    },
    due: async () =>
      (await pool.query('select event_due from meetings where id = $1', [booked.id])).rows[0].event_due,
    /** The answer waits for nothing that is done in the calendar. */
    tried: () =>
      waitFor('the calendar was tried', async () => {
        const { rows } = await pool.query('select from meetings where id = $1 and last_problem is not null', [
          booked.id,
        ])
        return rows.length > 0
      }),
    async connectsAgain() {
      await host.http.post('/me/calendar/connect', {
        connector: 'memory-calendar',
        settings: {},
        userName: 'host',
        password: 'secret',
      })
      // no workers read it here
      const now = foyer.clock.now()
      await foyer.pool.query(
        `update calendars set busy_from = $1, busy_until = $1::timestamptz + interval '60 days', busy_read_at = $1`,
        [now],
      )
    },
    cancels: () => host.http.post<Meeting>(`/meetings/${booked.id}/cancel`),
    async guestsMails() {
      const { rows } = await pool.query<{ subject: string; invitation: object | null }>(
        'select subject, invitation from mails where to_address = $1 order by created_at',
        [guestEmail],
      )
      return rows
    },
  }
}

const away = new ProviderUnavailableError('It does not answer.', 'nothing')
const isCancelled = { subject: expect.stringContaining('is cancelled'), invitation: null }

test('what is cancelled while the calendar has to be connected again is ended there once it is, and its guest told at once', async () => {
  const { calendar, cancels, connectionIs, tried, worked, due, guestsMails } = await world()
  await connectionIs('broken')
  await cancels()
  expect(await guestsMails()).toEqual([isCancelled])
  await tried()
  await worked()
  expect(calendar.confirmed).toHaveLength(1)
  await connectionIs('active')
  await worked()
  expect([calendar.confirmed, await due()]).toEqual([[], null])
  expect(await guestsMails()).toEqual([isCancelled])
})

test('an event is not waited for that is over before its calendar is connected again', async () => {
  const { cancels, connectionIs, tried, worked, due, foyer, booked } = await world()
  await connectionIs('broken')
  await cancels()
  await tried()
  await worked(Date.parse(booked.end) - foyer.clock.now().getTime())
  expect(await due()).toBeNull()
})

test('an event that may have been made before its calendar had to be connected again is ended once it is', async () => {
  const { calendar, guest, slots, connectionIs, worked } = await world()
  calendar.fails({
    action: 'insertEvent',
    when: 'after',
    error: new ProviderUnavailableError('The line was cut.', 'unknown'),
  })
  const held = await guest.books(slots[2]?.start)
  expect(held.state).toBe('held')
  await connectionIs('broken')
  // it has failed, and what may be there is to be ended
  await worked()
  await worked()
  expect(calendar.confirmed).toHaveLength(2)
  await connectionIs('active')
  await worked()
  expect(calendar.confirmed).toHaveLength(1)
})

test('a guest hears at once what is cancelled in a calendar of which nobody knew yet that it has to be connected again', async () => {
  const { foyer, calendar, cancels, guestsMails, host } = await world()
  calendar.fails({ action: 'cancelEvent', when: 'before', error: new ReconnectNeededError('Connect again.') })
  await cancels()
  const told = await waitFor('the guest is told', async () => {
    const mails = await guestsMails()
    return mails.length > 0 && mails
  })
  expect(told).toEqual([isCancelled])
  const { rows } = await foyer.pool.query('select from mails where to_address = $1 and subject like $2', [
    host.me.email,
    '%is cancelled',
  ])
  expect(rows).toHaveLength(1)
})

describe('a guest whom the provider was to tell that it is cancelled hears it from Foyer', () => {
  const refused = new ProviderRejectedError('Not you.')

  async function cancelledWhileAway(error: Error = away) {
    const there = await world()
    there.calendar.fails({ action: 'cancelEvent', when: 'before', error })
    await there.cancels()
    await there.tried()
    return there
  }

  test('when the calendar refuses it, and its host finds what is left', async () => {
    const { guestsMails, due, booked, host } = await cancelledWhileAway(refused)
    expect([await due(), await guestsMails()]).toEqual([null, [isCancelled]])
    const seen = await host.http.get<Meeting>(`/meetings/${booked.id}`)
    expect(seen).toMatchObject({ leftAt: booked.start, reason: 'Not you.' })
    await waitFor('the inbox shows the same', () => host.meetings.at(-1)?.leftAt === booked.start)
    expect(host.meetings.at(-1)).toEqual(seen)
  })

  test('when the calendar is disconnected before it could be told', async () => {
    const { guestsMails, due, worked, host } = await cancelledWhileAway()
    expect(await guestsMails()).toEqual([])
    await host.http.post('/me/calendar/disconnect')
    await worked()
    expect([await due(), await guestsMails()]).toEqual([null, [isCancelled]])
  })

  test('when the connection breaks before it could be told', async () => {
    const { guestsMails, due, worked, connectionIs, calendar } = await cancelledWhileAway()
    await connectionIs('broken')
    for (let turn = 0; turn < 2; turn++) await worked()
    expect([await due(), await guestsMails()]).toEqual(['cancel', [isCancelled]])
    await connectionIs('active')
    await worked()
    expect([calendar.confirmed, await guestsMails()]).toEqual([[], [isCancelled]])
  })

  test('when the calendar has not answered in as many tries as end a booking, or until it was to begin', async () => {
    const { guestsMails, due, worked, calendar } = await cancelledWhileAway()
    const again = async () => {
      calendar.fails({ action: 'cancelEvent', when: 'before', error: away })
      await worked()
    }
    for (let turn = 0; turn < 10; turn++) await again()
    expect(await guestsMails()).toEqual([])
    for (let turn = 0; turn < 2; turn++) await again()
    expect([await due(), await guestsMails()]).toEqual(['cancel', [isCancelled]])

    const near = await cancelledWhileAway()
    near.calendar.fails({ action: 'cancelEvent', when: 'before', error: away })
    await near.worked(Date.parse(near.booked.start) - near.foyer.clock.now().getTime())
    expect([await near.due(), await near.guestsMails()]).toEqual(['cancel', [isCancelled]])
  })
})

test('an event that may stand in a calendar that was disconnected before it was certain is for its host to delete, and ended if it is connected again', async () => {
  const { host, calendar, guest, slots, worked, connectsAgain } = await world()
  calendar.fails({
    action: 'insertEvent',
    when: 'after',
    error: new ProviderUnavailableError('The line was cut.', 'unknown'),
  })
  const held = await guest.books(slots[2]?.start)
  const toNote = async () => (await host.http.get<MeetingsToNote>('/meetings/to-note')).count
  await host.http.post('/me/calendar/disconnect')
  for (let turn = 0; turn < 2; turn++) await worked()
  expect(await host.http.get<Meeting>(`/meetings/${held.id}`)).toMatchObject({
    state: 'failed',
    leftAt: held.start,
  })
  expect(await toNote()).toBe(1)
  await connectsAgain()
  await worked()
  expect([calendar.confirmed.length, await toNote()]).toEqual([1, 0])
})

test('a calendar that takes nothing is not said to have what was never booked', async () => {
  const { foyer, host, calendar, guest, slots, worked } = await world()
  const refused = new ProviderForbiddenError('You may only read this calendar.')
  calendar.fails(
    { action: 'insertEvent', when: 'before', error: refused },
    { action: 'cancelEvent', when: 'before', error: refused },
  )
  await expect(guest.books(slots[2]?.start)).rejects.toMatchObject({ code: 'calendar_refused' })
  await worked()
  const { rows } = await foyer.pool.query<{ id: string; due: string | null }>(
    `select id, event_due as due from meetings where state = 'failed'`,
  )
  expect(rows).toMatchObject([{ due: null }])
  expect((await host.http.get<Meeting>(`/meetings/${rows[0]?.id}`)).leftAt).toBeNull()
})

describe('of a calendar that was disconnected', () => {
  async function disconnected() {
    const there = await world()
    const { foyer, host, booked, slots } = there
    const http = new HttpClient(foyer.origin)
    await host.http.post('/me/calendar/disconnect')
    return {
      ...there,
      moves: (place: number) =>
        http.post<GuestMeeting>(`/meeting/${booked.token}/reschedule`, { start: slots[place]?.start }),
      connects: there.connectsAgain,
      meeting: () => host.http.get<Meeting>(`/meetings/${booked.id}`),
      toNote: async () => (await host.http.get<MeetingsToNote>('/meetings/to-note')).count,
      async lastMailTo(address: string) {
        const { rows } = await foyer.pool.query<{ subject: string; text: string; method: string | null }>(
          `select subject, text, invitation ->> 'method' as method from mails where to_address = $1 order by created_at desc limit 1`,
          [address],
        )
        return rows[0]
      },
      contradictions: () => findContradictions(foyer.pool, new Date(0)),
    }
  }

  test('a meeting can be moved: both are told, its host also what is left to do by hand, until they say that it is done', async () => {
    const { host, moves, meeting, slots, lastMailTo, toNote, booked, calendar, guest, contradictions } =
      await disconnected()
    expect(await moves(3)).toMatchObject({ state: 'booked', start: slots[3]?.start, movingTo: null })
    expect(await meeting()).toMatchObject({ start: slots[3]?.start, leftAt: slots[0]?.start })
    expect(calendar.confirmed).toMatchObject([{ start: new Date(slots[0]?.start ?? '') }])
    expect(await lastMailTo(host.me.email)).toEqual({
      subject: expect.stringContaining('has moved'),
      text: expect.stringContaining('Delete it there by hand'),
      method: 'REQUEST',
    })
    expect(await lastMailTo(guestEmail)).toEqual({
      subject: expect.stringContaining('has moved'),
      text: expect.stringContaining('delete that entry'),
      method: 'REQUEST',
    })
    expect(await toNote()).toBe(1)
    await host.http.post(`/meetings/${booked.id}/noted`)
    expect([await toNote(), (await meeting()).leftAt]).toEqual([0, null])
    // what it was moved from is free again in Foyer's own calendar, and what it was moved to is not
    const free = (await guest.slots()).slots.map(({ start }) => start)
    expect([free.includes(slots[0]?.start ?? ''), free.includes(slots[3]?.start ?? '')]).toEqual([
      true,
      false,
    ])
    expect(await contradictions()).toEqual([])
  })

  test('a move asks the one that was connected in its place', async () => {
    const { foyer, host, moves, meeting, slots, calendar } = await disconnected()
    await calendar.connect(foyer, host.id)
    const busy = { start: new Date(slots[3]?.start ?? ''), end: new Date(slots[3]?.end ?? '') }
    calendar.busy = [{ calendarId: 'main', ...busy }]
    await expect(moves(3)).rejects.toMatchObject({ code: 'slot_taken' })
    expect(await meeting()).toMatchObject({ start: slots[0]?.start, leftAt: null })
    expect(await moves(4)).toMatchObject({ start: slots[4]?.start })
    // and so from then on
    calendar.busy = [
      { calendarId: 'main', start: new Date(slots[5]?.start ?? ''), end: new Date(slots[5]?.end ?? '') },
    ]
    await expect(moves(5)).rejects.toMatchObject({ code: 'slot_taken' })
  })

  test('nothing is waited for when a meeting is cancelled: guests hear from Foyer, and hosts what is left', async () => {
    const { host, cancels, due, guestsMails, lastMailTo, meeting, slots, toNote, contradictions } =
      await disconnected()
    await cancels()
    expect(await due()).toBeNull()
    expect(await guestsMails()).toEqual([isCancelled])
    expect((await lastMailTo(host.me.email))?.text).toContain('Delete it there by hand')
    expect(await meeting()).toMatchObject({ state: 'cancelled', leftAt: slots[0]?.start })
    expect([await toNote(), await contradictions()]).toEqual([1, []])
  })

  test('an account that is connected again takes its meetings up, with what became of them there', async () => {
    const { connects, calendar, meeting, worked, moves, slots, booked, contradictions } = await disconnected()
    calendar.change(booked.id.replaceAll('-', ''), {
      start: new Date(slots[1]?.start ?? ''),
      end: new Date(slots[1]?.end ?? ''),
    })
    await connects()
    await worked()
    expect(await meeting()).toMatchObject({ start: slots[1]?.start, leftAt: null })
    await moves(4)
    expect(calendar.confirmed).toMatchObject([{ start: new Date(slots[4]?.start ?? '') }])
    expect(await contradictions()).toEqual([])
  })

  test('an account that is connected again ends what was cancelled meanwhile', async () => {
    const { connects, calendar, cancels, meeting, worked, toNote } = await disconnected()
    await cancels()
    await connects()
    await worked()
    expect([calendar.confirmed, (await meeting()).leftAt, await toNote()]).toEqual([[], null, 0])
  })

  test('another account takes up nothing', async () => {
    const { foyer, connects, calendar, meeting, worked, moves, slots } = await disconnected()
    await foyer.pool.query(`update connections set account = '{"id": "another", "name": "Other"}'`)
    await connects()
    await worked()
    await moves(4)
    expect(calendar.confirmed).toMatchObject([{ start: new Date(slots[0]?.start ?? '') }])
    expect(await meeting()).toMatchObject({ start: slots[4]?.start, leftAt: slots[0]?.start })
  })
})
