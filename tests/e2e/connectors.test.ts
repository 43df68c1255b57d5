import type { Page, Response } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import { hubspot } from '#connectors/hubspot/index.ts'
import { createHubSpotStandIn, type HubSpotStandIn } from '#connectors/hubspot/stand-in/index.ts'
import { salesforce } from '#connectors/salesforce/index.ts'
import { SalesforceStandIn } from '#connectors/salesforce/stand-in/index.ts'
import { fillWithPeople } from '#connectors/salesforce/stand-in/people.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import type { Connection, ConnectionList } from '#core/contracts/connections.ts'
import { sizes } from '../support/browser.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { never } from '../support/factories.ts'
import { atFileEnd } from '../support/file-end.ts'
import { follow, type InboxScreen } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'

let stage: Stage
let crm: SalesforceStandIn
let other: HubSpotStandIn

beforeAll(async () => {
  crm = new SalesforceStandIn({ oauth: { consent: 'page' } })
  const vendor = await serveStandIn(crm.handle)
  atFileEnd(() => vendor.close())
  other = createHubSpotStandIn({ now: () => stage?.foyer.clock.now().getTime() ?? Date.now() })
  const otherVendor = await serveStandIn(other.handle)
  atFileEnd(() => otherVendor.close())
  stage = await setStage({
    connectors: [salesforce, hubspot],
    config: { standIns: { salesforce: vendor.origin, hubspot: otherVendor.origin } },
    site: {
      fields: [
        { name: 'name', required: false },
        { name: 'email', required: false },
      ],
    },
  })
  stage.foyer.app.services.config.publicUrl = stage.foyer.origin
  crm.org.now = () => stage.foyer.clock.now()
  fillWithPeople(crm.org)
})

/** Each test has people of its own, also the second time. */
let hired = 0
const anAdmin = (at = 'settings/connectors') =>
  stage.agent({ name: `Ada Admin ${++hired}`, profile: 'admin', schedule: never, at })
const anAgent = () => stage.agent({ name: `Dana Whitfield ${++hired}` })
const open = (page: Page, query = '') => follow(page, `settings/connectors${query}`)
const card = (page: Page) => page.getByRole('article', { name: 'Salesforce' })
const logged = () =>
  [...crm.org.rows('Task').values()].filter(({ Subject }) => /^Chat on/.test(String(Subject)))

/** Through the browser, as an admin does it, unless an earlier test did. */
async function connect(page: Page) {
  await card(page).waitFor()
  if (await card(page).getByText('Connected', { exact: true }).isVisible()) return
  await page.getByRole('link', { name: 'Connect Salesforce' }).click()
  await page.getByLabel('Client id').fill('foyer-demo')
  await page.getByLabel('Client secret').fill('foyer-demo-secret')
  await page.getByRole('button', { name: 'Connect Salesforce' }).click()
  await page.getByRole('heading', { name: 'Allow access?' }).waitFor()
  await page.getByRole('link', { name: 'Allow' }).click()
  await page.getByText('Salesforce is connected. Its people are being read now').waitFor()
  await card(page).getByText('37 read').waitFor()
}

async function turnWritingOn(page: Page) {
  await open(page, '?connector=salesforce&tab=writing')
  await page.getByRole('button', { name: 'Preview writes' }).waitFor()
  if (await page.getByRole('button', { name: 'Turn writing off' }).isVisible()) return
  await page.getByRole('button', { name: 'Preview writes' }).click()
  const preview = page.getByRole('region', { name: 'What would be written' })
  await preview.getByText('Nothing has been sent.').waitFor()
  await preview.getByText('Log the chat').waitFor()
  await page.getByRole('button', { name: 'Turn writing on' }).click()
  await page.getByRole('heading', { name: 'Foyer writes to Salesforce' }).waitFor()
}

async function chats(agent: InboxScreen, who: { name: string; email: string }, said: string) {
  const visitor = await stage.visitorOffStage(who)
  await visitor.asks(said)
  await agent.accept()
  await agent.hears(said)
}

async function ends(agent: InboxScreen) {
  await agent.button('End session').click()
  await agent.page
    .getByRole('dialog', { name: 'End this chat?' })
    .getByRole('button', { name: /^Qualified/ })
    .click()
  await agent.button('Download transcript').waitFor()
}

test('an admin connects a CRM; it fills the panel, and gets the chat back', async () => {
  await stage.foyer.pool.query('delete from connections')
  const { page } = await anAdmin()
  await page.getByRole('link', { name: 'Connect Salesforce' }).click()
  // what the vendor's app needs stands there to be copied
  await page
    .getByRole('group', { name: 'Redirect address' })
    .getByText(`${stage.foyer.origin}/api/v1/connections/oauth/callback`)
    .waitFor()
  await page.getByRole('group', { name: 'Scopes' }).getByText('api refresh_token').waitFor()
  await axeFindsNothing(page, 'how to connect')

  // who thinks twice comes back to where it was
  await page.getByLabel('Client id').fill('foyer-demo')
  await page.getByLabel('Client secret').fill('foyer-demo-secret')
  await page.getByRole('button', { name: 'Connect Salesforce' }).click()
  await page.getByRole('link', { name: 'Deny' }).click()
  await page.getByText('Nobody agreed at the provider').waitFor()
  await card(page).getByRole('link', { name: 'Finish connecting' }).click()
  expect(await page.getByLabel('Client secret').inputValue()).toBe('')
  await page.getByRole('button', { name: 'Connect Salesforce' }).click()
  await page.getByRole('link', { name: 'Allow' }).click()
  await page.getByText('Salesforce is connected. Its people are being read now').waitFor()
  await card(page).getByText('37 read').waitFor()
  await page.getByRole('button', { name: 'Test Salesforce' }).click()
  await page.getByText('Salesforce answers as Foyer Demo').waitFor()
  await axeFindsNothing(page, 'a connected CRM')

  await open(page, '?connector=salesforce&tab=writing')
  expect(await page.getByRole('button', { name: 'Turn writing on' }).isDisabled()).toBe(true)
  await turnWritingOn(page)
  await axeFindsNothing(page, 'what is written')

  const agent = await anAgent()
  await chats(agent, { name: 'S', email: 'sofia.ricci@northwind.test' }, 'Do you deliver to Milan?')
  for (const fact of [
    'Sofia Ricci',
    'Head of Purchasing',
    '+39 02 5550 0142',
    'Working - Contacted',
    'Northwind',
  ])
    await agent.visitor.getByText(fact, { exact: true }).first().waitFor()
  await agent.visitor.getByText(/^Salesforce, /).waitFor()
  await agent.history.getByText('Product demo for Northwind').waitFor()
  await agent.say('We do, within a week.')
  await ends(agent)
  await expect.poll(logged).toHaveLength(1)
  const [task] = logged()
  expect(crm.org.find(task?.WhoId)).toMatchObject({
    Email: 'sofia.ricci@northwind.test',
    Title: 'Head of Purchasing',
  })
  for (const part of ['Outcome: Qualified', 'Do you deliver to Milan?', 'We do, within a week.'])
    expect(task?.Description).toContain(part)

  // and whoever talked with her sees that it was
  await agent.visitor.getByRole('button', { name: 'Written to the CRM' }).click()
  await agent.visitor.getByRole('link', { name: 'Chat in Salesforce' }).waitFor()
})

test('what the CRM refuses waits with its reason until an admin retries it', async () => {
  const { page } = await anAdmin()
  await connect(page)
  await turnWritingOn(page)
  const before = logged().length
  crm.org.validationRules.push((type) => (type === 'Task' ? 'Every task needs a project.' : null))
  const agent = await anAgent()
  await chats(agent, { name: 'Sofia', email: 'sofia.ricci@northwind.test' }, 'One thing more')
  await ends(agent)

  await open(page)
  await card(page).getByText('One thing needs a person').waitFor()
  await card(page)
    .getByText(/^Chat of Sofia.*Every task needs a project\./)
    .waitFor()
  await axeFindsNothing(page, 'a failed write')
  // whoever is on another page of the settings sees that something waits
  const settings = page.getByRole('navigation', { name: 'Settings' })
  await page.goto(`${stage.foyer.origin}/inbox/settings/preferences`)
  await settings.getByRole('link', { name: 'Connectors, one write has failed' }).waitFor()
  await axeFindsNothing(page, 'a dot in the settings')
  await settings.getByRole('link', { name: /^Connectors/ }).click()
  crm.org.validationRules.length = 0
  await card(page)
    .getByRole('button', { name: /^Retry: Chat of Sofia/ })
    .click()
  await page.getByText('It is tried again.').waitFor()
  // the button is gone; whoever has no mouse is not lost
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.textContent))
    .toContain('It is tried again.')
  await expect.poll(() => logged().length).toBe(before + 1)
  await card(page).getByText('One thing needs a person').waitFor({ state: 'detached' })
  await page.reload()
  await card(page).waitFor()
  await expect.poll(() => settings.getByRole('link', { name: 'Connectors', exact: true }).count()).toBe(1)
  await open(page, '?connector=salesforce&tab=log')
  await page
    .getByRole('list', { name: 'Writes' })
    .getByText(/^Written/)
    .first()
    .waitFor()
})

test('a change that another admin made first is not overwritten, and is named', async () => {
  const { page } = await anAdmin()
  await connect(page)
  const ada = await stage.foyer.agent({ name: 'Ada First', profile: 'admin', online: false })
  const stored = async () => {
    const { connections } = await ada.http.get<ConnectionList>('/connections')
    return connections.find(({ connector }) => connector.id === 'salesforce') as Connection
  }
  const { mapping } = await stored()
  const meanwhile = async (jobTitle: string) => {
    const { id, version } = await stored()
    await ada.http.patch(`/connections/${id}`, {
      version,
      mapping: { ...mapping, Lead: { ...mapping.Lead, jobTitle } },
    })
  }
  await open(page, '?connector=salesforce&tab=fields')
  const title = page.getByLabel('Job title of Lead')
  const save = page.getByRole('button', { name: 'Save mapping' })
  const told = page
    .getByRole('alert')
    .filter({ hasText: 'Ada First has changed this connection since you opened it.' })
  expect(await title.inputValue()).toBe('Title')

  // theirs comes by itself where nothing would be lost
  await meanwhile('Description')
  await expect.poll(() => title.inputValue()).toBe('Description')
  expect(await page.getByText('Not saved yet').count()).toBe(0)

  // and is no reason to overwrite it once the page has read it
  await title.selectOption('Status')
  await meanwhile('Title')
  const read = (response: Response) =>
    response.url().endsWith('/api/v1/connections') && response.request().method() === 'GET'
  await page.waitForResponse(read)
  await page.waitForResponse(read)
  expect(await title.inputValue()).toBe('Status')
  // a page longer than the window: the bar comes into sight above the one to save with
  await page.setViewportSize(sizes.laptop)
  await title.scrollIntoViewIfNeeded()
  await save.click()
  await told.waitFor()
  const [bar, saving] = await Promise.all([told.boundingBox(), save.boundingBox()])
  expect((bar?.y ?? 0) + (bar?.height ?? 0)).toBeLessThanOrEqual(saving?.y ?? 0)
  await axeFindsNothing(page, 'a mapping somebody else has changed')
  expect((await stored()).mapping.Lead?.jobTitle).toBe('Title')
  await told.getByRole('button', { name: 'Load theirs' }).click()
  await expect.poll(() => title.inputValue()).toBe('Title')
  expect(await told.count()).toBe(0)

  await title.selectOption('Status')
  await meanwhile('Description')
  await save.click()
  await told.getByRole('button', { name: 'Keep mine' }).click()
  await page.getByText(/^Saved\. Panels show it/).waitFor()
  expect((await stored()).mapping.Lead?.jobTitle).toBe('Status')
  await meanwhile('Title')
})

test('how the app is made is folded once it is, and stands open while something is left to do', async () => {
  const { page } = await anAdmin()
  await connect(page)
  const steps = page.getByText('Setup → External Client App Manager')
  await open(page, '?connector=salesforce')
  const fold = page.locator('summary', { hasText: 'Make an app in Salesforce' })
  await fold.getByText('Done').waitFor()
  expect(await steps.isVisible()).toBe(false)
  await fold.focus()
  await page.keyboard.press('Enter')
  await steps.waitFor()
  await page.getByRole('group', { name: 'Redirect address' }).waitFor()
  await axeFindsNothing(page, 'how a connected app was made')

  // another app has to be connected again
  const id = page.getByLabel('Client id')
  await id.fill('another-app')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await card(page).getByText('The settings were changed. Connect again.').waitFor()
  await steps.waitFor()
  expect(await fold.getByText('Done').count()).toBe(0)
  await page.reload()
  await steps.waitFor()
  await id.fill('foyer-demo')
  await page.locator('form').getByRole('button', { name: 'Reconnect Salesforce' }).click()
  await page.getByRole('link', { name: 'Allow' }).click()
  await page.getByText('Salesforce is connected.').waitFor()
})

test('an admin calls a status by a name of their own, and new people get it by that name', async () => {
  const { page } = await anAdmin()
  await connect(page)
  await open(page, '?connector=salesforce&tab=fields')
  const named = page.getByRole('combobox', { name: 'Working - Contacted in Foyer' })
  await named.fill('In progress')
  await named.press('Tab')
  await axeFindsNothing(page, 'statuses by name')
  await page.getByRole('button', { name: 'Save mapping' }).click()
  await page.getByText(/^Saved\. Panels show it/).waitFor()
  const agent = await anAgent()
  await chats(agent, { name: 'Sofia', email: 'sofia.ricci@northwind.test' }, 'Which status have I?')
  await agent.visitor.getByText('In progress', { exact: true }).waitFor()
  await ends(agent)

  await open(page, '?connector=salesforce&tab=writing')
  await page.getByRole('combobox', { name: 'As', exact: true }).selectOption('Lead')
  await page.getByRole('combobox', { name: 'Status', exact: true }).selectOption('In progress')
  await page.getByRole('button', { name: 'Save rules' }).click()
  await page.getByText('Saved', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Preview writes' }).click()
  const preview = page.getByRole('region', { name: 'What would be written' })
  await preview.getByText('Working - Contacted', { exact: true }).waitFor()
  // back as it was, by an empty field
  await open(page, '?connector=salesforce&tab=fields')
  await named.fill('')
  await named.press('Tab')
  await page.getByRole('button', { name: 'Save mapping' }).click()
  await page.getByText(/^Saved\. Panels show it/).waitFor()
})

test('of two CRMs the one that comes first is shown, and one that is paused waits', async () => {
  await stage.foyer.pool.query(
    "update connections set field_precedence = '{}', precedence = case connector when 'salesforce' then 1 else 2 end",
  )
  const { page } = await anAdmin()
  await connect(page)
  const sofia = {
    firstname: 'Sofia',
    lastname: 'Ricci',
    jobtitle: 'Buyer',
    email: 'sofia.ricci@northwind.test',
  }
  if (!other.store.findByEmail(sofia.email)) other.store.create('contacts', sofia)
  const second = page.getByRole('article', { name: 'HubSpot' })
  if (await page.getByRole('link', { name: 'Connect HubSpot' }).isVisible()) {
    await page.getByRole('link', { name: 'Connect HubSpot' }).click()
    await page.getByLabel('Client id').fill(other.clientId)
    await page.getByLabel('Client secret').fill(other.clientSecret)
    await page.getByRole('button', { name: 'Connect HubSpot' }).click()
  }
  await second.getByText('1 read').waitFor()
  await page.getByText('Salesforce wins, then HubSpot').waitFor()

  const agent = await anAgent()
  await chats(agent, { name: 'Sofia', email: sofia.email }, 'Me again')
  const title = (value: string) => agent.visitor.getByText(value, { exact: true }).first().waitFor()
  await title('Head of Purchasing')
  await page.getByRole('button', { name: 'Change order' }).click()
  const dialog = page.getByRole('dialog', { name: 'Which CRM comes first' })
  await dialog.getByRole('combobox', { name: 'Job title comes first from' }).selectOption('HubSpot')
  await dialog.getByRole('button', { name: 'Save order' }).click()
  await dialog.waitFor({ state: 'detached' })
  await agent.visitor.getByRole('button', { name: 'Refresh' }).click()
  await title('Buyer')
  await title('+39 02 5550 0142')

  await page.getByRole('button', { name: 'Change order' }).click()
  await dialog.getByRole('button', { name: 'Move HubSpot up' }).click()
  await dialog.getByRole('button', { name: 'Save order' }).click()
  await page.getByText('HubSpot wins, then Salesforce').waitFor()
  await page.getByRole('button', { name: 'More for HubSpot' }).click()
  await page.getByRole('menuitem', { name: 'Pause' }).click()
  await second.getByText('Nothing is read or written.').waitFor()
  await agent.visitor.getByRole('button', { name: 'Refresh' }).click()
  await agent.visitor.getByText('HubSpot: paused').waitFor()
  await second.getByRole('button', { name: 'Resume' }).click()
  await second.getByText('Connected', { exact: true }).waitFor()
  await ends(agent)
})

test('an admin disconnects: the access is given back, and what was read is erased', async () => {
  const { page } = await anAdmin()
  await connect(page)
  await page.getByRole('button', { name: 'More for Salesforce' }).click()
  await page.getByRole('menuitem', { name: 'Disconnect…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Disconnect Salesforce?' })
  await dialog.getByRole('radio', { name: /^Erase it/ }).check()
  await axeFindsNothing(page, 'disconnecting')
  await dialog.getByRole('button', { name: 'Disconnect Salesforce', exact: true }).click()
  await page.getByText('Salesforce is disconnected.').waitFor()
  await page.getByRole('link', { name: 'Connect Salesforce' }).waitFor()
  expect(
    crm.log.filter(({ path, status }) => path === '/services/oauth2/revoke' && status === 200),
  ).toHaveLength(1)
  await expect
    .poll(
      async () =>
        (await stage.foyer.pool.query("select from people_mirror where connector = 'salesforce'")).rowCount,
    )
    .toBe(0)
})
