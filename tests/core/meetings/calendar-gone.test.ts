import { expect, test } from 'vitest'
import { ProviderUnavailableError, ReconnectNeededError } from '#connectors/sdk/errors.ts'
import type { Meeting } from '#core/contracts/meetings.ts'
import { sweepMeetings } from '#core/features/meetings/sweeps.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { waitFor } from '#tests/support/wait.ts'
import { connectedCalendar } from './a-booking.ts'

/** Meetings whose calendar cannot be reached, for now or for good. */

const guestEmail = 'sofia.ricci@northwind.test'

async function world() {
  const connected = await connectedCalendar({ tellsGuests: true })
  const { foyer, host, guest, slots, connectionId } = connected
  const { pool, clock } = foyer
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

test('of a calendar that was disconnected nothing is waited for, and guests hear from Foyer', async () => {
  const { foyer, host, cancels, due, guestsMails, tried, worked, booked, slots, connectionIs } = await world()
  await connectionIs('disconnected')
  await foyer.pool.query('delete from calendars where agent_id = $1', [host.id])
  const moves = new HttpClient(foyer.origin).post(`/meeting/${booked.token}/reschedule`, {
    start: slots[3]?.start,
  })
  await expect(moves).rejects.toMatchObject({ code: 'calendar_refused' })
  await cancels()
  await tried()
  await worked()
  expect(await due()).toBeNull()
  expect(await guestsMails()).toEqual([isCancelled])
})
