import type { Locator, Page } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import type { Account } from '#core/contracts/accounts.ts'
import type { CannedReply } from '#core/contracts/canned-replies.ts'
import type { MailSettings } from '#core/contracts/mail.ts'
import type { OutcomeList } from '#core/contracts/outcomes.ts'
import type { Site } from '#core/contracts/sites.ts'
import type { Team } from '#core/contracts/teams.ts'
import type { AgentActor } from '../support/agent-actor.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { roundTheClock } from '../support/factories.ts'
import { follow, type InboxScreen } from '../support/inbox-screen.ts'
import { isSoak } from '../support/soak.ts'
import { type Stage, setStage } from '../support/stage.ts'

/** Somebody saves what an admin has open: the admin reads so, and loads theirs or keeps their own. Rules and connections
 *  have theirs in tests of their own. */

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})

interface Form {
  field: Locator
  save: Locator
  /** What somebody else saves there. */
  meanwhile: (ada: AgentActor, value: string) => Promise<unknown>
  saved: (ada: AgentActor) => Promise<string>
  values: [mine: string, theirs: string, later: string]
  told: RegExp
  /** A dialog goes once it is saved. */
  closes?: boolean
}

/** The dialog to change one of a list. */
async function changing(page: Page, section: string, name: string): Promise<Locator> {
  await follow(page, `settings/${section}`)
  await page.getByRole('button', { name: `Change or delete ${name}` }).click()
  await page.getByRole('menuitem', { name: 'Change' }).click()
  return page.getByRole('dialog')
}

const forms: Record<string, (bob: InboxScreen, ada: AgentActor) => Promise<Form>> = {
  async team({ page }, ada) {
    const { id } = await ada.http.post<Team>('/teams', { name: 'Sales', agentIds: [] })
    const dialog = await changing(page, 'teams', 'Sales')
    return {
      field: dialog.getByRole('textbox', { name: 'Team name' }),
      save: dialog.getByRole('button', { name: 'Save' }),
      meanwhile: (ada, name) => ada.http.put(`/teams/${id}`, { name, agentIds: [] }),
      saved: async (ada) => {
        const { teams } = await ada.http.get<{ teams: Team[] }>('/teams')
        return teams.find((one) => one.id === id)?.name ?? ''
      },
      values: ['Sales Italy', 'Sales Spain', 'Sales France'],
      told: /Ada First has changed this team/,
      closes: true,
    }
  },
  async site({ page }, ada) {
    await follow(page, 'settings/sites')
    const read = async (by = ada) => {
      const { sites } = await by.http.get<{ sites: Site[] }>('/sites')
      return sites.find(({ id }) => id === stage.foyer.site.id) as Site
    }
    const form = page.getByRole('main')
    return {
      field: form.getByRole('textbox', { name: 'Site name', exact: true }),
      save: form.getByRole('button', { name: 'Save' }),
      meanwhile: async (ada, name) => {
        const { allowedOrigins, settings, route } = await read(ada)
        return ada.http.put(`/sites/${stage.foyer.site.id}`, { name, allowedOrigins, settings, route })
      },
      saved: async (ada) => (await read(ada)).name,
      values: ['Shop Italy', 'Shop Spain', 'Shop France'],
      told: /Ada First has changed this site/,
    }
  },
  async schedule({ page }) {
    const dana = await stage.hire({ name: 'Dana Weber' })
    await follow(page, `settings/availability?agent=${dana.id}`)
    const form = page.getByRole('form')
    const blocks = roundTheClock.blocks.filter(({ weekday }) => weekday !== 1)
    const path = `/agents/${dana.id}/live-chat-schedule`
    return {
      field: form.getByRole('textbox', { name: 'Monday, end of block 1' }),
      save: form.getByRole('button', { name: 'Save', exact: true }),
      meanwhile: (ada, end) =>
        ada.http.put(path, { ...roundTheClock, blocks: [{ weekday: 1, start: '00:00', end }, ...blocks] }),
      saved: async () => {
        const { rows } = await stage.foyer.pool.query(
          'select live_chat_schedule as schedule from agents where id = $1',
          [dana.id],
        )
        return rows[0].schedule.blocks.find(({ weekday }: { weekday: number }) => weekday === 1).end
      },
      values: ['16:00', '17:00', '18:00'],
      told: /Ada First has changed this schedule/,
    }
  },
  async account({ page }, ada) {
    const facts = { domain: 'northwind.test', agentId: ada.id }
    const { id } = await ada.http.post<Account>('/accounts', { ...facts, company: null })
    const dialog = await changing(page, 'accounts', 'northwind.test')
    return {
      field: dialog.getByRole('textbox', { name: 'Company' }),
      save: dialog.getByRole('button', { name: 'Save' }),
      meanwhile: (ada, company) => ada.http.put(`/accounts/${id}`, { ...facts, company }),
      saved: async (ada) => {
        const { accounts } = await ada.http.get<{ accounts: Account[] }>('/accounts?query=northwind.test')
        return accounts[0]?.company ?? ''
      },
      values: ['Northwind Italy', 'Northwind Spain', 'Northwind France'],
      told: /Ada First has changed this account/,
      closes: true,
    }
  },
  async 'canned reply'({ page }, ada) {
    const reply = { shared: true, shortcut: 'hello' }
    const { id } = await ada.http.post<CannedReply>('/canned-replies', { ...reply, text: 'Hello' })
    await follow(page, 'settings/canned-replies')
    await page.getByRole('button', { name: 'Change /hello' }).click()
    const dialog = page.getByRole('dialog')
    return {
      field: dialog.getByRole('textbox', { name: 'Text' }),
      save: dialog.getByRole('button', { name: 'Save' }),
      meanwhile: (ada, text) => ada.http.put(`/canned-replies/${id}`, { ...reply, text }),
      saved: async (ada) => {
        const { replies } = await ada.http.get<{ replies: CannedReply[] }>('/canned-replies')
        return replies.find((one) => one.id === id)?.text ?? ''
      },
      values: ['Ciao', 'Hola', 'Salut'],
      told: /Ada First has changed this canned reply/,
      closes: true,
    }
  },
  async 'list of outcomes'({ page }) {
    await follow(page, 'settings/outcomes')
    const form = page.getByRole('main')
    return {
      field: form.getByRole('textbox', { name: 'Outcome 1' }),
      save: form.getByRole('button', { name: 'Save' }),
      meanwhile: (ada, label) => ada.http.put('/outcomes', { outcomes: [{ key: 'spam', label }] }),
      saved: async (ada) => (await ada.http.get<OutcomeList>('/outcomes')).outcomes[0]?.label ?? '',
      values: ['Junk', 'Noise', 'Advertising'],
      told: /Ada First has changed this list/,
    }
  },
  async 'page of mail settings'({ page }) {
    await follow(page, 'settings/mail')
    const form = page.getByRole('main')
    return {
      field: form.getByRole('textbox', { name: 'From name' }),
      save: form.getByRole('button', { name: 'Save' }),
      meanwhile: (ada, fromName) =>
        ada.http.put('/mail-settings', { fromName, fromAddress: null, replyTo: null }),
      saved: async (ada) => (await ada.http.get<MailSettings>('/mail-settings')).fromName ?? '',
      values: ['Meridian Italy', 'Meridian Spain', 'Meridian France'],
      told: /Ada First has changed this page/,
    }
  },
}

test('whoever saves what was changed meanwhile decides which stays, on every form', async () => {
  const ada = await stage.foyer.agent({ name: 'Ada First', profile: 'admin', online: false })
  const bob = await stage.agent({ name: 'Bob Second', profile: 'admin', at: 'settings/preferences' })
  for (const [name, opens] of Object.entries(forms)) {
    const form = await opens(bob, ada)
    const { field, save, values } = form
    const [mine, theirs, later] = values
    await field.waitFor()
    const told = bob.page.getByRole('alert').filter({ hasText: form.told })

    await form.meanwhile(ada, theirs)
    await field.fill(mine)
    await field.blur()
    await save.click()
    await told.waitFor()
    // the bar is the same everywhere: in a dialog, and on a page
    if (isSoak || name === 'team' || name === 'site')
      await axeFindsNothing(bob.page, `a ${name} somebody else has changed`)
    expect(await field.inputValue(), name).toBe(mine)
    expect(await form.saved(ada), name).toBe(theirs)
    await told.getByRole('button', { name: 'Load theirs' }).click()
    await expect.poll(() => field.inputValue(), { message: name }).toBe(theirs)
    expect(await told.count(), name).toBe(0)

    await form.meanwhile(ada, later)
    await field.fill(mine)
    await field.blur()
    await save.click()
    await told.getByRole('button', { name: 'Keep mine' }).click()
    await told.waitFor({ state: 'detached' })
    if (form.closes) await field.waitFor({ state: 'detached' })
    await expect.poll(() => form.saved(ada), { message: name }).toBe(mine)
  }
})

test('whoever says which agent an owner is, and somebody else did meanwhile, decides which stays', async () => {
  const ada = await stage.foyer.agent({ name: 'Ada First', profile: 'admin', online: false })
  const user = 'sales@northwind.test'
  await stage.foyer.pool.query(
    `insert into people (id, email, name, owner_email, updated_at)
     values (gen_random_uuid(), 'sofia@northwind.test', 'Sofia', $1, now())`,
    [user],
  )
  const meanwhile = (agent: object) => ada.http.put('/crm-users', { connector: 'directory', user, agent })
  const { page } = await stage.agent({ name: 'Bob Second', profile: 'admin', at: 'settings/accounts' })
  const owner = page.getByRole('combobox', { name: `Agent for ${user}, Directory` })
  const told = page.getByRole('alert').filter({ hasText: 'Ada First has changed this owner' })
  await owner.waitFor()

  await meanwhile({ by: 'hand', agentId: ada.id })
  await owner.selectOption({ label: 'Bob Second' })
  await told.getByRole('button', { name: 'Load theirs' }).click()
  await expect.poll(() => owner.inputValue()).toBe(ada.id)
  await told.waitFor({ state: 'detached' })

  await meanwhile({ by: 'hand', agentId: null })
  await owner.selectOption('email')
  await told.getByRole('button', { name: 'Keep mine' }).click()
  await told.waitFor({ state: 'detached' })
  expect(await owner.inputValue()).toBe('email')
  const { rows } = await stage.foyer.pool.query('select from agent_crm_users')
  expect(rows).toEqual([])
})

test('pages that an update has taken away are missed in words, and come with a reload', async () => {
  const { page } = await stage.agent()
  const code = '**/inbox/assets/SettingsFrame-*.js'
  await page.route(code, (route) => route.fulfill({ status: 404 }))
  await page.getByRole('link', { name: 'Settings' }).click()
  await page.getByText('Settings could not be loaded').waitFor()
  await page.unroute(code)
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('heading', { name: 'My preferences' }).waitFor()
})
