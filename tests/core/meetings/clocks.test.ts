import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GuestMeeting, Meeting, MeetingsToNote } from '#core/contracts/meetings.ts'
import { sweepClocks } from '#core/features/meetings/clocks.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { waitFor } from '#tests/support/wait.ts'
import { earlyInTheDay, sharedCalendar } from './a-booking.ts'

/** Clocks that are set by other rules than at the booking, where no mail goes out. */
let foyer: TestFoyer

beforeAll(async () => {
  foyer = await startFoyer({ workers: false, startsAt: earlyInTheDay() })
})
afterAll(() => foyer.close())

async function aBooking() {
  const shared = await sharedCalendar(foyer)
  const { host, guest, email } = shared
  const { slots } = await guest.slots()
  const booked = await guest.books(slots[0]?.start, { email })
  const http = new HttpClient(foyer.origin)
  return {
    ...shared,
    slots,
    booked,
    /** As if it had been booked by a database of zones in which clocks stand elsewhere. */
    async byOtherRules(column: 'wall_time' | 'agent_wall_time', hour: string) {
      const told = booked.wallTime.replace(/T../, `T${hour}`)
      await foyer.pool.query(`update meetings set ${column} = $2 where id = $1`, [booked.id, told])
      return told
    },
    sweeps: () => sweepClocks(foyer.app.services),
    asGuest: () => http.get<GuestMeeting>(`/meeting/${booked.token}`),
    asHost: () => host.http.get<Meeting>(`/meetings/${booked.id}`),
    toNote: async () => (await host.http.get<MeetingsToNote>('/meetings/to-note')).count,
    moves: (place: number) =>
      http.post<GuestMeeting>(`/meeting/${booked.token}/reschedule`, { start: slots[place]?.start }),
  }
}

test('a guest reads what their clock was to show, and what it will, until the meeting is moved', async () => {
  const { booked, byOtherRules, sweeps, asGuest, asHost, toNote, moves } = await aBooking()
  await sweeps()
  expect((await asGuest()).toldWallTime).toBeNull()
  const told = await byOtherRules('wall_time', '01')
  await sweeps()
  await sweeps()
  expect(await asGuest()).toMatchObject({
    start: booked.start,
    wallTime: booked.wallTime,
    toldWallTime: told,
    reason: expect.stringContaining(`it was to be at ${told.replace('T', ' ')} there`),
  })
  // the host's clock shows what it was to show
  expect([(await asHost()).toldWallTime, await toNote()]).toEqual([null, 0])
  await moves(3)
  expect(await asGuest()).toMatchObject({ toldWallTime: null, reason: null })
})

test('rules that are taken back leave nothing to be told', async () => {
  const { booked, sweeps, asGuest } = await aBooking()
  await foyer.pool.query('update meetings set told_wall_time = $2, wall_time = $3 where id = $1', [
    booked.id,
    booked.wallTime,
    booked.wallTime.replace(/T../, 'T01'),
  ])
  await sweeps()
  expect(await asGuest()).toMatchObject({ wallTime: booked.wallTime, toldWallTime: null })
})

test('a host finds it counted among their meetings, at once, until they say that they know', async () => {
  const { host, booked, byOtherRules, sweeps, asHost, asGuest, toNote } = await aBooking()
  const told = await byOtherRules('agent_wall_time', '02')
  const heard = host.meetings.length
  await sweeps()
  await waitFor('the inbox hears of it', () => host.meetings.length > heard)
  expect(host.meetings.at(-1)).toMatchObject({ id: booked.id, toldWallTime: told })
  expect([(await asHost()).toldWallTime, (await asGuest()).toldWallTime, await toNote()]).toEqual([
    told,
    null,
    1,
  ])
  await host.http.post(`/meetings/${booked.id}/noted`)
  expect([(await asHost()).toldWallTime, await toNote()]).toEqual([null, 0])
  await sweeps()
  expect(await toNote()).toBe(0)
})

test('what is over or cancelled is counted no more', async () => {
  const { host, booked, byOtherRules, sweeps, toNote } = await aBooking()
  await byOtherRules('agent_wall_time', '02')
  await sweeps()
  expect(await toNote()).toBe(1)
  await host.http.post(`/meetings/${booked.id}/cancel`)
  expect(await toNote()).toBe(0)
})
