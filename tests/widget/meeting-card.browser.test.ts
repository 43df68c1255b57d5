import { expect, test } from 'vitest'
import { page } from 'vitest/browser'
import { render } from 'vitest-browser-svelte'
import type { GuestMeeting } from '../../core/contracts/meetings.ts'
import type { Booking } from '../../widget/app/booking/booking.svelte.ts'
import { ZoneClock } from '../../widget/app/booking/days.ts'
import Meeting from '../../widget/app/booking/Meeting.svelte'

/** A card of a meeting that begins at the first 02:30 of a night on which Rome's clocks go back, and ends at the second. */
function aCard(more: Partial<GuestMeeting>, zone = 'Europe/Rome') {
  const meeting = {
    id: 'm',
    state: 'booked',
    start: '2037-10-25T00:30:00.000Z',
    end: '2037-10-25T01:30:00.000Z',
    agent: { id: 'a', name: 'Dana Weber' },
    movingTo: null,
    videoUrl: null,
    location: null,
    reason: null,
    token: null,
    ...more,
  } as GuestMeeting
  const booking = {
    clock: new ZoneClock(zone),
    isPast: false,
    invited: '',
    page: null,
    view: 'meeting',
    mayBookAnother: false,
  } as Partial<Booking> as Booking
  return render(Meeting, { booking, meeting })
}

const withWhom = 'with Dana Weber, until 2:30 AM GMT+1, Rome (GMT+2/GMT+1)'

test.each([
  ['held', 'Being confirmed: Sunday, October 25, 2:30 AM GMT+2'],
  ['booked', 'Booked: Sunday, October 25, 2:30 AM GMT+2'],
  ['cancelled', 'Cancelled: Sunday, October 25, 2:30 AM GMT+2'],
] as const)('a meeting that is %s says in which zone it is, at both ends', async (state, head) => {
  await aCard({ state })
  await expect.element(page.getByText(head)).toBeVisible()
  await expect.element(page.getByText(withWhom)).toBeVisible()
})

test('the time that a meeting is being moved to names its zone, by half hours too', async () => {
  await aCard({ movingTo: '2037-10-25T04:00:00.000Z' }, 'Asia/Kolkata')
  await expect
    .element(page.getByText('Being moved to Sunday, October 25, 9:30 AM, Kolkata (GMT+5:30)'))
    .toBeVisible()
})

test('why the clock of a meeting shows another time than was told stands with it', async () => {
  await aCard({ reason: 'Clocks in Asia/Kolkata are set by new rules now.' })
  await expect.element(page.getByText('Booked: Sunday, October 25, 2:30 AM GMT+2')).toBeVisible()
  await expect.element(page.getByText('Clocks in Asia/Kolkata are set by new rules now.')).toBeVisible()
})
