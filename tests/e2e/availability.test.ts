import { beforeAll, expect, test } from 'vitest'
import type { InboxScreen } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'

let stage: Stage

beforeAll(async () => {
  // a Wednesday
  stage = await setStage({ startsAt: new Date('2026-11-18T10:00:00Z') })
})

const officeHours = {
  timeZone: 'UTC',
  blocks: [1, 2, 3, 4, 5].map((weekday) => ({ weekday, start: '09:00', end: '17:00' })),
  datesOff: [],
}
const inBrowser = { timezoneId: 'UTC', locale: 'en-GB' }

test('the switch and its menu say why and until when', async () => {
  const agent = await stage.agent({ schedule: officeHours, browser: inBrowser })
  await saysOf(agent, true, 'by schedule until 17:00')
  await agent.available.click()
  await saysOf(agent, false, 'set by you until midnight')
  // what the schedule says anyway is no override
  await agent.available.click()
  await saysOf(agent, true, 'by schedule until 17:00')

  const choose = async (item: string | RegExp) => {
    await agent.button('Change until when').click()
    await agent.page.getByRole('menuitem', { name: item }).click()
  }
  await choose(/^Away 1 h/)
  await saysOf(agent, false, /^set by you until 11:0\d$/)
  await choose(/^Away 15 min/)
  await saysOf(agent, false, /^set by you until 10:1\d$/)
  await choose(/^Away today/)
  await saysOf(agent, false, 'set by you until midnight')
  await choose('Follow my schedule')
  await saysOf(agent, true, 'by schedule until 17:00')
  await choose('Stay available until…')
  const dialog = agent.page.getByRole('dialog', { name: 'Stay available until' })
  await dialog.getByLabel('Time').fill('20:30')
  await dialog.getByRole('button', { name: 'Stay available', exact: true }).click()
  await saysOf(agent, true, 'set by you until 20:30')
  await agent.page.reload()
  await saysOf(agent, true, 'set by you until 20:30')
})

test('the switch moves by itself when its time comes', async () => {
  const agent = await stage.agent({ schedule: officeHours, browser: inBrowser })
  const until = new Date(stage.foyer.clock.now().getTime() + 2_000).toISOString()
  await agent.page.evaluate(
    (body) =>
      fetch('/api/v1/me/availability', {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body,
      }),
    JSON.stringify({ status: 'unavailable', until }),
  )
  await saysOf(agent, false, /^set by you until/)
  await saysOf(agent, true, 'by schedule until 17:00')
})

test('until when is asked by the clock of the schedule, beside one’s own', async () => {
  const { row, page } = await stage.agent({
    schedule: { ...officeHours, timeZone: 'Asia/Kolkata' },
    browser: inBrowser,
  })
  await page.getByRole('button', { name: 'Change until when' }).click()
  await page.getByRole('menuitem', { name: 'Stay available until…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Stay available until' })
  const time = dialog.getByLabel('Time')
  await time.fill('20:30')
  await dialog.getByText('today in Asia/Kolkata; here it is 15:00 then').waitFor()
  // gone there already, though not here
  await time.fill('12:00')
  await dialog.getByText('tomorrow in Asia/Kolkata; here it is 06:30 then').waitFor()
  await dialog.getByRole('button', { name: 'Stay available', exact: true }).click()
  const { pool } = stage.foyer
  const kept = () => pool.query('select override_until as until from agents where id = $1', [row.id])
  await expect.poll(async () => (await kept()).rows[0]?.until?.toISOString()).toBe('2026-11-19T06:30:00.000Z')
})

test('what one tab sets, the other shows', async () => {
  const agent = await stage.agent({ browser: inBrowser })
  const tab = await agent.page.context().newPage()
  await tab.goto(`${stage.foyer.origin}/inbox`)
  const other = tab.getByRole('switch', { name: 'Available' })
  await expect.poll(() => other.getAttribute('aria-checked')).toBe('true')
  await agent.available.click()
  await expect.poll(() => other.getAttribute('aria-checked')).toBe('false')
})

async function saysOf(agent: InboxScreen, available: boolean, reason: string | RegExp): Promise<void> {
  await expect.poll(() => agent.available.getAttribute('aria-checked')).toBe(String(available))
  const said = expect.poll(() =>
    agent.available.evaluate(
      (element) =>
        document.getElementById(element.getAttribute('aria-describedby') ?? '')?.textContent?.trim() ?? '',
    ),
  )
  await (typeof reason === 'string' ? said.toBe(reason) : said.toMatch(reason))
}
