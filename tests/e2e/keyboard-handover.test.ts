import { beforeAll, expect, test } from 'vitest'
import type { Team } from '#core/contracts/teams.ts'
import { focused, tabTo } from '../support/by-keyboard.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import type { InboxScreen } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'

/** A chat changes hands without a mouse: to an agent, who declines and then accepts, and to a team. */

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})

/** The menu of the open chat, to the dialog, which takes the keyboard to its search. */
async function openHandOver(agent: InboxScreen) {
  const { page } = agent
  await tabTo(page, agent.button('More actions'), 'Shift+Tab')
  await page.keyboard.press('Enter')
  await page.getByRole('menu').waitFor()
  await page.keyboard.type('Hand')
  await page.keyboard.press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Hand over' })
  await focused(dialog.getByRole('searchbox', { name: 'Search colleagues and teams' }))
  return dialog
}

/** The one that is found, with a note, and sent on. */
async function handOver(agent: InboxScreen, to: string, state: string, note: string) {
  const { page } = agent
  const dialog = await openHandOver(agent)
  await page.keyboard.type(to)
  await dialog.getByRole('status').getByText('One found', { exact: true }).waitFor()
  await page.keyboard.press('Tab')
  const choice = dialog.getByRole('radio', { name: `${to} ${state}` })
  await focused(choice)
  await page.keyboard.press('Space')
  expect(await choice.isChecked()).toBe(true)
  await page.keyboard.press('Tab')
  await focused(dialog.getByRole('textbox', { name: 'Note to the colleague' }))
  await page.keyboard.type(note)
  await tabTo(page, dialog.getByRole('button', { name: 'Hand over', exact: true }))
  await page.keyboard.press('Enter')
  await dialog.waitFor({ state: 'detached' })
}

const says = ({ page }: InboxScreen, text: string) => page.getByRole('status').getByText(text).waitFor()
const inContent = ({ page }: InboxScreen) =>
  expect
    .poll(() => page.evaluate(() => document.activeElement?.closest('#content') !== null), {
      message: 'the keyboard is in the content',
    })
    .toBe(true)

test('a chat goes to a colleague, who is asked twice, and comes back as nothing to write in', async () => {
  const { agent: dana, visitor } = await stage.chatInInbox()
  const marco = await stage.agent({ name: 'Marco Bellini' })
  const to = marco.row.name

  // a second thought: nothing was asked, and the keyboard is where it came from
  const doubted = await openHandOver(dana)
  await dana.page.keyboard.press('Enter')
  await doubted.getByRole('status').getByText('First choose who is to take over.').waitFor()
  await dana.page.keyboard.type('nobody of this name')
  await doubted.getByRole('status').getByText('Nobody found').waitFor()
  await dana.page.keyboard.press('Escape')
  await doubted.waitFor({ state: 'detached' })
  await focused(dana.button('More actions'))

  await handOver(dana, to, 'Available', 'Wants RAL 5015')
  await focused(dana.button('More actions'))
  await says(dana, `${to} is asked to take over`)
  await marco.offers.getByText('Wants RAL 5015').waitFor()
  await tabTo(marco.page, marco.offers.getByRole('button', { name: 'Decline' }))
  await marco.page.keyboard.press('Enter')
  await says(dana, `${to} declined. The chat stays with you.`)
  await tabTo(dana.page, dana.button('Dismiss'))
  await dana.page.keyboard.press('Enter')
  await focused(dana.message)

  // taken back while the colleague is still asked
  await handOver(dana, to, 'Available', 'Once more')
  await tabTo(dana.page, dana.button('Keep the chat'))
  await dana.page.keyboard.press('Enter')
  await focused(dana.message)
  await marco.offers.waitFor({ state: 'detached' })

  await handOver(dana, to, 'Available', 'Wants RAL 5015')
  await marco.offers.waitFor()
  await marco.page.keyboard.press('a')
  await focused(marco.message)
  await marco.hears('Do the racks come in blue?')
  await marco.page.keyboard.type('They do.')
  await marco.page.keyboard.press('Enter')
  await visitor.hears('They do.')
  await says(dana, `${to} has taken over the chat with Sofia Ricci`)
  await inContent(dana)
  await dana.visitor.getByText('Who the visitor is shows here.').waitFor()

  // the new agent reads how it came here
  const trace = marco.page.getByRole('region', { name: 'How this was routed' })
  await marco.button('How this was routed').click()
  await trace.getByText(`${to} accepted after`).waitFor()
  const steps = await trace.getByRole('listitem').allInnerTexts()
  expect(steps[0]).toMatch(new RegExp(`${dana.row.name} accepted after`))
  expect(steps.slice(1, 4)).toEqual([
    `Handed over by ${dana.row.name}`,
    expect.stringMatching(new RegExp(`Handed over\\s+${to} declined after`)),
    `${dana.row.name} kept the chat`,
  ])
  expect(steps.at(-1)).toMatch(new RegExp(`Handed over\\s+${to} accepted after`))
  await axeFindsNothing(dana.page, 'a chat that was handed over')
})

test('a chat goes to a team, and who is in nobody’s place to take it cannot be chosen', async () => {
  const { agent: dana, visitor } = await stage.chatInInbox({
    name: 'Omar Said',
    text: 'Who knows about glass?',
  })
  const marco = await stage.agent({ name: 'Marco Bellini' })
  const away = await stage.hire({ name: 'Wilma Weg' })
  const admin = await stage.foyer.agent({ profile: 'admin', online: false })
  await admin.http.post<Team>('/teams', { name: 'Glass', agentIds: [marco.row.id, away.id] })

  const { page } = dana
  const dialog = await openHandOver(dana)
  await axeFindsNothing(page, 'handing over')
  const absent = dialog.getByRole('radio', { name: `${away.name} No inbox open` })
  expect(await absent.isDisabled()).toBe(true)
  // arrows step through those who can be chosen
  await page.keyboard.press('Tab')
  const seen = new Set<string>()
  for (let steps = 0; steps < 4; steps++) {
    await page.keyboard.press('ArrowDown')
    seen.add((await dialog.locator('label:has(input:checked)').textContent()) ?? '')
  }
  expect([...seen].filter((label) => label.includes(away.name))).toEqual([])
  expect([...seen].some((label) => label.includes('Glass'))).toBe(true)
  await page.keyboard.press('Escape')
  await focused(dana.button('More actions'))

  await handOver(dana, 'Glass', 'Team, 1 colleague available', 'Ask about tempering')
  await says(dana, `${marco.row.name} is asked to take over`)
  await marco.offers.getByText('Ask about tempering').waitFor()
  await tabTo(marco.page, marco.offers.getByRole('button', { name: 'Accept' }))
  await marco.page.keyboard.press('Enter')
  await focused(marco.message)
  await marco.hears('Who knows about glass?')
  await says(dana, `${marco.row.name} has taken over the chat with Omar Said`)
  await inContent(dana)
  expect(visitor.conversation?.agent?.name).toBe(marco.row.name)
})
