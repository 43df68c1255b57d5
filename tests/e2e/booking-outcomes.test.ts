import { readFile } from 'node:fs/promises'
import { beforeAll, expect, test } from 'vitest'
import { ProviderRejectedError, ProviderUnavailableError } from '#connectors/sdk/errors.ts'
import { BookingCardScreen } from '../support/booking-card.ts'
import { BookingStage, bookMany, everyLook, fiveAhead, sofia } from '../support/booking-stage.ts'
import { screenshot } from '../support/browser.ts'
import { axeFindsNothing } from '../support/every-look.ts'

// what becomes of a time that was chosen on a booking card: booked, taken, not certain yet, refused
let booking: BookingStage

beforeAll(async () => {
  booking = await BookingStage.set()
})

test('who comes too late is shown what is free now', async () => {
  const { host, token } = await booking.shared()
  const [first, second] = await Promise.all([booking.guest(token), booking.guest(token)])
  const monday = [first.card, second.card].map(({ days }) => days.filter({ hasText: 'Mon' }))
  for (const day of monday) await day.click()
  await second.card.slots.first().click()
  await first.card.books(sofia)
  await first.card.says(/^Booked: /)
  await second.card.field('Name').fill('Tom Becker')
  await second.card.field('Email').fill('tom.becker@contoso.test')
  await second.card.button('Confirm').click()
  const told = second.card.card.getByRole('alert')
  await told.getByText('That time has just been taken. Here is what is free now.').waitFor()
  // seen before the times, on the day that was wanted
  const [line, times] = await Promise.all([told.boundingBox(), second.card.slots.first().boundingBox()])
  expect((line?.y ?? 0) + (line?.height ?? 0)).toBeLessThanOrEqual(times?.y ?? 0)
  await second.card.says('Monday, October 26')
  expect(await second.card.slots.first().textContent()).toBe('9:30 AM')
  await everyLook(second.page, 'taken')
  await axeFindsNothing(second.page, 'taken')
  // what was filled in is still there
  await second.card.slots.first().click()
  expect(await second.card.field('Name').inputValue()).toBe('Tom Becker')
  await second.card.button('Confirm').click()
  await second.card.says('Booked: Monday, October 26, 9:30 AM')
  expect((await booking.meetingsOf(host.id)).map(({ state }) => state)).toEqual(['booked', 'booked'])
})

test('a time that the calendar itself has taken meanwhile is not booked', async () => {
  const { host, token } = await booking.shared({}, { connected: true })
  const { slots } = await booking.freeBy(token)
  const { card } = await booking.guest(token)
  await card.slots.first().waitFor()
  booking.calendar.busy = [
    { calendarId: 'main', start: new Date(slots[0]?.start ?? ''), end: new Date(slots[0]?.end ?? '') },
  ]
  await card.books(sofia)
  await card.says('That time has just been taken. Here is what is free now.')
  // Foyer has not read that calendar since, and shows what it was told all the same
  expect(await card.slots.first().textContent()).toBe('9:30 AM')
  await card.slots.first().click()
  await card.button('Confirm').click()
  await card.says(/^Booked: /)
  booking.calendar.busy = []
  expect(await booking.meetingsOf(host.id)).toMatchObject([
    { state: 'booked', start: new Date(slots[1]?.start ?? '') },
  ])
})

test('what is not certain yet is not called booked, until it is', async () => {
  const { token } = await booking.shared({}, { connected: true })
  const { page, card } = await booking.guest(token)
  await card.slots.first().waitFor()
  booking.calendar.fails({
    action: 'insertEvent',
    when: 'after',
    error: new ProviderUnavailableError('The line was cut.', 'unknown'),
  })
  await card.books(sofia)
  await card.says('Being confirmed: Friday, October 23, 9:00 AM')
  await card.says('with Dana Weber, until 9:30 AM, Rome (GMT+2)')
  await card.says('The time is kept for you. We say so here as soon as it is certain.')
  expect(await card.button('Reschedule').count()).toBe(0)
  await everyLook(page, 'held')
  await axeFindsNothing(page, 'held')
  // the job goes on, and the card hears of it by itself
  booking.stage.foyer.advance(60_000)
  await card.says('Booked: Friday, October 23, 9:00 AM')
})

test('what fails in the end is told in words, and another time can be booked', async () => {
  const { host, token } = await booking.shared({}, { connected: true })
  const { page, card } = await booking.guest(token)
  await card.slots.first().waitFor()
  booking.calendar.fails(
    { action: 'busy', when: 'before', error: new ProviderUnavailableError('No answer.', 'nothing') },
    { action: 'insertEvent', when: 'before', error: new ProviderRejectedError('It refuses this event.') },
  )
  await card.books(sofia)
  await card.says(/^Being confirmed: /)
  booking.stage.foyer.advance(60_000)
  await card.says('This meeting could not be booked')
  await card.says('Please choose another time.')
  await everyLook(page, 'failed')
  await axeFindsNothing(page, 'failed')
  await card.button('Book another time').click()
  await card.slots.nth(2).click()
  await card.button('Confirm').click()
  await card.says(/^Booked: /)
  expect((await booking.meetingsOf(host.id)).map(({ state }) => state).sort()).toEqual(['booked', 'failed'])
})

test('a calendar that takes nothing is not called a time that is taken, and another time can be booked', async () => {
  const { token } = await booking.shared({}, { connected: true })
  const { page, card } = await booking.guest(token)
  await card.slots.first().waitFor()
  const refuses = new ProviderRejectedError('It refuses this event.')
  booking.calendar.fails({ action: 'insertEvent', when: 'before', error: refuses })
  await card.books(sofia)
  await card.says(
    'The calendar takes no booking at that time right now. Choose another time, or try again later.',
  )
  expect(await card.slots.first().textContent()).not.toContain('9:00')
  await everyLook(page, 'refused')
  await axeFindsNothing(page, 'refused')
  await card.slots.first().click()
  await card.button('Confirm').click()
  await card.says('Booked: Friday, October 23, 9:30 AM')
  await card.button('Reschedule').click()
  booking.calendar.fails({ action: 'changeEvent', when: 'before', error: refuses })
  await card.slots.nth(2).click()
  await card.button('Confirm').click()
  await card.says('The calendar does not take that move right now. Your meeting stays as it was.')
  await everyLook(page, 'move-refused')
  await card.button('Keep it').click()
  await card.says('Booked: Friday, October 23, 9:30 AM')
})

test('what was booked goes into the visitor’s calendar as a file', async () => {
  const { token } = await booking.shared()
  const { page, card } = await booking.guest(token)
  await card.books(sofia)
  await card.says(/^Booked: /)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    card.card.getByRole('link', { name: 'Add to calendar' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('meeting.ics')
  const file = await readFile(await download.path(), 'utf8')
  expect(file).toContain('DTSTART:20261023T070000Z')
  expect(file).toContain('DTEND:20261023T073000Z')
})

test('a lost answer books once, and what does not load can be tried again', async () => {
  const { host, token } = await booking.shared()
  const { page } = await booking.stage.person('guest', { timezoneId: 'Europe/Rome' })
  await page.clock.setFixedTime(booking.stage.foyer.clock.now())
  const card = new BookingCardScreen(page)
  await page.route('**/api/v1/booking/**', (route) => route.abort())
  await page.goto(`${booking.stage.foyer.origin}/book/${token}`)
  await page.getByText('The free times did not load.').waitFor()
  await screenshot(page, 'card-not-loaded')
  await page.unroute('**/api/v1/booking/**')
  await page.getByRole('button', { name: 'Try again' }).click()
  await card.slots.first().waitFor()

  // Foyer has booked it, and the answer gets lost
  await page.route('**/api/v1/booking/*', async (route) => {
    await route.fetch()
    await route.abort()
  })
  await card.books(sofia)
  await card.says('No answer yet. Check your connection and press Confirm again: nothing is booked twice.')
  await everyLook(page, 'lost')
  await page.unroute('**/api/v1/booking/*')
  await card.button('Confirm').click()
  await card.says(/^Booked: /)
  expect(await booking.meetingsOf(host.id)).toHaveLength(1)
})

test('whoever has five meetings ahead is told so, and keeps what they filled in', async () => {
  const { host, token } = await booking.shared()
  const { page, card } = await booking.guest(token)
  await card.slots.first().waitFor()
  await bookMany(booking.stage.foyer.origin, token, 5)
  await card.books({ slot: 8, ...sofia })
  await card.card.getByRole('alert').getByText(fiveAhead).waitFor()
  expect(await card.field('Name').inputValue()).toBe(sofia.name)
  await everyLook(page, 'five')
  await axeFindsNothing(page, 'five meetings ahead')
  expect(await booking.meetingsOf(host.id)).toHaveLength(5)
})
