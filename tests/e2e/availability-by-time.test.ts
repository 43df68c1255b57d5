import { beforeAll, expect, test } from 'vitest'
import type { Schedule } from '#core/contracts/availability.ts'
import { casesOf } from '../support/soak.ts'
import { type Stage, setStage } from '../support/stage.ts'

/** What time alone changes shows on every screen at that instant, without a reload. */

let stage: Stage

beforeAll(async () => {
  stage = await setStage({ startsAt: new Date('2027-03-24T15:00:00Z'), settings: { offerTimeoutMs: 3_000 } })
})

const inBrowser = { timezoneId: 'UTC', locale: 'en-GB' }
const everyDay = (start: string, end: string, datesOff: string[] = []): Schedule => ({
  timeZone: 'Europe/Rome',
  blocks: [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ weekday, start, end })),
  datesOff,
})

interface Turn {
  at: string
  schedule: Schedule
  byHand?: true
}
// in the order of time: the clock never goes back. At which instant a date off and a clock change count is proven of the
// schedule itself, in tests/core/availability; here, that everything follows what it says
const turns = {
  'a block ends': { at: '2027-03-24T16:00:00Z', schedule: everyDay('09:00', '17:00') },
  'a date off begins': {
    at: '2027-03-24T23:00:00Z',
    schedule: everyDay('00:00', '24:00', ['2027-03-25']),
  },
  'a hand toggle ends at midnight there': {
    at: '2027-03-25T23:00:00Z',
    schedule: everyDay('09:00', '17:00'),
    byHand: true,
  },
  // 02:00 does not come in that night: the block lasts until 03:00
  'a block ends in the gap of a clock change': {
    at: '2027-03-28T01:00:00Z',
    schedule: everyDay('00:30', '02:00'),
  },
} satisfies Record<string, Turn>

test.each(casesOf<keyof typeof turns, Turn>(turns, ['a block ends', 'a hand toggle ends at midnight there']))(
  'when %s, the switch, lists and the widget follow',
  async (_, { at, schedule, byHand }) => {
    const instant = Date.parse(at)
    stage.foyer.clock.set(new Date(instant - 60_000))
    const agent = await stage.agent({ schedule, browser: inBrowser, movableClock: true })
    if (byHand) await agent.available.click()
    await expect.poll(() => agent.available.getAttribute('aria-checked')).toBe('true')
    // opened before there is such an agent, it would learn of them with its next look only
    const watching = await stage.agent({
      profile: 'admin',
      schedule: everyDay('12:00', '12:01'),
      browser: inBrowser,
      movableClock: true,
      at: 'settings/agents',
    })
    const row = watching.page.getByRole('row', { name: new RegExp(`^Choose ${agent.row.name} `) })
    await row.getByText('Available', { exact: true }).waitFor()
    const visitor = await stage.visitor()
    await visitor.open()
    await visitor.button('Chat with us').waitFor()
    await stage.passTime(instant - 1_000 - stage.foyer.clock.now().getTime(), [watching.page, agent.page])
    expect(await agent.available.getAttribute('aria-checked')).toBe('true')

    await expect.poll(() => agent.available.getAttribute('aria-checked'), { interval: 100 }).toBe('false')
    const late = stage.foyer.clock.now().getTime() - instant
    expect(late).toBeGreaterThanOrEqual(0)
    expect(late).toBeLessThan(15_000)
    await row.getByText('Unavailable').waitFor()
    await visitor.button('Chat with us').waitFor({ state: 'detached' })
  },
)

test('an agent who lets two chats pass is unavailable, reads why, and is asked again after one click', async () => {
  await stage.foyer.pool.query('update agents set active = false')
  const agent = await stage.agent({ browser: inBrowser })
  for (const name of ['First', 'Second']) {
    const visitor = await stage.foyer.visitor({ fields: { name, email: `${name}@contoso.test` } })
    await visitor.asks(`${name} asks`)
    await agent.offers.getByText(`${name} asks`).waitFor()
    // it runs out
    await agent.offers.getByText(`${name} asks`).waitFor({ state: 'detached' })
  }
  await expect.poll(() => agent.available.getAttribute('aria-checked')).toBe('false')
  await agent.page.getByText('you missed two chats: come back?').first().waitFor()
  const third = await stage.foyer.visitor({ fields: { name: 'Third', email: 'third@contoso.test' } })
  await third.asks('Third asks')
  await expect.poll(() => third.conversation?.status).toBe('missed')
  expect(await agent.offers.count()).toBe(0)

  await agent.button('Come back').click()
  await expect.poll(() => agent.available.getAttribute('aria-checked')).toBe('true')
  expect(await agent.button('Come back').count()).toBe(0)
  const fourth = await stage.foyer.visitor({ fields: { name: 'Fourth', email: 'fourth@contoso.test' } })
  await fourth.asks('Fourth asks')
  await agent.offers.getByText('Fourth asks').waitFor()
  await agent.accept()
})
