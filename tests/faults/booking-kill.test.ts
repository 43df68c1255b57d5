// @module-tag first-try
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { casesOf, within } from '#tests/support/soak.ts'
import { BookingsAtGoogle, type Step } from './booking-at-google.ts'

/**
 * A booking at Google, by web processes that are killed at each of its steps. Whatever was lost, there is one event in the end, one
 * meeting, and one mail to the host; and the visitor who sends the booking again under its key gets the same answer each time.
 */
let bookings: BookingsAtGoogle
let running: ServerProcess | undefined

beforeAll(async () => {
  ;({ bookings, web: running } = await BookingsAtGoogle.start('booking-kill'))
}, within(120_000))
beforeEach(() => bookings.begin())
afterAll(() => bookings.close())

const steps = {
  'the time is taken': () => bookings.atTable('taken_times'),
  'the meeting is held': () => bookings.atTable('meetings'),
  'Google is asked whether the time is free': () => bookings.atGoogle('live check', 'before'),
  'the event comes to Google': () => bookings.atGoogle('insert', 'before'),
  'the event is made, and the answer lost': () => bookings.atGoogle('insert', 'after'),
  'the row is to say "booked"': () => bookings.afterEvent('meetings'),
  'the mail is promised': () => bookings.afterEvent('mails'),
  'the job that sends it is promised': () => bookings.afterEvent('outbox'),
  'it is booked, and the answer on its way': () => bookings.atAnswer(),
} satisfies Record<string, () => Promise<Step>>
const usual = [
  'the meeting is held',
  'the event is made, and the answer lost',
  'the mail is promised',
  'it is booked, and the answer on its way',
] as const

for (const [name, step] of casesOf(steps, usual))
  test(`a web process killed when ${name}: one event, and the same answer to whoever asks again`, {
    timeout: within(120_000),
    retry: 0,
  }, async () => {
    // the one that has answered for the one before this one
    const web = running ?? (await bookings.run('web'))
    running = undefined
    const wish = await bookings.wish(web)
    const { reached, letGo } = await step()
    const first = bookings.sends(web, wish).catch(() => null)
    try {
      await reached
      await bookings.kill(web)
    } finally {
      await letGo()
    }
    const lost = await first

    const next = await bookings.run('web')
    const again = await bookings.sendsUntilCertain(next, wish)
    expect(again).toMatchObject({ status: 201, body: { state: 'booked', start: wish.start } })
    if (lost?.status === 201) expect(again).toEqual(lost)
    expect(await bookings.sends(next, wish)).toEqual(again)
    await bookings.expectOne(wish, again.body)
    running = next
  })

test(
  'nothing that is stored after all of this contradicts itself',
  { timeout: within(120_000), retry: 0 },
  () => bookings.expectNoContradictions(),
)
