import { beforeAll, expect, test } from 'vitest'
import { hubspot } from '#connectors/hubspot/index.ts'
import { createHubSpotStandIn, type HubSpotStandIn } from '#connectors/hubspot/stand-in/index.ts'
import { seedSamplePeople } from '#connectors/hubspot/stand-in/sample-people.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import { problemsOf } from '../connectors/hubspot/contract/validate.ts'
import { never } from '../support/factories.ts'
import { atFileEnd } from '../support/file-end.ts'
import { follow } from '../support/inbox-screen.ts'
import { type Stage, setStage } from '../support/stage.ts'

let stage: Stage
let crm: HubSpotStandIn

beforeAll(async () => {
  crm = createHubSpotStandIn({ now: () => stage?.foyer.clock.now().getTime() ?? Date.now() })
  const vendor = await serveStandIn(crm.handle)
  atFileEnd(() => vendor.close())
  stage = await setStage({
    connectors: [hubspot],
    config: { standIns: { hubspot: vendor.origin } },
    site: {
      fields: [
        { name: 'name', required: false },
        { name: 'email', required: false },
      ],
    },
  })
  stage.foyer.app.services.config.publicUrl = stage.foyer.origin
  seedSamplePeople(crm)
})

let hired = 0
const email = 'tom.becker@contoso.test'
const notesOfTom = () => {
  const tom = crm.store.findByEmail(email)
  if (!tom) throw new Error('There is no Tom')
  return crm.store.associations
    .of(tom, 'notes')
    .map(({ id }) => crm.store.get('notes', id).properties.hs_note_body ?? '')
}

test('an admin connects HubSpot; it fills the panel, and gets the chat back', async () => {
  hired += 1
  await stage.foyer.pool.query('delete from connections')
  const { page } = await stage.agent({
    name: `Ada Admin ${hired}`,
    profile: 'admin',
    schedule: never,
    at: 'settings/connectors',
  })
  await page.getByRole('link', { name: 'Connect HubSpot' }).click()
  await page.getByLabel('Client id').fill(crm.clientId)
  await page.getByLabel('Client secret').fill(crm.clientSecret)
  await page.getByRole('button', { name: 'Connect HubSpot' }).click()
  await page.getByText('HubSpot is connected. Its people are being read now').waitFor()
  const people = crm.store.all('contacts').length
  await page.getByRole('article', { name: 'HubSpot' }).getByText(`${people} read`).waitFor()

  await follow(page, 'settings/connectors?connector=hubspot&tab=writing')
  await page.getByRole('button', { name: 'Preview writes' }).click()
  const preview = page.getByRole('region', { name: 'What would be written' })
  await preview.getByText('Nothing has been sent.').waitFor()
  await preview.getByText('Log the chat').waitFor()
  await page.getByRole('button', { name: 'Turn writing on' }).click()
  await page.getByRole('heading', { name: 'Foyer writes to HubSpot' }).waitFor()

  const before = notesOfTom().length
  const agent = await stage.agent({ name: `Dana Whitfield ${hired}` })
  const visitor = await stage.visitorOffStage({ name: 'T', email })
  await visitor.asks('Do you deliver to Berlin?')
  await agent.accept()
  await agent.hears('Do you deliver to Berlin?')
  for (const fact of ['Tom Becker', 'Contoso'])
    await agent.visitor.getByText(fact, { exact: true }).first().waitFor()
  await agent.visitor.getByText(/^HubSpot, /).waitFor()
  await agent.say('We do, <b>within</b> a week.')
  await agent.button('End session').click()
  await agent.page
    .getByRole('dialog', { name: 'End this chat?' })
    .getByRole('button', { name: /^Qualified/ })
    .click()
  await agent.button('Download transcript').waitFor()
  await expect.poll(notesOfTom).toHaveLength(before + 1)
  const note = notesOfTom().at(-1)
  for (const part of ['Outcome: Qualified', 'Do you deliver to Berlin?', '&lt;b&gt;within&lt;/b&gt; a week.'])
    expect(note).toContain(part)
  await agent.visitor.getByRole('button', { name: 'Written to the CRM' }).click()
  await agent.visitor.getByRole('link', { name: 'Chat in HubSpot' }).waitFor()
  expect(crm.requests.flatMap(problemsOf)).toEqual([])
})
