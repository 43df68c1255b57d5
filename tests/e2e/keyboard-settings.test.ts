import { beforeAll, expect, onTestFailed, test } from 'vitest'
import { focused, tabTo } from '../support/by-keyboard.ts'
import { never } from '../support/factories.ts'
import { follow } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'

/** What is kept by keyboard under Settings: whatever is opened, moved or taken away, the keyboard goes on from there. */

let stage: Stage
let admin: Awaited<ReturnType<Stage['agent']>>

beforeAll(async () => {
  stage = await setStage()
  admin = await stage.agent({ profile: 'admin', schedule: never, at: 'settings/teams', stays: true })
})

let isAstray = false

async function adminAt(place: string) {
  const { page } = admin
  // what a test has left half done where it failed goes with the page
  if (isAstray) await page.goto(`${stage.foyer.origin}/inbox/settings/${place}`)
  else await follow(page, `settings/${place}`)
  isAstray = false
  onTestFailed(() => {
    isAstray = true
  })
  return { page, press: (key: string) => page.keyboard.press(key) }
}

test('on every page the first stop leads past all that comes before its content', async () => {
  const { page, press } = await adminAt('teams')
  const skip = page.getByRole('link', { name: 'Skip to content' })
  for (const [path, content, next] of [
    ['settings/teams', 'main', admin.button('Add team').first()],
    ['settings/canned-replies', 'main', admin.button('New canned reply').first()],
    ['', '#content', page.getByRole('tab', { name: 'Active' })],
    ['meetings', '#content', null],
    ['people', '#content', null],
  ] as const) {
    await page.goto(`${stage.foyer.origin}/inbox/${path}`)
    await admin.available.waitFor()
    await next?.waitFor()
    await press('Tab')
    await focused(skip)
    expect((await skip.boundingBox())?.y, 'it shows itself').toBeGreaterThanOrEqual(0)
    expect(await skip.evaluate((link) => getComputedStyle(link).clipPath)).toBe('none')
    await press('Enter')
    await focused(page.locator(content))
    await press('Tab')
    if (next) await focused(next)
  }
})

test('a routing rule is written, given up, deleted and brought back', async () => {
  await stage.foyer.pool.query('delete from routing_rules')
  const { page, press } = await adminAt('routing-rules')
  const name = page.getByRole('textbox', { name: 'Name', exact: true })
  await tabTo(page, admin.button('Add rule'))
  await press('Enter')
  await focused(name)
  await page.keyboard.type('Late')
  await tabTo(page, page.getByRole('checkbox', { name: admin.row.name }))
  await press('Space')
  await tabTo(page, admin.button('Save rule'), 'Shift+Tab')
  await press('Enter')
  await focused(admin.button('Add rule'))

  await tabTo(page, admin.button('Late'))
  await press('Enter')
  await focused(name)
  await tabTo(page, admin.button('Cancel'), 'Shift+Tab')
  await press('Enter')
  await focused(admin.button('Late'))

  await tabTo(page, admin.button('Change Late'))
  await press('Enter')
  await page.getByRole('menu').waitFor()
  await page.keyboard.type('Del')
  await press('Enter')
  await focused(admin.button('Undo'))
  await press('Enter')
  await focused(admin.button('Late'))
})

test('outcomes are put in order, taken off and offered again', async () => {
  const { page, press } = await adminAt('outcomes')
  await tabTo(page, admin.button('Move Not a fit up'))
  await press('Enter')
  // it is the first one now and can only go down
  await focused(admin.button('Move Not a fit down'))
  await press('Enter')
  await focused(admin.button('Move Not a fit down'))
  await press('Enter')
  await press('Enter')
  await focused(admin.button('Move Not a fit up'))
  await tabTo(page, admin.button('Stop offering Support'), 'Shift+Tab')
  await press('Enter')
  await focused(page.getByRole('textbox', { name: 'Outcome 2' }))
  expect(await page.getByRole('textbox', { name: 'Outcome 2' }).inputValue()).toBe('Spam')
  await tabTo(page, admin.button('Offer again: Support'))
  await press('Enter')
  await focused(page.getByRole('textbox', { name: 'Outcome 4' }))
  await tabTo(page, admin.button('Save'))
  await press('Enter')
  await page.getByText('Not saved yet').waitFor({ state: 'detached' })
})

test('canned replies are removed one by one, each after a question', async () => {
  const { page, press } = await adminAt('preferences')
  for (const shortcut of ['bye', 'hello'])
    await admin.page.request.post(`${stage.foyer.origin}/api/v1/canned-replies`, {
      data: { shared: shortcut === 'hello', shortcut, text: `We say ${shortcut}` },
      headers: { origin: stage.foyer.origin },
    })
  await follow(page, 'settings/canned-replies')
  const dialog = page.getByRole('dialog', { name: 'Change /bye' })
  await tabTo(page, admin.button('Change /bye'))
  await press('Enter')
  await focused(dialog.getByRole('textbox', { name: 'Shortcut' }))
  await press('Escape')
  await focused(admin.button('Change /bye'))

  const asks = async (shortcut: string, about: string) => {
    await tabTo(page, admin.button(`Remove /${shortcut}`))
    await press('Enter')
    const sure = page.getByRole('dialog', { name: `Remove /${shortcut}?` })
    await sure.getByText(about).waitFor()
    await sure.getByText(`We say ${shortcut}`).waitFor()
    return sure
  }
  // a key held down, or a second thought, removes nothing
  const doubted = await asks('bye', 'You do not find it by / any more.')
  await press('Enter')
  await doubted.waitFor({ state: 'detached' })
  await focused(admin.button('Remove /bye'))
  for (const [shortcut, about, next] of [
    ['bye', 'You do not find it by / any more.', admin.button('Change /hello')],
    ['hello', 'Nobody finds it by / any more.', admin.button('New canned reply').first()],
  ] as const) {
    const sure = await asks(shortcut, about)
    await tabTo(page, sure.getByRole('button', { name: 'Remove canned reply' }))
    await press('Enter')
    await sure.waitFor({ state: 'detached' })
    await focused(next)
  }
  await page.getByRole('heading', { name: 'No canned replies yet' }).waitFor()
})

test('a dialog that deletes what it was opened from leaves the keyboard in the page', async () => {
  const api = await stage.foyer.agent({ profile: 'admin', online: false })
  await api.http.post('/teams', { name: 'Gone soon', agentIds: [] })
  const { page, press } = await adminAt('teams')
  await admin.button('Change or delete Gone soon').focus()
  await press('Enter')
  await page.getByRole('menu').waitFor()
  await page.keyboard.type('Del')
  await press('Enter')
  const sure = page.getByRole('dialog', { name: 'Delete Gone soon?' })
  await tabTo(page, sure.getByRole('button', { name: 'Delete team' }))
  await press('Enter')
  await sure.waitFor({ state: 'detached' })
  await focused(page.locator('#content main'))
})

test('dates off come and go, and the keyboard stays with them', async () => {
  const { page, press } = await adminAt('availability')
  await admin.button('Add dates').focus()
  await press('Enter')
  const dialog = page.getByRole('dialog', { name: 'Add dates off' })
  await focused(dialog.getByLabel('First date'))
  await dialog.getByLabel('First date').fill('2030-12-24')
  await tabTo(page, dialog.getByRole('button', { name: 'Cancel' }))
  await press('Tab')
  await press('Enter')
  await dialog.waitFor({ state: 'detached' })
  await focused(admin.button('Add dates'))
  await tabTo(page, admin.button(/^Remove .*2030/))
  await press('Enter')
  await focused(admin.button('Add dates'))
  expect(await admin.button(/^Remove .*2030/).count()).toBe(0)
})

test('an emoji is looked for at once, and Escape goes back to its button', async () => {
  const { agent } = await stage.chatInInbox({ name: 'Emil Jansen' })
  const { page } = agent
  const search = page.getByRole('dialog', { name: 'Insert an emoji' }).getByRole('searchbox')
  for (const _ of ['loading it', 'once it is there']) {
    await tabTo(page, agent.button('Insert an emoji'))
    await page.keyboard.press('Enter')
    await focused(search)
    await page.keyboard.press('Escape')
    await focused(agent.button('Insert an emoji'))
  }
  await page.keyboard.press('Enter')
  await focused(search)
  await page.keyboard.type('rocket')
  await page.keyboard.press('Enter')
  await focused(agent.message)
  expect(await agent.message.inputValue()).toBe('🚀')
})
