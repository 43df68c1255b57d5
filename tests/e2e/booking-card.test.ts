import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { ProviderRejectedError, ProviderUnavailableError } from '#connectors/sdk/errors.ts'
import type { FreeSlots, MeetingSettings } from '#core/contracts/meetings.ts'
import { BookingCardScreen } from '../support/booking-card.ts'
import { screenshot, sizes } from '../support/browser.ts'
import { canBeMet, everyDay } from '../support/can-be-met.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { MemoryCalendar } from '../support/memory-calendar.ts'
import { type Stage, setStage } from '../support/stage.ts'

// every state of the card, on the page that a link opens: the widget shows the same one
const calendar = new MemoryCalendar()
let stage: Stage

beforeAll(async () => {
  // the last Friday before Europe sets its clocks back
  const startsAt = new Date('2026-10-23T06:00:00Z')
  stage = await setStage({ startsAt, connectors: [calendar.declaration()] })
})

/** Somebody's calendar, and its link. */
async function shared(settings: Partial<MeetingSettings> = {}, { connected = false } = {}) {
  const host = await stage.hire({ name: 'Dana Weber', email: `${randomUUID()}@foyer.test` })
  const { pool, clock } = stage.foyer
  await canBeMet(pool, host.id, settings)
  if (connected) await calendar.connect(stage.foyer, host.id)
  // all of them write into the same calendar
  calendar.events.clear()
  const token = randomUUID()
  await pool.query('insert into calendar_shares (id, token, agent_id, created_at) values ($1, $2, $3, $4)', [
    randomUUID(),
    token,
    host.id,
    clock.now(),
  ])
  return { host, token }
}

const freeBy = async (token: string): Promise<FreeSlots> =>
  (await fetch(`${stage.foyer.origin}/api/v1/booking/${token}/slots`)).json()

/** Somebody who has followed the link. */
async function guest(token: string, options: BrowserContextOptions = {}) {
  const { page } = await stage.person('guest', { timezoneId: 'Europe/Rome', ...options })
  await page.clock.setFixedTime(stage.foyer.clock.now())
  await page.goto(`${stage.foyer.origin}/book/${token}`)
  return { page, card: new BookingCardScreen(page) }
}

const meetingsOf = async (agentId: string) => {
  const { rows } = await stage.foyer.pool.query<{ state: string; start: Date; timeZone: string }>(
    `select state, start_at as start, time_zone as "timeZone" from meetings where agent_id = $1 order by start_at`,
    [agentId],
  )
  return rows
}

const sofia = { name: 'Sofia Ricci', email: 'sofia.ricci@northwind.test' }

/** At the three sizes, light and dark, for people to look at. */
async function everyLook(page: Page, name: string): Promise<void> {
  for (const [size, viewport] of Object.entries(sizes))
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme })
      await screenshot(page, `card-${name}-${size}-${colorScheme}`)
    }
  await page.setViewportSize(sizes.desktop)
  await page.emulateMedia({ colorScheme: 'light' })
}

test('a visitor changes the time zone, by keyboard too, and every time says where it is', async () => {
  const { host, token } = await shared()
  const { page, card } = await guest(token)
  await card.says('Times in Rome (GMT+2)')
  expect(await card.slots.first().textContent()).toBe('9:00 AM')
  await everyLook(page, 'times')
  await axeFindsNothing(page, 'times')

  await card.button('Change the time zone').press('Enter')
  const zone = card.card.getByRole('combobox', { name: 'Time zone' })
  await zone.waitFor()
  expect(await zone.evaluate((select) => document.activeElement === select)).toBe(true)
  // going through the list chooses, and does not take the list away
  await zone.press('ArrowDown')
  await zone.press('ArrowDown')
  const india = (await zone.locator('option').allInnerTexts()).find((one) =>
    /^Asia\/(Kolkata|Calcutta)$/.test(one),
  )
  await zone.selectOption(india ?? '')
  await axeFindsNothing(page, 'zones')
  await zone.press('Enter')
  const change = card.button('Change the time zone')
  await change.waitFor()
  expect(await change.evaluate((button) => document.activeElement === button)).toBe(true)
  await card.says(/^Times in (Kolkata|Calcutta) \(GMT\+5:30\)/)
  expect(await card.slots.first().textContent()).toBe('12:30 PM')

  await card.slots.first().click()
  await card.says('Friday, October 23, 12:30 PM')
  await card.says(/^until 1:00 PM, (Kolkata|Calcutta) \(GMT\+5:30\)$/)
  await everyLook(page, 'confirm')
  await card.field('Name').fill(sofia.name)
  await card.field('Email').fill(sofia.email)
  await card.button('Confirm').click()
  await card.says('Booked: Friday, October 23, 12:30 PM')
  await card.says(/^with Dana Weber, until 1:00 PM, (Kolkata|Calcutta) \(GMT\+5:30\)$/)
  await everyLook(page, 'booked')
  await axeFindsNothing(page, 'booked')
  expect(await meetingsOf(host.id)).toEqual([
    { state: 'booked', start: new Date('2026-10-23T07:00:00Z'), timeZone: india },
  ])
})

test('zones that are off by half an hour or a quarter show the times of their clocks', async () => {
  const { token } = await shared()
  for (const [timezoneId, place, first] of [
    ['America/St_Johns', 'St Johns (GMT-2:30)', '4:30 AM'],
    ['Asia/Kathmandu', /(Kathmandu|Katmandu) \(GMT\+5:45\)/, '12:45 PM'],
    ['Australia/Eucla', 'Eucla (GMT+8:45)', '3:45 PM'],
  ] as const) {
    const { card } = await guest(token, { timezoneId })
    await card.says(place)
    expect(await card.slots.first().textContent(), timezoneId).toBe(first)
  }
})

test('the hour that autumn repeats is told apart', async () => {
  const { host, token } = await shared({ blocks: everyDay('00:00', '24:00') })
  const { page, card } = await guest(token)
  await card.days.filter({ hasText: 'Sun' }).click()
  await card.says('Sunday, October 25')
  await card.says('Times in Rome (GMT+2/GMT+1)')
  const names = await card.slots.allInnerTexts()
  expect(names.slice(2, 10)).toEqual([
    '1:00 AM',
    '1:30 AM',
    '2:00 AM GMT+2',
    '2:30 AM GMT+2',
    '2:00 AM GMT+1',
    '2:30 AM GMT+1',
    '3:00 AM',
    '3:30 AM',
  ])
  await everyLook(page, 'autumn')
  await card.button('2:30 AM GMT+1').click()
  await card.says('Sunday, October 25, 2:30 AM GMT+1')
  await card.field('Name').fill(sofia.name)
  await card.field('Email').fill(sofia.email)
  await card.button('Confirm').click()
  await card.says('Booked: Sunday, October 25, 2:30 AM GMT+1')
  expect(await meetingsOf(host.id)).toMatchObject([{ start: new Date('2026-10-25T01:30:00Z') }])
})

test('who comes too late is shown what is free now', async () => {
  const { host, token } = await shared()
  const [first, second] = await Promise.all([guest(token), guest(token)])
  await second.card.slots.first().click()
  await first.card.books(sofia)
  await first.card.says(/^Booked: /)
  await second.card.field('Name').fill('Tom Becker')
  await second.card.field('Email').fill('tom.becker@contoso.test')
  await second.card.button('Confirm').click()
  await second.card.says('That time has just been taken. Here is what is free now.')
  expect(await second.card.slots.first().textContent()).toBe('9:30 AM')
  await everyLook(second.page, 'taken')
  await axeFindsNothing(second.page, 'taken')
  // what was filled in is still there
  await second.card.slots.first().click()
  expect(await second.card.field('Name').inputValue()).toBe('Tom Becker')
  await second.card.button('Confirm').click()
  await second.card.says('Booked: Friday, October 23, 9:30 AM')
  expect((await meetingsOf(host.id)).map(({ state }) => state)).toEqual(['booked', 'booked'])
})

test('a time that the calendar itself has taken meanwhile is not booked', async () => {
  const { host, token } = await shared({}, { connected: true })
  const { slots } = await freeBy(token)
  const { card } = await guest(token)
  await card.slots.first().waitFor()
  calendar.busy = [
    { calendarId: 'main', start: new Date(slots[0]?.start ?? ''), end: new Date(slots[0]?.end ?? '') },
  ]
  await card.books(sofia)
  await card.says('That time has just been taken. Here is what is free now.')
  // Foyer has not read that calendar since, and shows what it was told all the same
  expect(await card.slots.first().textContent()).toBe('9:30 AM')
  await card.slots.first().click()
  await card.button('Confirm').click()
  await card.says(/^Booked: /)
  calendar.busy = []
  expect(await meetingsOf(host.id)).toMatchObject([
    { state: 'booked', start: new Date(slots[1]?.start ?? '') },
  ])
})

test('what is not certain yet is not called booked, until it is', async () => {
  const { token } = await shared({}, { connected: true })
  const { page, card } = await guest(token)
  await card.slots.first().waitFor()
  calendar.fails({
    action: 'insertEvent',
    when: 'after',
    error: new ProviderUnavailableError('The line was cut.', 'unknown'),
  })
  await card.books(sofia)
  await card.says('Being confirmed: Friday, October 23, 9:00 AM')
  await card.says('The time is kept for you.')
  expect(await card.button('Reschedule').count()).toBe(0)
  await everyLook(page, 'held')
  await axeFindsNothing(page, 'held')
  // the job goes on, and the card hears of it by itself
  stage.foyer.advance(60_000)
  await card.says('Booked: Friday, October 23, 9:00 AM')
})

test('what fails in the end is told in words, and another time can be booked', async () => {
  const { host, token } = await shared({}, { connected: true })
  const { page, card } = await guest(token)
  await card.slots.first().waitFor()
  calendar.fails(
    { action: 'busy', when: 'before', error: new ProviderUnavailableError('No answer.', 'nothing') },
    { action: 'insertEvent', when: 'before', error: new ProviderRejectedError('It refuses this event.') },
  )
  await card.books(sofia)
  await card.says(/^Being confirmed: /)
  stage.foyer.advance(60_000)
  await card.says('This meeting could not be booked')
  await card.says('Please choose another time.')
  await everyLook(page, 'failed')
  await axeFindsNothing(page, 'failed')
  await card.button('Book another time').click()
  await card.slots.nth(2).click()
  await card.button('Confirm').click()
  await card.says(/^Booked: /)
  expect((await meetingsOf(host.id)).map(({ state }) => state).sort()).toEqual(['booked', 'failed'])
})

test('a calendar that takes nothing is not called a time that is taken, and another time can be booked', async () => {
  const { token } = await shared({}, { connected: true })
  const { page, card } = await guest(token)
  await card.slots.first().waitFor()
  const refuses = new ProviderRejectedError('It refuses this event.')
  calendar.fails({ action: 'insertEvent', when: 'before', error: refuses })
  await card.books(sofia)
  await card.says(/^The calendar takes no booking at that time right now\. Choose another time, or/)
  expect(await card.slots.first().textContent()).not.toContain('9:00')
  await everyLook(page, 'refused')
  await axeFindsNothing(page, 'refused')
  await card.slots.first().click()
  await card.button('Confirm').click()
  await card.says('Booked: Friday, October 23, 9:30 AM')
  await card.button('Reschedule').click()
  calendar.fails({ action: 'changeEvent', when: 'before', error: refuses })
  await card.slots.nth(2).click()
  await card.button('Confirm').click()
  await card.says('The calendar does not take that move right now. Your meeting stays as it was.')
  await everyLook(page, 'move-refused')
  await card.button('Keep it').click()
  await card.says('Booked: Friday, October 23, 9:30 AM')
})

test('later days come as they are asked for, up to the last, and back', async () => {
  const { token } = await shared({ daysAhead: 40 })
  const { page, card } = await guest(token)
  await card.slots.first().waitFor()
  const earlier = card.button('Earlier days')
  const later = card.button('Later days')
  expect([await earlier.isDisabled(), await later.isDisabled()]).toEqual([true, false])
  const seen = new Set<string>()
  for (let turn = 0; turn < 20 && !(await later.isDisabled()); turn++) {
    for (const day of await card.days.allInnerTexts()) seen.add(day)
    const [before] = await card.days.allInnerTexts()
    await later.click()
    await expect
      .poll(async () => (await later.isDisabled()) || (await card.days.allInnerTexts())[0] !== before)
      .toBe(true)
  }
  for (const day of await card.days.allInnerTexts()) seen.add(day)
  // today and the forty dates after it
  expect(seen.size).toBe(41)
  await card.card.getByText('Nothing is free after this.').waitFor({ state: 'attached' })
  await screenshot(page, 'card-last-days')
  await earlier.click()
  expect(await later.isDisabled()).toBe(false)
})

test('with nothing free for weeks the card begins where something is', async () => {
  const datesOff = Array.from({ length: 38 }, (_, day) =>
    new Date(Date.UTC(2026, 9, 23 + day)).toISOString().slice(0, 10),
  )
  const { token } = await shared({ daysAhead: 60, datesOff })
  const { card } = await guest(token)
  await card.says('Monday, November 30')
  // the zone is that of the day: it is winter by then
  await card.says('Times in Rome (GMT+1)')
  const { card: none } = await guest((await shared({ blocks: [] })).token)
  await none.says('Nothing is free at the moment.')
})

test('what was booked goes into the visitor’s calendar as a file', async () => {
  const { token } = await shared()
  const { page, card } = await guest(token)
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
  const { host, token } = await shared()
  const { page } = await stage.person('guest', { timezoneId: 'Europe/Rome' })
  await page.clock.setFixedTime(stage.foyer.clock.now())
  const card = new BookingCardScreen(page)
  await page.route('**/api/v1/booking/**', (route) => route.abort())
  await page.goto(`${stage.foyer.origin}/book/${token}`)
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
  expect(await meetingsOf(host.id)).toHaveLength(1)

  await page.goto(`${stage.foyer.origin}/book/nothing-by-this`)
  await page.getByText('This link leads nowhere').waitFor()
  await screenshot(page, 'card-gone')
})

test('a meeting is booked, moved and cancelled by keyboard alone', async () => {
  const { host, token } = await shared()
  const { page, card } = await guest(token)
  await card.slots.first().waitFor()
  const { keyboard } = page
  /** Tabs until the named thing has the keyboard. */
  const reach = async (name: string | RegExp) => {
    for (let stop = 0; stop < 60; stop++) {
      await keyboard.press('Tab')
      const found = await page.evaluate(() => {
        const { activeElement } = document
        return (
          activeElement?.getAttribute('aria-label') ??
          activeElement?.closest('label, .field')?.textContent ??
          activeElement?.textContent ??
          ''
        )
      })
      if (typeof name === 'string' ? found.trim().startsWith(name) : name.test(found.trim())) return
    }
    throw new Error(`The keyboard does not reach ${name}`)
  }
  /** Presses the keys, and waits until the named thing has the keyboard. */
  const press = async (keys: string[], name: string) => {
    for (const key of keys) await keyboard.press(key)
    await page.waitForFunction((name) => document.activeElement?.textContent?.trim() === name, name)
  }
  // the days are one stop, and the times another: arrows go on within them
  await reach('Fri 23 October')
  await press(['ArrowRight'], 'Sat 24 October')
  await card.says('Saturday, October 24')
  await press(['Home'], 'Fri 23 October')
  await press(['Tab', 'Tab'], '9:00 AM')
  await press(['ArrowDown'], '10:30 AM')
  await press(['ArrowUp', 'ArrowRight'], '9:30 AM')
  await press(['End'], '4:30 PM')
  await press(['Tab', 'Shift+Tab'], '4:30 PM')
  await press(['Home', 'ArrowRight'], '9:30 AM')
  await keyboard.press('Enter')
  // the chosen time has the keyboard, and is read out
  await page.waitForFunction(() => document.activeElement?.textContent === 'Friday, October 23, 9:30 AM')
  await reach('Name')
  await keyboard.type(sofia.name)
  await keyboard.press('Tab')
  await keyboard.type(sofia.email)
  await keyboard.press('Enter')
  await card.says('Booked: Friday, October 23, 9:30 AM')
  await page.waitForFunction(() => document.activeElement?.textContent?.startsWith('Booked: '))
  await reach('Reschedule')
  await keyboard.press('Enter')
  // thought better of, and of again
  await reach('Keep it')
  await keyboard.press('Enter')
  await page.waitForFunction(() => document.activeElement?.textContent?.startsWith('Booked: '))
  await reach('Reschedule')
  await keyboard.press('Enter')
  await card.slots.first().waitFor()
  // where it is already is no choice
  expect(await card.button('9:30 AM').count()).toBe(0)
  await reach('9:00 AM')
  await press(['ArrowRight'], '10:00 AM')
  await keyboard.press('Enter')
  await reach('Confirm')
  await keyboard.press('Enter')
  await card.says('Booked: Friday, October 23, 10:00 AM')
  await reach('Cancel')
  await keyboard.press('Enter')
  await page.waitForFunction(() => document.activeElement?.textContent === 'Keep it')
  await reach('Cancel the meeting')
  await keyboard.press('Enter')
  await card.says('Cancelled: Friday, October 23, 10:00 AM')
  expect((await meetingsOf(host.id)).map(({ state }) => state)).toEqual(['cancelled'])
})
