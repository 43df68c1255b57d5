import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import type { Browser } from 'playwright-core'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { createPool } from '#core/db/pool.ts'
import { openPerson, sharedBrowser } from '../support/browser.ts'
import { scratchDatabase } from '../support/database.ts'
import { anAgent, anOrganisation, aSite } from '../support/factories.ts'
import { startFoyerProcess } from '../support/foyer-process.ts'
import { startHostPage } from '../support/host-page.ts'
import { InboxScreen } from '../support/inbox-screen.ts'
import { waitFor } from '../support/wait.ts'
import { WidgetScreen } from '../support/widget-screen.ts'

let browser: Browser

beforeAll(async () => {
  browser = await sharedBrowser()
})

test('a server killed under both and started again loses and doubles nothing', async () => {
  const database = await scratchDatabase()
  onTestFinished(() => database.drop())
  const pool = createPool(database.url, 2, 'restart test')
  const now = new Date()
  await anOrganisation(pool, now)
  const site = await aSite(pool, now, { settings: { launcherLabel: '' } })
  const row = await anAgent(pool, now, { name: 'Dana Weber' })
  await pool.end()

  const env = {
    FOYER_DATABASE_URL: database.url,
    FOYER_SECRET_KEY: randomBytes(32).toString('hex'),
    FOYER_DATA_DIR: tmpdir(),
  }
  let foyer = await startFoyerProcess('start', env)
  onTestFinished(() => foyer.kill())
  const host = await startHostPage({ foyer: foyer.origin, siteKey: site.key })
  onTestFinished(() => host.close())
  const [dana, sofia] = await Promise.all([openPerson(browser), openPerson(browser)])
  onTestFinished(async () => void (await Promise.all([dana.context.close(), sofia.context.close()])))

  const agent = new InboxScreen(dana.page, foyer.origin)
  const visitor = new WidgetScreen(sofia.page)
  await agent.signIn(row)
  await sofia.page.goto(host.url)
  await visitor.open()
  await visitor.button('Chat with us').click()
  await visitor.message.fill('One')
  await visitor.button('Start chat').click()
  await agent.accept()
  await agent.say('Two')
  await visitor.says('Two')

  const port = String(foyer.port)
  await foyer.kill()
  await Promise.all([
    visitor.says('Reconnecting. What you send goes out when the line is back.'),
    dana.page.getByText('Reconnecting. What you send waits until then.').waitFor(),
  ])
  await visitor.say('Three')
  await visitor.say('Four')
  await visitor.says('Waiting to send')
  foyer = await startFoyerProcess('start', { ...env, FOYER_PORT: port })
  for (const text of ['Three', 'Four']) await agent.hears(text)
  await agent.say('Five')
  await visitor.says('Five')
  await visitor.frame.getByText('Reconnecting').waitFor({ state: 'detached' })

  // restarted in good order, with the agent writing meanwhile
  await foyer.stop()
  await dana.page.getByText('Reconnecting. What you send waits until then.').waitFor()
  await agent.say('Six')
  await agent.log.getByText('Waiting to send').waitFor()
  foyer = await startFoyerProcess('start', { ...env, FOYER_PORT: port })
  await visitor.says('Six')

  const said = ['One', 'Two', 'Three', 'Four', 'Five', 'Six']
  for (const side of [visitor, agent])
    await waitFor('all of it', async () => (await side.said()).join() === said.join())
  // as it was stored, too
  await sofia.page.reload()
  await visitor.says('Six')
  expect(await visitor.said()).toEqual(said)
}, 120_000)
