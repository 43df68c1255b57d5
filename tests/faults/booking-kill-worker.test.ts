// @module-tag first-try
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { casesOf, within } from '#tests/support/soak.ts'
import { BookingsAtGoogle, type Step } from './booking-at-google.ts'

/**
 * A booking at Google that the web process could not finish, and workers that are killed at each step of it. Another one ends it:
 * there is one event, one meeting and one mail to the host, and whoever sends the booking again under its key is told so.
 */
let bookings: BookingsAtGoogle
let web: ServerProcess
let worker: ServerProcess | undefined

beforeAll(async () => {
  ;({ bookings, web } = await BookingsAtGoogle.start('booking-kill-worker'))
}, within(120_000))
beforeEach(() => bookings.begin())
afterAll(() => bookings.close())

const steps = {
  'Google is asked whether the time is free': () => bookings.atGoogle('live check', 'before', 'worker'),
  'the event comes to Google': () => bookings.atGoogle('insert', 'before', 'worker'),
  'the event is made, and the answer lost': () => bookings.atGoogle('insert', 'after', 'worker'),
  'the row is to say "booked"': () => bookings.afterEvent('meetings', 'worker'),
  'the mail is promised': () => bookings.afterEvent('mails', 'worker'),
  'the job that sends it is promised': () => bookings.afterEvent('outbox', 'worker'),
} satisfies Record<string, () => Promise<Step>>
const usual = ['the event is made, and the answer lost', 'the mail is promised'] as const

for (const [name, step] of casesOf(steps, usual))
  test(`a worker killed when ${name}: another one ends the booking, once`, {
    timeout: within(120_000),
    retry: 0,
  }, async () => {
    // the one that has ended the booking before this one
    const killed = worker ?? (await bookings.run('worker'))
    worker = undefined
    const wish = await bookings.wish(web)
    const { reached, letGo } = await step()
    bookings.awayFor('web')
    const first = bookings.sends(web, wish)
    try {
      await reached
      await bookings.kill(killed)
    } finally {
      await letGo()
    }
    const putOff = await first
    expect(putOff).toMatchObject({ status: 202, body: { state: 'held' } })

    worker = await bookings.run('worker')
    const again = await bookings.sendsUntilCertain(web, wish)
    const { id, token, start } = putOff.body
    expect(again).toMatchObject({ status: 201, body: { id, token, start, state: 'booked' } })
    expect(await bookings.sends(web, wish)).toEqual(again)
    await bookings.expectOne(wish, again.body)
  })

test(
  'nothing that is stored after all of this contradicts itself',
  { timeout: within(120_000), retry: 0 },
  () => bookings.expectNoContradictions(),
)
