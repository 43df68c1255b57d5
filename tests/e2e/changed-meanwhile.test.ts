import type { Locator } from 'playwright-core'
import { beforeAll, expect, test } from 'vitest'
import type { Site } from '#core/contracts/sites.ts'
import type { Team } from '#core/contracts/teams.ts'
import type { AgentActor } from '../support/agent-actor.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { roundTheClock } from '../support/factories.ts'
import type { InboxScreen } from '../support/inbox-screen.ts'
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

const forms: Record<string, (bob: InboxScreen, ada: AgentActor) => Promise<Form>> = {
  async team({ page }, ada) {
    const { id } = await ada.http.post<Team>('/teams', { name: 'Sales', agentIds: [] })
    await page.goto(`${stage.foyer.origin}/inbox/settings/teams`)
    await page.getByRole('button', { name: 'Change or delete Sales' }).click()
    await page.getByRole('menuitem', { name: 'Change' }).click()
    const dialog = page.getByRole('dialog')
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
    await page.goto(`${stage.foyer.origin}/inbox/settings/sites`)
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
    await page.goto(`${stage.foyer.origin}/inbox/settings/availability?agent=${dana.id}`)
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
      told: /Somebody has changed this schedule/,
    }
  },
}

test.each(Object.keys(forms))(
  'whoever saves a %s that was changed meanwhile decides which stays',
  async (name) => {
    const ada = await stage.foyer.agent({ name: 'Ada First', profile: 'admin', online: false })
    const bob = await stage.agent({ name: 'Bob Second', profile: 'admin' })
    const form = await (forms[name] as (typeof forms)[string])(bob, ada)
    const { field, save, values } = form
    const [mine, theirs, later] = values
    await field.waitFor()
    const told = bob.page.getByRole('alert').filter({ hasText: form.told })

    await form.meanwhile(ada, theirs)
    await field.fill(mine)
    await field.blur()
    await save.click()
    await told.waitFor()
    await axeFindsNothing(bob.page, `a ${name} somebody else has changed`)
    expect(await field.inputValue()).toBe(mine)
    expect(await form.saved(ada)).toBe(theirs)
    await told.getByRole('button', { name: 'Load theirs' }).click()
    await expect.poll(() => field.inputValue()).toBe(theirs)
    expect(await told.count()).toBe(0)

    await form.meanwhile(ada, later)
    await field.fill(mine)
    await field.blur()
    await save.click()
    await told.getByRole('button', { name: 'Keep mine' }).click()
    await told.waitFor({ state: 'detached' })
    if (form.closes) await field.waitFor({ state: 'detached' })
    await expect.poll(() => form.saved(ada)).toBe(mine)
  },
)
