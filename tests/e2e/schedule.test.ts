import type { Page, Route } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import type { Schedule } from '#core/contracts/availability.ts'
import { sizes } from '../support/browser.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { type Stage, setStage } from '../support/stage.ts'

let stage: Stage

beforeAll(async () => {
  // a Wednesday; the clocks of Europe go forward on the Sunday after
  stage = await setStage({ startsAt: new Date('2027-03-24T10:00:00Z') })
})

const officeHours: Schedule = {
  timeZone: 'Europe/Rome',
  blocks: [1, 2, 3, 4, 5].map((weekday) => ({ weekday, start: '09:00', end: '17:00' })),
  datesOff: ['2027-04-05'],
}
const savedOf = async (id: string): Promise<Schedule> => {
  const { rows } = await stage.foyer.pool.query<{ schedule: Schedule }>(
    'select live_chat_schedule as schedule from agents where id = $1',
    [id],
  )
  return rows[0]?.schedule as Schedule
}
const inBrowser = { timezoneId: 'UTC', locale: 'en-GB' }
/** An agent where schedules are set. */
const anAgent = async ({
  query = '',
  ...row
}: {
  name?: string
  schedule?: Schedule
  query?: string
} = {}) => {
  const agent = await stage.agent({ ...row, browser: inBrowser, at: `settings/availability${query}` })
  await agent.page.getByRole('group', { name: 'Monday' }).waitFor()
  return agent
}
const field = (page: Page, name: string) => page.getByRole('textbox', { name })

test('an agent changes the week, sees the next two weeks, and saves', async () => {
  const agent = await anAgent({ name: 'Dana Weber', schedule: officeHours })
  const { page } = agent
  const weeks = page.getByRole('region', { name: 'The next two weeks' })
  await weeks.getByText('Today, Wed 24 Mar: 09:00–17:00; 8 h').waitFor()
  await weeks.getByText('Mon 5 Apr: date off').waitFor()
  await weeks.getByText('Sun 28 Mar: the clock goes forward 1 h at 02:00').waitFor()
  await axeFindsNothing(page, 'a schedule')

  // by keyboard: a lunch break on Wednesday
  await field(page, 'Wednesday, end of block 1').fill('12.30')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  await agent.button('Add a block on Wednesday').press('Enter')
  await expect
    .poll(() => field(page, 'Wednesday, start of block 2').evaluate((one) => one === document.activeElement))
    .toBe(true)
  expect(await field(page, 'Wednesday, start of block 2').inputValue()).toBe('13:30')
  await weeks.getByText('Today, Wed 24 Mar: 09:00–12:30, 13:30–17:00; 7 h').waitFor()
  await agent.button('Copy Wednesday to other days').click()
  await page.getByRole('menuitem', { name: 'Monday to Friday' }).click()
  expect(await field(page, 'Friday, start of block 2').inputValue()).toBe('13:30')

  // a block across midnight is offered as two
  await agent.button('Add a block on Saturday').click()
  await field(page, 'Saturday, start of block 1').fill('22')
  await field(page, 'Saturday, end of block 1').fill('6')
  await page.keyboard.press('Tab')
  await page
    .getByText('This crosses midnight. Enter it as two: Sat 22:00–24:00 and Sun 00:00–06:00.')
    .waitFor()
  await page.getByText('Correct what is marked to see the next two weeks.').waitFor()
  await axeFindsNothing(page, 'a block that is wrong')
  await agent.button('Save').click()
  await expect
    .poll(() => field(page, 'Saturday, end of block 1').evaluate((one) => one === document.activeElement))
    .toBe(true)
  await agent.button('Enter as two').click()
  expect(await field(page, 'Saturday, end of block 1').inputValue()).toBe('24:00')
  expect(await field(page, 'Sunday, end of block 1').inputValue()).toBe('06:00')
  await page.getByText('Carries on from Saturday 24:00').waitFor()
  // the night of the clock change is an hour shorter
  await weeks.getByText('Sun 28 Mar: 00:00–02:00, 03:00–06:00; 5 h').waitFor()

  await agent.button('Save').click()
  await page.getByText('Saved', { exact: true }).waitFor()
  const saved = await savedOf(agent.row.id)
  expect(saved.blocks.filter(({ weekday }) => weekday === 5)).toEqual([
    { weekday: 5, start: '09:00', end: '12:30' },
    { weekday: 5, start: '13:30', end: '17:00' },
  ])
  expect(saved.blocks.filter(({ weekday }) => weekday > 5)).toEqual([
    { weekday: 6, start: '22:00', end: '24:00' },
    { weekday: 7, start: '00:00', end: '06:00' },
  ])
})

test('a zone is found by typing, and dates off come and go', async () => {
  const agent = await anAgent({ schedule: officeHours })
  const { page } = agent
  const zone = page.getByRole('combobox', { name: 'Time zone' })
  await zone.click()
  await zone.fill('new yo')
  await page.getByRole('option', { name: /^America\/New York/ }).waitFor()
  await page.keyboard.press('Enter')
  expect(await zone.inputValue()).toBe('America/New York')
  await agent.button('Add dates').click()
  const dialog = page.getByRole('dialog', { name: 'Add dates off' })
  await dialog.getByLabel('First date').fill('2027-12-26')
  await dialog.getByLabel('Last date').fill('2027-12-24')
  await dialog.getByRole('button', { name: 'Add dates', exact: true }).click()
  await dialog.getByText('The last date is before the first.').waitFor()
  await dialog.getByLabel('First date').fill('2027-12-24')
  await dialog.getByLabel('Last date').fill('2027-12-26')
  await dialog.getByRole('button', { name: 'Add dates', exact: true }).click()
  await page.getByText('Fri 24 Dec – Sun 26 Dec').waitFor()
  await agent.button('Remove Mon 5 Apr').click()
  await agent.button('Save').click()
  await page.getByText('Saved', { exact: true }).waitFor()
  expect(await savedOf(agent.row.id)).toMatchObject({
    timeZone: 'America/New_York',
    datesOff: ['2027-12-24', '2027-12-25', '2027-12-26'],
  })
  // ten in the morning in Rome is five in New York
  await expect.poll(() => agent.available.getAttribute('aria-checked')).toBe('false')
})

test('nobody loses what is not saved without being asked', async () => {
  const { page, row } = await stage.agent({ schedule: officeHours, browser: inBrowser })
  // by links: going back then stays on this page, and only Foyer can ask
  await page.getByRole('link', { name: 'Settings' }).click()
  await page.getByRole('link', { name: 'My schedule' }).click()
  await field(page, 'Monday, start of block 1').fill('10:00')
  const asked = page.getByRole('dialog', { name: 'Leave without saving?' })
  await page.getByRole('link', { name: 'Agents' }).click()
  await asked.getByRole('button', { name: 'Stay here' }).click()
  expect(await field(page, 'Monday, start of block 1').inputValue()).toBe('10:00')
  expect(page.url()).toContain('/availability')
  await page.goBack()
  await asked.waitFor()
  expect(page.url()).toContain('/availability')
  await asked.getByRole('button', { name: 'Stay here' }).click()
  await page.getByRole('link', { name: 'Agents' }).click()
  await asked.getByRole('button', { name: 'Leave without saving', exact: true }).click()
  await page.getByRole('columnheader', { name: 'Status' }).waitFor()
  expect((await savedOf(row.id)).blocks[0]?.start).toBe('09:00')
})

test('nor does an admin on the pages of sites, mail and outcomes', async () => {
  const { page } = await stage.agent({ profile: 'admin', browser: inBrowser, at: 'settings/teams' })
  const asked = page.getByRole('dialog', { name: 'Leave without saving?' })
  for (const [link, name] of [
    ['Sites', 'Site name'],
    ['Mail', 'From name'],
    ['Outcomes', 'Outcome 1'],
  ] as const) {
    await page.getByRole('link', { name: link, exact: true }).click()
    await field(page, name).fill('Not saved')
    await page.getByRole('link', { name: 'Teams', exact: true }).click()
    await asked.getByRole('button', { name: 'Stay here', exact: true }).click()
    expect(await field(page, name).inputValue()).toBe('Not saved')
    await page.getByRole('link', { name: 'Teams', exact: true }).click()
    await asked.getByRole('button', { name: 'Leave without saving', exact: true }).click()
    await page.getByText('No team yet').waitFor()
  }
})

test('the page says why, now and at any time', async () => {
  const agent = await anAgent({ schedule: officeHours })
  const { page } = agent
  const why = page.getByRole('region', { name: 'Why?' })
  await why.getByText('The block Wed 24 Mar 09:00–17:00 covers this time.').waitFor()
  await why.getByText(/^Wed 24 Mar, 11:0\d in Europe\/Rome \(UTC\+01:00\)$/).waitFor()
  await agent.available.click()
  await why.getByText(/^The switch was set to unavailable by hand on Wed 24 Mar, 11:0\d\.$/).waitFor()
  await why.getByText('It holds until midnight there, Thu 25 Mar, 00:00.').waitFor()
  await why.getByText('By the schedule it would be available: block Wed 24 Mar 09:00–17:00.').waitFor()
  await why.getByText('At another time').click()
  // the answer for the date, with the time of now, comes after that for date and time
  let late: Route | undefined
  await page.route('**/availability/explanation?*', (route) => {
    if (late) return route.continue()
    late = route
  })
  await why.getByLabel('Date').fill('2027-04-05')
  await expect.poll(() => late).toBeDefined()
  await why.getByLabel('Time', { exact: true }).fill('10:00')
  await why.getByText('Mon 5 Apr, 10:00 in Europe/Rome (UTC+02:00)').waitFor()
  const answered = page.waitForResponse(/explanation/)
  await late?.continue()
  await (await answered).finished()
  await why.getByText('Mon 5 Apr is a date off.').waitFor()
  await why.getByText('Mon 5 Apr, 10:00 in Europe/Rome (UTC+02:00)').waitFor()
  await why.getByText('The next block is Tue 6 Apr 09:00–17:00.').waitFor()
  await axeFindsNothing(page, 'why')
})

test('an admin sets several at once, after seeing who changes, and one by one', async () => {
  const one = await stage.hire({ name: 'Otto One', schedule: officeHours })
  const two = await stage.hire({ name: 'Tessa Two' })
  const admin = await stage.agent({
    profile: 'admin',
    name: 'Ada Admin',
    browser: inBrowser,
    at: 'settings/agents',
  })
  const { page } = admin
  await page.getByRole('checkbox', { name: 'Choose Otto One' }).check()
  await page.getByRole('checkbox', { name: 'Choose Tessa Two' }).check()
  await page.getByText('2 agents chosen').waitFor()
  await axeFindsNothing(page, 'agents chosen')
  await admin.button('Set schedule…').click()
  const dialog = page.getByRole('dialog', { name: 'Schedule of 2 agents' })
  for (const day of ['Monday', 'Tuesday', 'Wednesday'])
    await dialog.getByRole('button', { name: `Remove 09:00–17:00 on ${day}` }).click()
  await axeFindsNothing(page, 'a schedule for several')
  await dialog.getByRole('button', { name: 'Show who changes' }).click()
  await dialog
    .getByRole('listitem')
    .filter({ hasText: 'Tessa Two' })
    .getByText('Becomes unavailable now')
    .waitFor()
  expect((await savedOf(two.id)).blocks).toHaveLength(7)
  await axeFindsNothing(page, 'who changes')
  await dialog.getByRole('button', { name: 'Change 2 agents' }).click()
  await page.getByText('2 schedules changed.').waitFor()
  await dialog.waitFor({ state: 'detached' })
  for (const { id } of [one, two])
    expect((await savedOf(id)).blocks.map(({ weekday }) => weekday)).toEqual([4, 5])
  expect((await savedOf(one.id)).timeZone).toBe('Europe/Rome')
  await page
    .getByRole('row', { name: /Tessa Two/ })
    .getByText('Unavailable')
    .waitFor()

  await admin.button('Change Otto One').click()
  await page.getByRole('menuitem', { name: 'Schedule…' }).click()
  await page.getByRole('heading', { name: 'Otto One’s schedule' }).waitFor()
  await field(page, 'Thursday, end of block 1').fill('18:00')
  await admin.button('Save').click()
  await page.getByText('Saved', { exact: true }).waitFor()
  expect((await savedOf(one.id)).blocks[0]).toEqual({ weekday: 4, start: '09:00', end: '18:00' })
})

test('an agent may look at a colleague’s schedule and not change it', async () => {
  const other = await stage.hire({ name: 'Olga Other', schedule: officeHours })
  const agent = await anAgent({ query: `?agent=${other.id}` })
  await agent.page.getByRole('heading', { name: 'Olga Other’s schedule' }).waitFor()
  expect(await field(agent.page, 'Monday, start of block 1').isDisabled()).toBe(true)
  expect(await agent.button('Save').count()).toBe(0)
})

test('the schedule fits a tablet and a phone', async () => {
  const agent = await anAgent({ schedule: officeHours })
  for (const size of [sizes.phone, { width: 1024, height: 768 }]) {
    await agent.page.setViewportSize(size)
    const spill = await agent.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
    expect(spill).toBeLessThanOrEqual(0)
  }
})
