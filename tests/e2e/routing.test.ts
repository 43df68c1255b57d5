import { beforeAll, expect, test } from 'vitest'
import { screenshot, sizes } from '../support/browser.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { follow } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})

test('an admin makes a team, sends a site’s requests to it, and lists an account; the owner is asked first', async () => {
  const marco = await stage.agentOffStage({ name: 'Marco Bianchi' })
  const dana = await stage.agent({ name: 'Dana Whitfield' })
  const admin = await stage.agent({ profile: 'admin', name: 'Ada Berg', at: 'settings/teams' })
  // the first in turn, were there nobody to come before
  await admin.available.click()
  await expect.poll(() => admin.available.getAttribute('aria-checked')).toBe('false')
  const { page } = admin
  const dialog = (name: string) => page.getByRole('dialog', { name })

  await page.getByText('No team yet').waitFor()
  await page.getByRole('main').getByRole('button', { name: 'Add team' }).first().click()
  await dialog('Add a team').getByRole('textbox', { name: 'Team name' }).fill('Purchasing desk')
  await dialog('Add a team').getByRole('checkbox', { name: 'Dana Whitfield' }).check()
  await axeFindsNothing(page, 'adding a team')
  await dialog('Add a team').getByRole('button', { name: 'Add team' }).click()
  await page.getByRole('cell', { name: 'Dana Whitfield', exact: true }).waitFor()
  await screenshot(page, 'settings-teams')

  await follow(page, 'settings/sites')
  await page.getByRole('combobox', { name: 'Requests go to' }).selectOption('A team')
  await page.getByRole('combobox', { name: 'Team' }).waitFor()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Saved', { exact: true }).waitFor()
  await axeFindsNothing(page, 'a site’s route')

  await follow(page, 'settings/accounts')
  await page.getByText('No account yet').waitFor()
  await page.getByRole('button', { name: 'Add account' }).click()
  const account = dialog('Add an account')
  await account.getByRole('textbox', { name: 'Domain' }).fill('gmail.com')
  await account.getByRole('combobox', { name: 'Agent' }).selectOption('Marco Bianchi')
  await account.getByRole('button', { name: 'Add account' }).click()
  await account.getByText('Anybody can have an address at gmail.com').waitFor()
  await account.getByRole('textbox', { name: 'Domain' }).fill('https://www.Northwind.test/contact')
  await account.getByRole('button', { name: 'Add account' }).click()
  await page.getByRole('cell', { name: 'northwind.test', exact: true }).waitFor()
  await page.getByRole('button', { name: 'Import CSV' }).click()
  await page.getByLabel('Choose a CSV file').setInputFiles({
    name: 'accounts.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from('domain,agent\ncontoso.test,Dana Whitfield\nyahoo.com,Dana Whitfield\n'),
  })
  await page.getByText('2 rows read').waitFor()
  await page.getByRole('cell', { name: 'Anybody can have an address at yahoo.com' }).waitFor()
  await page.getByRole('button', { name: 'Done' }).click()
  await page.getByRole('cell', { name: 'contoso.test', exact: true }).waitFor()
  await axeFindsNothing(page, 'accounts')
  await screenshot(page, 'settings-accounts')

  // the account's owner first, and whoever is of the team after them
  const visitor = await stage.visitorOffStage({ name: 'Sofia', email: 'sofia.ricci@northwind.test' })
  const { id } = await visitor.asks()
  await marco.declines(id)
  await dana.accept()
  const how = dana.visitor.getByRole('region', { name: 'How this was routed' })
  expect(await how.getByRole('listitem').count()).toBe(0)
  await how.getByRole('button', { name: 'How this was routed' }).click()
  await how.getByText('Account owner: northwind.test').waitFor()
  await how.getByText(/^Marco Bianchi declined after \d+/).waitFor()
  await how.getByText('Team: Purchasing desk').waitFor()
  await how.getByText(/^Dana Whitfield accepted after \d+/).waitFor()
  expect(await how.getByRole('listitem').count()).toBe(2)
  await axeFindsNothing(dana.page, 'how a chat was routed')
  await dana.page.setViewportSize(sizes.desktop)
  await screenshot(dana.page, 'how-routed')

  // nobody but the chat's own agent reads how it came there
  const answer = await page.request.get(`${stage.foyer.origin}/api/v1/conversations/${id}/routing`)
  expect(answer.status()).toBe(404)

  await follow(page, 'settings/teams')
  await page.getByRole('button', { name: 'Change or delete Purchasing desk' }).click()
  await page.getByRole('menuitem', { name: 'Delete…' }).click()
  const sure = dialog('Delete Purchasing desk?')
  await sure.getByText('Requests from Main site then go to all agents in turn.').waitFor()
  await sure.getByRole('button', { name: 'Delete team' }).click()
  await page.getByText('No team yet').waitFor()
  const { rows: sites } = await stage.foyer.pool.query('select route from sites')
  expect(sites).toEqual([{ route: 'round_robin' }])
})
