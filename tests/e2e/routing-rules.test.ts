import type { Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import type { RoutingRule, SaveRule } from '#core/contracts/routing-rules.ts'
import { screenshot } from '../support/browser.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { type Stage, setStage } from '../support/stage.ts'

let stage: Stage

beforeAll(async () => {
  // a Monday, 11:00 in Rome
  stage = await setStage({ startsAt: new Date('2026-11-23T10:00:00Z') })
  await stage.foyer.pool.query("update sites set route = 'rules'")
})

const anAdmin = (name: string) => stage.agent({ name, profile: 'admin', at: 'settings/routing-rules' })
const rules = async (page: Page) =>
  page
    .getByRole('list', { name: 'Rules, first to last' })
    .getByRole('listitem')
    .evaluateAll((rows) => rows.map((row) => row.querySelector('.name')?.textContent))

const aRule = (name: string, agentId: string): SaveRule => ({
  name,
  enabled: true,
  conditions: {
    type: 'group',
    match: 'all',
    conditions: [
      { type: 'condition', fact: 'visitor.company', operator: 'contains', value: name.toLowerCase() },
    ],
  },
  target: { type: 'agents', agentIds: [agentId] },
})

async function write(page: Page, name: string, company: string, agent: string) {
  await page.getByRole('button', { name: 'Add rule' }).click()
  await page.getByRole('textbox', { name: 'Name' }).fill(name)
  await page.getByRole('button', { name: 'Add condition' }).click()
  const condition = page.getByRole('group', { name: 'Condition 1' })
  await condition.getByRole('combobox', { name: 'What' }).selectOption('Company')
  await condition.getByRole('combobox', { name: 'How' }).selectOption('contains')
  await condition.getByRole('textbox', { name: 'Value' }).fill(company)
  await page.getByRole('checkbox', { name: agent }).check()
}

test('an admin writes a rule, tries it, and the next request goes where it says', async () => {
  const nora = await stage.agentOffStage({ name: 'Nora North' })
  await stage.agentOffStage({ name: 'Otto Other' })
  const { page } = await anAdmin('Ada Admin')
  await page.getByRole('heading', { name: 'No rules yet' }).waitFor()
  await axeFindsNothing(page, 'no rules')
  await write(page, 'Northwind', 'northwind', 'Nora North')

  // before it is saved
  await page.getByRole('radio', { name: 'An example' }).check({ force: true })
  await page.getByRole('textbox', { name: 'Example: Company' }).fill('NORTHWIND Traders')
  await page.getByRole('button', { name: 'Try it', exact: true }).click()
  await page.getByText('The rule holds for this request.').waitFor()
  await page.getByText('Holds', { exact: true }).waitFor({ state: 'attached' })
  await page.getByText('(known: NORTHWIND Traders)').waitFor()
  const asked = page.getByRole('list', { name: 'Who would be asked' })
  await expect
    .poll(() => asked.getByRole('listitem').first().textContent())
    .toMatch(/Nora North.*rule “Northwind”.*Asked now/s)
  await axeFindsNothing(page, 'a rule that is tried')
  await page.getByRole('textbox', { name: 'Example: Company' }).fill('Contoso')
  await page.getByRole('button', { name: 'Try it', exact: true }).click()
  await page.getByText('The rule does not hold for this request.').waitFor()
  // what is changed now is not in that answer
  await page
    .getByRole('group', { name: 'Condition 1' })
    .getByRole('textbox', { name: 'Value' })
    .fill('northw')
  await page.getByText('What was changed since is not in this answer yet.').waitFor()

  await page.getByRole('button', { name: 'Save rule' }).click()
  await expect.poll(() => rules(page)).toEqual(['Northwind'])
  await axeFindsNothing(page, 'the list of rules')

  const visitor = await stage.foyer.visitor({
    fields: { name: 'Sofia', email: 'sofia@northwind.test', company: 'Northwind' },
  })
  const { id } = await visitor.asks()
  await nora.accepts(id)

  // and last week’s requests, this one among them, once it is over
  await visitor.ends(id)
  await page.getByRole('button', { name: 'Northwind', exact: true }).click()
  await page.getByRole('button', { name: 'Replay', exact: true }).click()
  await page.getByText('It holds for 1 of 1 request. It would decide all of them.').waitFor()
  const row = page.getByRole('region', { name: 'Requests it would have matched' }).getByRole('row').last()
  await expect.poll(() => row.textContent()).toMatch(/Sofia.*Northwind.*Nora North took it.*This rule/s)
  await axeFindsNothing(page, 'a replay')
  await page.getByRole('radio', { name: 'A recent request' }).check({ force: true })
  await page.getByRole('button', { name: 'Try it', exact: true }).click()
  await page.getByText('The rule holds for this request.').waitFor()
})

test('rules are put in order by keyboard and by dragging, switched off, deleted and brought back', async () => {
  await stage.foyer.pool.query('delete from routing_rules')
  const ada = await stage.foyer.agent({ name: 'Ada Again', profile: 'admin', online: false })
  for (const name of ['First', 'Second', 'Third']) await ada.http.post('/routing-rules', aRule(name, ada.id))
  const { page } = await anAdmin('Ada Looks')
  await expect.poll(() => rules(page)).toEqual(['First', 'Second', 'Third'])
  expect(await page.getByText('No site asks these rules yet.').isVisible()).toBe(false)
  await page.getByRole('button', { name: 'Move Third, 3 of 3' }).focus()
  await page.keyboard.press('ArrowUp')
  await expect.poll(() => rules(page)).toEqual(['First', 'Third', 'Second'])
  // the keyboard stays with the rule
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.getAttribute('aria-label')))
    .toBe('Move Third, 2 of 3')
  await page
    .getByRole('button', { name: 'Move Second, 3 of 3' })
    .dragTo(page.getByRole('button', { name: 'First', exact: true }))
  await expect.poll(() => rules(page)).toEqual(['Second', 'First', 'Third'])

  await page.getByRole('switch', { name: 'First is on' }).click()
  await expect
    .poll(() => page.getByRole('switch', { name: 'First is on' }).getAttribute('aria-checked'))
    .toBe('false')
  await page.getByRole('button', { name: 'Change First' }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
  await expect.poll(() => rules(page)).toEqual(['Second', 'Third'])
  await page.getByRole('button', { name: 'Undo' }).click()
  await expect.poll(() => rules(page)).toEqual(['Second', 'First', 'Third'])
  await stage.foyer.pool.query("update sites set route = 'round_robin'")
  await page.reload()
  await page.getByText('No site asks these rules yet.').waitFor()
  await axeFindsNothing(page, 'rules that no site asks')
  await expect.poll(() => rules(page)).toEqual(['Second', 'First', 'Third'])
  expect(await page.getByRole('switch', { name: 'First is on' }).getAttribute('aria-checked')).toBe('false')

  // somebody else has deleted one meanwhile
  await stage.foyer.pool.query("delete from routing_rules where name = 'Third'")
  await page.getByRole('button', { name: 'Move First, 2 of 3' }).focus()
  await page.keyboard.press('ArrowUp')
  await page.getByText('Nothing has changed. Somebody added or deleted a rule meanwhile.').waitFor()
  await expect.poll(() => rules(page)).toEqual(['Second', 'First'])
})

test('groups, lists and times are edited as their facts ask, and what is wrong stands at its field', async () => {
  await stage.foyer.pool.query('delete from routing_rules')
  const { page } = await anAdmin('Ada Third')
  await page.getByRole('button', { name: 'Add rule' }).click()
  await page.getByRole('button', { name: 'Save rule' }).click()
  await expect
    .poll(() => page.getByRole('textbox', { name: 'Name' }).getAttribute('aria-invalid'))
    .toBe('true')
  await page.getByRole('textbox', { name: 'Name' }).fill('Mornings in Italy')
  await page.getByRole('checkbox', { name: 'Ada Third' }).check()

  await page.getByRole('button', { name: 'Add condition' }).click()
  await page.getByRole('combobox', { name: 'What' }).selectOption('Weekday')
  await page.getByRole('combobox', { name: 'How' }).selectOption('is one of')
  await page.getByRole('checkbox', { name: 'Monday' }).check()
  await page.getByRole('checkbox', { name: 'Tuesday' }).check()
  await page.getByText('Times are in Europe/Rome.').waitFor()
  await page.getByRole('button', { name: 'Add group' }).click()
  const group = page.getByRole('group', { name: 'Group' })
  await group.getByRole('combobox', { name: 'What' }).selectOption('Language')
  await group.getByRole('combobox', { name: 'How' }).selectOption('is one of')
  await group.getByRole('textbox', { name: 'Values, one a line' }).fill('it\nit-CH\n')
  await group.getByRole('button', { name: 'Add condition' }).click()
  const second = group.getByRole('group', { name: 'Condition 2' })
  await second.getByRole('combobox', { name: 'What' }).selectOption('Other CRM field…')
  await second.getByRole('textbox', { name: 'CRM field' }).fill('employees')
  await second.getByRole('combobox', { name: 'How' }).selectOption('is at least')
  await second.getByRole('textbox', { name: 'Value' }).fill('many')
  await axeFindsNothing(page, 'the editor')
  await page.getByRole('button', { name: 'Save rule' }).click()
  await second.getByText(/a number, or a date/).waitFor()
  await second.getByRole('textbox', { name: 'Value' }).fill('200')
  await page.getByRole('button', { name: 'Save rule' }).click()
  await expect.poll(() => rules(page)).toEqual(['Mornings in Italy'])
  await page
    .getByText(
      'Weekday is one of Monday, Tuesday and (language is one of Italian, Italian (Switzerland) or CRM employees is at least 200)',
    )
    .waitFor()
  await page.getByRole('button', { name: 'Mornings in Italy', exact: true }).click()
  await expect.poll(() => page.getByRole('checkbox', { name: 'Tuesday' }).isChecked()).toBe(true)
})

test('of two admins who change one rule, the second reads so and loads theirs or keeps their own', async () => {
  await stage.foyer.pool.query('delete from routing_rules')
  const ada = await stage.foyer.agent({ name: 'Ada First', profile: 'admin', online: false })
  const { id } = await ada.http.post<RoutingRule>('/routing-rules', aRule('Contoso', ada.id))
  const bob = await anAdmin('Bob Second')
  const name = bob.page.getByRole('textbox', { name: 'Name' })
  const hersIs = (to: string) => ada.http.put(`/routing-rules/${id}`, aRule(to, ada.id))
  const his = async (to: string) => {
    await name.fill(to)
    await bob.button('Save rule').click()
  }
  await bob.button('Contoso').click()
  await hersIs('Contoso Spain')
  await his('Contoso Italy')
  const told = bob.page.getByRole('alert').filter({ hasText: 'Ada First has changed this rule' })
  await told.waitFor()
  await axeFindsNothing(bob.page, 'a rule somebody else has changed')
  expect(await name.inputValue()).toBe('Contoso Italy')
  await screenshot(bob.page, 'rule-changed-meanwhile')
  await told.getByRole('button', { name: 'Load theirs' }).click()
  expect(await name.inputValue()).toBe('Contoso Spain')
  expect(await told.count()).toBe(0)

  await hersIs('Contoso France')
  await his('Contoso Italy')
  await told.getByRole('button', { name: 'Keep mine' }).click()
  await bob.button('Contoso Italy').waitFor()
  await expect.poll(() => rules(bob.page)).toEqual(['Contoso Italy'])
})
