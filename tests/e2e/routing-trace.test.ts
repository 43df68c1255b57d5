import type { Locator } from 'playwright-core'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Team } from '#core/contracts/teams.ts'
import type { AgentActor } from '../support/agent-actor.ts'
import { never } from '../support/factories.ts'
import { follow, type InboxScreen } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'

/** Who reads how a chat is routed while it is reads each step as it is taken. */

let stage: Stage

beforeAll(async () => {
  stage = await setStage()
})

async function openTrace(inbox: InboxScreen): Promise<Locator> {
  await inbox.button('How this was routed').click()
  return inbox.page.getByRole('region', { name: 'How this was routed' })
}

/** Marked, so that a page that was loaded again would be seen. */
async function mark({ page }: InboxScreen): Promise<void> {
  await page.evaluate(() => document.documentElement.setAttribute('data-marked', ''))
  onTestFinished(async () => expect(await page.locator('html[data-marked]').count()).toBe(1))
}

/** Which of them is asked. */
const asked = (...agents: AgentActor[]): Promise<AgentActor> =>
  Promise.race(agents.map((agent) => agent.offered().then(() => agent)))

test('somebody who watches a request reads who declined it, who let it pass, and that it was missed', async () => {
  const boss = await stage.agent({ name: 'Priya Watches', schedule: never, supervises: true })
  const dana = await stage.agentOffStage({ name: 'Dana Quick' })
  const marco = await stage.agentOffStage({ name: 'Marco Slow' })
  const visitor = await stage.visitorOffStage()
  const { id } = await visitor.asks()
  const first = await asked(dana, marco)
  const second = first === dana ? marco : dana
  await follow(boss.page, `c/${id}`)
  const trace = await openTrace(boss)
  await mark(boss)

  await trace.getByText(`${first.me.name} is being asked`).waitFor()
  await first.declines()
  await trace.getByText(`${first.me.name} declined after`).waitFor()
  await trace.getByText(`${second.me.name} is being asked`).waitFor()
  await stage.foyer.pool.query(`update offers set expires_at = $1 where state = 'pending'`, [
    stage.foyer.clock.now(),
  ])
  await trace.getByText(`${second.me.name} did not answer for`).waitFor()
  await trace.getByText('Nobody accepted').waitFor()
})

test('whoever hands a chat over reads whom of the team it was put to, and that nobody of it was free', async () => {
  const { agent: owner } = await stage.chatInInbox({ name: 'Omar Said' })
  const dana = await stage.agentOffStage({ name: 'Dana Quick' })
  const marco = await stage.agentOffStage({ name: 'Marco Slow' })
  const admin = await stage.foyer.agent({ profile: 'admin', online: false })
  const agentIds = [dana.id, marco.id]
  await admin.http.post<Team>('/teams', { name: `Racks of ${owner.row.name}`, agentIds })
  const trace = await openTrace(owner)
  await mark(owner)
  const toRacks = async () => {
    await owner.button('More actions').click()
    await owner.page.getByRole('menuitem', { name: 'Hand over…' }).click()
    const dialog = owner.page.getByRole('dialog', { name: 'Hand over' })
    await dialog.getByRole('radio', { name: `Racks of ${owner.row.name}` }).check()
    return dialog
  }
  const submit = (dialog: Locator) => dialog.getByRole('button', { name: 'Hand over', exact: true }).click()
  await submit(await toRacks())
  const first = await asked(dana, marco)
  const second = first === dana ? marco : dana
  await first.declines()
  await trace.getByText(`${first.me.name} declined after`).waitFor()
  await trace.getByText(`${second.me.name} is being asked`).waitFor()
  await second.declines()
  await trace.getByText(`${owner.row.name} kept the chat`).waitFor()

  const dialog = await toRacks()
  await stage.foyer.pool.query('update agents set active = false where id = any ($1)', [agentIds])
  await submit(dialog)
  await dialog.getByText('Nobody of this team can take the chat right now.').waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await trace.getByText('Nobody else is in this team').waitFor()
})
