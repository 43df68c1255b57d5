import { beforeAll, expect, test } from 'vitest'
import { hubspot } from '#connectors/hubspot/index.ts'
import { createHubSpotStandIn, type HubSpotStandIn } from '#connectors/hubspot/stand-in/index.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import { untilPolled } from '../core/sync/polled.ts'
import { axeFindsNothing } from '../support/every-look.ts'
import { never } from '../support/factories.ts'
import { atFileEnd } from '../support/file-end.ts'
import { type Stage, setStage } from '../support/stage.ts'

let stage: Stage
let crm: HubSpotStandIn

beforeAll(async () => {
  crm = createHubSpotStandIn({ now: () => stage?.foyer.clock.now().getTime() ?? Date.now() })
  const vendor = await serveStandIn(crm.handle)
  atFileEnd(() => vendor.close())
  stage = await setStage({ connectors: [hubspot], config: { standIns: { hubspot: vendor.origin } } })
  stage.foyer.app.services.config.publicUrl = stage.foyer.origin
})

const mirrored = async () => {
  const { rows } = await stage.foyer.pool.query<{ email: string }>(
    'select email from people_mirror order by 1',
  )
  return rows.map(({ email }) => email)
}

/** As an admin does it who has the app already; the stand-in agrees at once. */
async function connectedByAdmin() {
  await stage.foyer.pool.query('delete from connections')
  const { page } = await stage.agent({
    name: 'Ada Admin',
    profile: 'admin',
    schedule: never,
    at: 'settings/connectors',
  })
  await page.getByRole('link', { name: 'Connect HubSpot' }).click()
  await page.getByLabel('Client id').fill(crm.clientId)
  await page.getByLabel('Client secret').fill(crm.clientSecret)
  await page.getByRole('button', { name: 'Connect HubSpot' }).click()
  await page.getByText('HubSpot is connected. Its people are being read now').waitFor()
  const card = page.getByRole('article', { name: 'HubSpot' })
  await card.getByText(`${crm.store.all('contacts').length} read`).waitFor()
  return {
    page,
    card,
    choose: async (item: string) => {
      await page.getByRole('button', { name: 'More for HubSpot' }).click()
      await page.getByRole('menuitem', { name: item }).click()
    },
  }
}

test('what an admin has paused is still paused once it is connected again, says so, and goes on when it is resumed', async () => {
  crm.store.create('contacts', { firstname: 'Tom', email: 'tom@contoso.test' })
  const { page, card, choose } = await connectedByAdmin()
  const isPaused = async () => {
    await card.getByText('Paused', { exact: true }).waitFor()
    await card.getByText('Nothing is read or written.').waitFor()
    await card.getByRole('button', { name: 'Resume' }).waitFor()
  }
  const stillPaused = page.getByText(
    'HubSpot is connected again and still paused: nothing is read or written until you choose Resume.',
  )
  await choose('Pause')
  await isPaused()
  crm.store.create('contacts', { firstname: 'Nina', email: 'nina@contoso.test' })
  await choose('Reconnect HubSpot')
  await stillPaused.waitFor()
  await isPaused()
  await axeFindsNothing(page, 'connected again and still paused')
  // a reload does not say it again
  await page.reload()
  await isPaused()
  expect(await stillPaused.count()).toBe(0)

  // at HubSpot somebody takes the app away; a test finds out, and whoever is on another page sees it
  crm.oauth.revokeAll()
  await page.getByRole('button', { name: 'Test HubSpot' }).click()
  await card.getByText('Reconnect needed').waitFor()
  await page.reload()
  await page
    .getByRole('navigation', { name: 'Settings' })
    .getByRole('link', { name: 'Connectors, HubSpot needs to be connected again' })
    .waitFor()
  await axeFindsNothing(page, 'a connection to be connected again')
  await card.getByRole('button', { name: 'Reconnect HubSpot' }).click()
  await stillPaused.waitFor()
  await isPaused()
  expect(await mirrored()).toEqual(['tom@contoso.test'])

  await card.getByRole('button', { name: 'Resume' }).click()
  await card.getByText('Connected', { exact: true }).waitFor()
  await page.getByText('HubSpot goes on: what came up meanwhile is read and written now.').waitFor()
  expect(await stillPaused.count()).toBe(0)
  await untilPolled(stage.foyer, 'what came meanwhile is read', async () => (await mirrored()).length === 2)
})

test('a provider that cannot be reached is disconnected here, with what is to be done there; what was read may stay', async () => {
  const { page, card, choose } = await connectedByAdmin()
  const before = await mirrored()
  crm.faults.plan(({ path }) => path.endsWith('/revoke'), { kind: 'noAnswer' }, 5)
  const dialog = page.getByRole('dialog', { name: 'Disconnect HubSpot?' })
  const disconnect = dialog.getByRole('button', { name: 'Disconnect HubSpot', exact: true })
  // whoever thought of erasing, and thought better of it, is not asked to erase the next time
  await choose('Disconnect…')
  await dialog.getByRole('radio', { name: /^Erase it/ }).check()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await choose('Disconnect…')
  await dialog.getByRole('radio', { name: /^Keep it/, checked: true }).waitFor()
  await disconnect.click()
  await page
    .getByText(
      'HubSpot is disconnected here, and could not be told: take the app’s access back there as well.',
    )
    .waitFor()
  await card.getByText('Not connected', { exact: true }).waitFor()
  await page.getByText('Without a CRM, Foyer’s own people directory fills the panel.').waitFor()
  expect(await mirrored()).toEqual(before)
})
