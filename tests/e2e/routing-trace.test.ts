import type { Locator } from 'playwright-core'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Team } from '#core/contracts/teams.ts'
import { never } from '../support/factories.ts'
import type { InboxScreen } from '../support/inbox-screen.ts'
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
const asked = <T extends InboxScreen>(...agents: T[]): Promise<T> =>
  Promise.race(agents.map((agent) => agent.offers.waitFor().then(() => agent)))

test('somebody who watches a request reads who declined it, who let it pass, and that it was missed', async () => {
  const boss = await stage.agent({ name: 'Priya Watches', schedule: never, supervises: true })
  const dana = await stage.agent({ name: 'Dana Quick' })
  const marco = await stage.agent({ name: 'Marco Slow' })
  const visitor = await stage.visitor()
  await visitor.asks({ name: 'Sofia Ricci', text: 'Do the racks come in blue?' })
  const first = await asked(dana, marco)
  const second = first === dana ? marco : dana
  const { rows } = await stage.foyer.pool.query(`select id from conversations where status = 'waiting'`)
  await boss.page.goto(`${stage.foyer.origin}/inbox/c/${rows[0].id}`)
  const trace = await openTrace(boss)
  await mark(boss)

  await trace.getByText(`${first.row.name} is being asked`).waitFor()
  await first.offers.getByRole('button', { name: 'Decline' }).click()
  await trace.getByText(`${first.row.name} declined after`).waitFor()
  await trace.getByText(`${second.row.name} is being asked`).waitFor()
  await stage.foyer.pool.query(`update offers set expires_at = $1 where state = 'pending'`, [
    stage.foyer.clock.now(),
  ])
  await trace.getByText(`${second.row.name} did not answer for`).waitFor()
  await trace.getByText('Nobody accepted').waitFor()
})

test('whoever hands a chat over reads whom of the team it was put to, and that nobody of it was free', async () => {
  const { agent: owner } = await stage.chat({ name: 'Omar Said' })
  const dana = await stage.agent({ name: 'Dana Quick' })
  const marco = await stage.agent({ name: 'Marco Slow' })
  const admin = await stage.foyer.agent({ profile: 'admin', online: false })
  const agentIds = [dana.row.id, marco.row.id]
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
  await first.offers.getByRole('button', { name: 'Decline' }).click()
  await trace.getByText(`${first.row.name} declined after`).waitFor()
  await trace.getByText(`${second.row.name} is being asked`).waitFor()
  await second.offers.getByRole('button', { name: 'Decline' }).click()
  await trace.getByText(`${owner.row.name} kept the chat`).waitFor()

  const dialog = await toRacks()
  await stage.foyer.pool.query('update agents set active = false where id = any ($1)', [agentIds])
  await submit(dialog)
  await dialog.getByText('Nobody of this team can take the chat right now.').waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await trace.getByText('Nobody else is in this team').waitFor()
})
