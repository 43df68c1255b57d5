// @module-tag first-try
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { GuestMeeting } from '#core/contracts/meetings.ts'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { casesOf, within } from '#tests/support/soak.ts'
import { waitFor } from '#tests/support/wait.ts'
import { BookingsAtGoogle, type Step } from './booking-at-google.ts'

/**
 * A meeting at Google that its guest moves or cancels, by web processes that are killed at each step of it. Whatever was lost, the
 * calendar, the meeting and the one mail to the host say the same in the end, and whoever asks once more is told so.
 */
let bookings: BookingsAtGoogle
let running: ServerProcess | undefined

beforeAll(async () => {
  ;({ bookings, web: running } = await BookingsAtGoogle.start('meeting-kill'))
}, within(120_000))
beforeEach(() => bookings.begin())
afterAll(() => bookings.close())

const options = { timeout: within(120_000), retry: 0 }

/** The one that has answered for the one before this one. */
async function toBeKilled(): Promise<ServerProcess> {
  const web = running ?? (await bookings.run('web'))
  running = undefined
  return web
}

async function killedAt(
  web: ServerProcess,
  step: () => Promise<Step>,
  ask: () => ReturnType<BookingsAtGoogle['changes']>,
): Promise<void> {
  const { reached, letGo } = await step()
  const first = ask().catch(() => null)
  try {
    await reached
    await bookings.kill(web)
  } finally {
    await letGo()
  }
  await first
}

const moves = {
  'the new time is taken': () => bookings.atTable('taken_times'),
  'the move is ordered': () => bookings.atTable('meetings'),
  'Google is asked whether the new time is free': () => bookings.atGoogle('live check', 'before'),
  'the move comes to Google': () => bookings.atGoogle('move', 'before'),
  'the event is moved, and the answer lost': () => bookings.atGoogle('move', 'after'),
  'the row is to say so': () => bookings.afterGoogle('move', 'meetings'),
  'the old time is given back': () => bookings.afterGoogle('move', 'taken_times'),
  'the mail is promised': () => bookings.afterGoogle('move', 'mails'),
  'the job that sends it is promised': () => bookings.afterGoogle('move', 'outbox'),
  'it is moved, and the answer on its way': () => bookings.onceMoreAre('sequence = 1'),
} satisfies Record<string, () => Promise<Step>>
const usualMoves = [
  'the move is ordered',
  'the event is moved, and the answer lost',
  'the mail is promised',
] as const

for (const [name, step] of casesOf(moves, usualMoves))
  test(
    `a web process killed when ${name}: the event and the meeting are at the new time`,
    options,
    async () => {
      const web = await toBeKilled()
      const { meeting, elsewhere: start } = await bookings.booked(web)
      await killedAt(web, step, () => bookings.changes(web, meeting, 'reschedule', { start }))

      const next = await bookings.run('web')
      const again = await untilCertain(() => bookings.changes(next, meeting, 'reschedule', { start }))
      expect(again).toMatchObject({ id: meeting.id, state: 'booked', start, movingTo: null })
      await bookings.expectOutcome(meeting, {
        state: 'booked',
        start,
        subject: 'Your meeting with Sofia Ricci has moved',
      })
      running = next
    },
  )

const cancels = {
  'the row is to say "cancelled"': () => bookings.atTable('meetings'),
  'the time is given back': () => bookings.atTable('taken_times'),
  'the mail is promised': () => bookings.atTable('mails'),
  'the job that ends the event is promised': () => bookings.atTable('outbox'),
  'the end comes to Google': () => bookings.atGoogle('cancel', 'before'),
  'the event is ended, and the answer lost': () => bookings.atGoogle('cancel', 'after'),
  'the row is to say that Google knows': () => bookings.afterGoogle('cancel', 'meetings', 'web', ''),
} satisfies Record<string, () => Promise<Step>>
const usualCancels = ['the mail is promised', 'the event is ended, and the answer lost'] as const

for (const [name, step] of casesOf(cancels, usualCancels))
  test(`a web process killed when ${name}: the event and the meeting are over`, options, async () => {
    const web = await toBeKilled()
    const { meeting } = await bookings.booked(web)
    await killedAt(web, step, () => bookings.changes(web, meeting, 'cancel'))

    const next = await bookings.run('web')
    expect(await bookings.changes(next, meeting, 'cancel')).toMatchObject({
      status: 200,
      body: { id: meeting.id, state: 'cancelled' },
    })
    await bookings.expectOutcome(meeting, {
      state: 'cancelled',
      start: meeting.start,
      subject: 'Your meeting with Sofia Ricci is cancelled',
    })
    running = next
  })

test('nothing that is stored after all of this contradicts itself', options, () =>
  bookings.expectNoContradictions(),
)

const untilCertain = (ask: () => Promise<{ status: number; body: GuestMeeting }>): Promise<GuestMeeting> =>
  waitFor('the answer is certain', async () => {
    const { status, body } = await ask()
    return status === 200 && body
  })
