import { beforeAll, expect, test } from 'vitest'
import { BookingStage, everyLook, sofia } from '../support/booking-stage.ts'
import { screenshot } from '../support/browser.ts'
import { everyDay } from '../support/can-be-met.ts'
import { axeFindsNothing } from '../support/every-look.ts'

// how a time is chosen on a booking card: in which zone, on which day, and by keyboard
let booking: BookingStage

beforeAll(async () => {
  booking = await BookingStage.set()
})

test('a visitor changes the time zone, by keyboard too, and every time says where it is', async () => {
  const { host, token } = await booking.shared()
  const { page, card } = await booking.guest(token)
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
  await zone.selectOption({ label: 'Asia/Kolkata' })
  // as the browser calls it
  const india = await zone.inputValue()
  await axeFindsNothing(page, 'zones')
  await zone.press('Enter')
  const change = card.button('Change the time zone')
  await change.waitFor()
  expect(await change.evaluate((button) => document.activeElement === button)).toBe(true)
  await card.says(/^Times in Kolkata \(GMT\+5:30\)/)
  expect(await card.slots.first().textContent()).toBe('12:30 PM')

  await card.slots.first().click()
  await card.says('Friday, October 23, 12:30 PM')
  await card.says(/^until 1:00 PM, Kolkata \(GMT\+5:30\)$/)
  await everyLook(page, 'confirm')
  await card.field('Name').fill(sofia.name)
  await card.field('Email').fill(sofia.email)
  await card.button('Confirm').click()
  await card.says('Booked: Friday, October 23, 12:30 PM')
  await card.says(/^with Dana Weber, until 1:00 PM, Kolkata \(GMT\+5:30\)$/)
  await everyLook(page, 'booked')
  await axeFindsNothing(page, 'booked')
  expect(await booking.meetingsOf(host.id)).toEqual([
    { state: 'booked', start: new Date('2026-10-23T07:00:00Z'), timeZone: india },
  ])
})

test('zones that are off by half an hour or a quarter show the times of their clocks', async () => {
  const { token } = await booking.shared()
  for (const [timezoneId, place, first] of [
    ['America/St_Johns', 'St Johns (GMT-2:30)', '4:30 AM'],
    ['Asia/Kathmandu', /(Kathmandu|Katmandu) \(GMT\+5:45\)/, '12:45 PM'],
    ['Australia/Eucla', 'Eucla (GMT+8:45)', '3:45 PM'],
  ] as const) {
    const { card } = await booking.guest(token, { timezoneId })
    await card.says(place)
    expect(await card.slots.first().textContent(), timezoneId).toBe(first)
  }
})

test('the hour that autumn repeats is told apart', async () => {
  const { host, token } = await booking.shared({ blocks: everyDay('00:00', '24:00') })
  const { page, card } = await booking.guest(token)
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
  expect(await booking.meetingsOf(host.id)).toMatchObject([{ start: new Date('2026-10-25T01:30:00Z') }])
})

test('later days come as they are asked for, up to the last, and back', async () => {
  const { token } = await booking.shared({ daysAhead: 40 })
  const { page, card } = await booking.guest(token)
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
  // the forty dates after today, which is off
  expect(seen.size).toBe(40)
  await card.card.getByText('Nothing is free after this.').waitFor({ state: 'attached' })
  await screenshot(page, 'card-last-days')
  await earlier.click()
  expect(await later.isDisabled()).toBe(false)
})

test('with nothing free for weeks the card begins where something is', async () => {
  const datesOff = Array.from({ length: 38 }, (_, day) =>
    new Date(Date.UTC(2026, 9, 23 + day)).toISOString().slice(0, 10),
  )
  const { token } = await booking.shared({ daysAhead: 60, datesOff })
  const { card } = await booking.guest(token)
  await card.says('Monday, November 30')
  // the zone is that of the day: it is winter by then
  await card.says('Times in Rome (GMT+1)')
  const { card: none } = await booking.guest((await booking.shared({ blocks: [] })).token)
  await none.says('Nothing is free at the moment.')
})

test('a meeting is booked, moved and cancelled by keyboard alone', async () => {
  const { host, token } = await booking.shared()
  const { page, card } = await booking.guest(token)
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
  await press(['ArrowDown'], '11:00 AM')
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
  expect((await booking.meetingsOf(host.id)).map(({ state }) => state)).toEqual(['cancelled'])
})
