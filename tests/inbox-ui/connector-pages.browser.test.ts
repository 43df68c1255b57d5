import { expect, test } from 'vitest'
import { page } from 'vitest/browser'
import {
  aConnection,
  aConnector,
  aField,
  aSync,
  aWrite,
  openConnectors,
  serverWith,
} from './connector-server.ts'
import { instant } from './samples.ts'

const says = (text: string | RegExp) => expect.element(page.getByText(text)).toBeVisible()
const saysNot = (text: string | RegExp) => expect.element(page.getByText(text)).not.toBeInTheDocument()
const button = (name: string | RegExp) => page.getByRole('button', { name })
const tab = (name: string) => `?connector=acme&tab=${name}`

test('a connector that there is not is told, with the way back', async () => {
  await openConnectors(serverWith({}), '?connector=ghost')
  await says('There is no such connector')
  await page.getByRole('link', { name: 'All connectors' }).click()
  await expect.element(page.getByRole('article', { name: 'Acme' })).toBeVisible()
})

test.each(['fields', 'writing', 'import', 'log'])(
  'before a CRM is connected its page for %s leads to connecting it',
  async (name) => {
    await openConnectors(serverWith({}), tab(name))
    await says('Connect Acme first')
    await page.getByRole('link', { name: 'Connect Acme' }).click()
    await says('1. Make an app in Acme')
  },
)

test('why connecting did not work stands where it is put right', async () => {
  const why = 'Acme does not accept the client id and secret.'
  const connection = aConnection({
    state: 'connecting',
    stateText: why,
    stateReason: why,
    connectedAt: null,
    account: null,
  })
  await openConnectors(serverWith({ connections: [connection] }), '?connector=acme')
  await says(why)
  await expect.element(page.getByLabelText('Client secret')).toHaveValue('')
  await says('3. Agree in Acme')
})

test('what is wrong with the keys of an app is said beside the field, and of the rest below', async () => {
  const home = {
    key: 'home',
    label: 'My Domain',
    help: 'Such as acme.example.',
    kind: 'origin' as const,
    options: [],
    required: false,
    initial: null,
  }
  const server = serverWith({ connectors: [aConnector({ settings: [home] })] })
  await openConnectors(server, '?connector=acme')
  const wrong = 'My Domain should end with .acme.example.'
  server.refuses('POST /connections', 'Some fields are not right.', {
    status: 422,
    errors: [{ field: 'settings.home', message: wrong }],
  })
  await page.getByLabelText('My Domain').fill('evil.example')
  await button('Connect Acme').click()
  await expect.element(page.getByLabelText('My Domain')).toHaveAccessibleDescription(wrong)
  await expect.element(page.getByLabelText('My Domain')).toHaveFocus()
  server.refuses('POST /connections', 'What Foyer knew from Acme is still being erased.')
  await button('Connect Acme').click()
  await says('What Foyer knew from Acme is still being erased.')
})

test('fields that did not load say why; those that cannot be read anew leave what was chosen', async () => {
  const server = serverWith({
    connections: [aConnection()],
    fields: [aField('full_name', 'Full name'), aField('nick', 'Nickname')],
  })
  server.refuses('GET /description', 'Foyer is being updated.')
  await openConnectors(server, tab('fields'))
  await says('The fields did not load')
  await says('Foyer is being updated.')
  server.allows('GET /description')
  await button('Try again').click()
  const name = page.getByLabelText('Name of Contact', { exact: true })
  await expect.element(name).toHaveValue('full_name')
  await name.selectOptions('Nickname')
  server.refuses('POST /description', 'Acme does not answer.')
  await button('Refresh fields').click()
  await says('Acme does not answer.')
  await button('Try again').click()
  await expect.element(name).toHaveValue('nick')
  await says('Not saved yet')
})

test('a mapped field that the vendor does not show any more is marked, and why it cannot be saved is said', async () => {
  const server = serverWith({
    connections: [aConnection({ mapping: { Contact: { name: 'full_name', phone: 'mobile' } } })],
    fields: [
      aField('full_name', 'Name'),
      aField('nick', 'Name'),
      aField('home_phone', 'Phone at home', { type: 'phone' }),
    ],
  })
  await openConnectors(server, tab('fields'))
  const phone = page.getByLabelText('Phone of Contact')
  await expect.element(phone).toHaveValue('mobile')
  await expect.element(phone).toHaveDisplayValue('mobile (not visible any more)')
  // of two that are called alike, the vendor's own name tells which
  const name = page.getByLabelText('Name of Contact', { exact: true })
  await expect.element(name).toHaveDisplayValue('Name (full_name)')
  await says('The mapped field has no list of choices, so what it says is shown as it is.')

  await name.selectOptions('Name (nick)')
  const why = 'Contact has no field "mobile" that Foyer may see.'
  server.refuses('PATCH /connection-1', why, { status: 422 })
  await button('Save mapping').click()
  await expect.element(page.getByRole('status').getByText(why)).toBeVisible()
  server.allows('PATCH /connection-1')
  await phone.selectOptions('Phone at home')
  await button('Save mapping').click()
  await says(/^Saved\. Panels show it when each person is read again/)
  expect(server.bodiesOf('PATCH /connection-1').at(-1)).toMatchObject({
    mapping: { Contact: { name: 'nick', phone: 'home_phone' } },
  })
})

test('a status that the vendor offers no more keeps its name, and says so', async () => {
  const options = [{ value: 'open', label: 'Open' }]
  const server = serverWith({
    connections: [
      aConnection({ mapping: { Contact: { crmStatus: 'stage' } }, statusNames: { Legacy: 'Old customer' } }),
    ],
    fields: [aField('stage', 'Stage', { type: 'choice', options })],
  })
  await openConnectors(server, tab('fields'))
  await expect.element(page.getByLabelText('Legacy in Foyer')).toHaveValue('Old customer')
  await says('not offered any more')
  await expect.element(page.getByLabelText('Open in Foyer')).toHaveValue('')
})

const contacts = { type: 'Contact', label: 'Contact', done: 400, total: 1_000, etaMs: 60_000 }
const half = { done: 400, total: 1_000, etaMs: 60_000, perSecond: 10, kinds: [contacts], finishedAt: null }

test('an import that runs says how far each kind is', async () => {
  const sync = aSync({ import: { ...half, state: 'running', companies: 7, owners: 3 } })
  await openConnectors(serverWith({ connections: [aConnection()], sync }), tab('import'))
  await expect
    .element(page.getByRole('progressbar', { name: 'Progress of the import' }))
    .toHaveAttribute('aria-valuenow', '400')
  await expect
    .element(page.getByRole('progressbar', { name: 'Progress of Contact' }))
    .toHaveAttribute('aria-valuetext', '400 of 1,000')
  await says('10 people a second, within what the CRM allows less what live chats need.')
  await expect.element(button('Import again')).not.toBeInTheDocument()
})

test.each(['paused', 'broken'] as const)(
  'an import whose connection is %s promises no time: nothing is read',
  async (state) => {
    const server = serverWith({
      connections: [aConnection({ state })],
      sync: aSync({ import: { ...half, state: 'running' } }),
    })
    await openConnectors(server, tab('import'))
    await says('Nothing is read now')
    await says('400 of 1,000 people. It goes on from there once the connection does.')
    await saysNot(/left$/)
    await expect.element(page.getByRole('progressbar')).not.toBeInTheDocument()
  },
)

test('an import that was given up says why, and goes on when it is told to', async () => {
  const reason = 'Acme does not answer.'
  const server = serverWith({
    connections: [aConnection()],
    sync: aSync({ import: { ...half, state: 'failed', etaMs: null, reason } }),
  })
  await openConnectors(server, tab('import'))
  await says('The import was interrupted')
  await says(reason)
  await says('400 of 1,000 people')
  server.refuses('POST /import', 'Foyer cannot do this now.')
  await button('Go on').click()
  await says('Foyer cannot do this now.')
  server.allows('POST /import')
  await button('Go on').click()
  await says('Working out how long it takes')
})

test('where nothing was read yet the import says that it begins by itself, and that nothing is written', async () => {
  const server = serverWith({
    connections: [aConnection()],
    sync: aSync({ import: { state: 'none', done: 0, total: null, finishedAt: null } }),
  })
  await openConnectors(server, tab('import'))
  await says('Nothing read yet')
  await says('Foyer writes nothing to Acme yet')
  await page.getByRole('link', { name: 'Preview writes' }).click()
  await expect.element(page.getByRole('heading', { name: 'Rules' })).toBeVisible()
})

test('the log that is empty says what would stand there; one that did not load, why', async () => {
  const server = serverWith({ connections: [aConnection()] })
  server.refuses('GET /writes', 'Foyer is being updated.')
  await openConnectors(server, tab('log'))
  await says('The log did not load')
  server.allows('GET /writes')
  await button('Try again').click()
  await says('Nothing written yet')
  await says('With writing on, each chat shows here once it has ended.')
  const shown = page.getByRole('radiogroup', { name: 'Show' })
  server.writes = [
    aWrite('w1', {
      state: 'written',
      kind: 'person',
      createdPerson: true,
      reason: null,
      url: 'https://crm.example/1',
    }),
    aWrite('w2', { state: 'open', kind: 'correction', reason: 'The CRM asked us to wait.', attempts: 1 }),
    aWrite('w3', {
      state: 'skipped',
      kind: 'meeting',
      visitorName: null,
      reason: 'No e-mail address is known.',
    }),
  ]
  await shown.getByText('Failed').click()
  await says('Nothing of this kind')
  await shown.getByText('All').click()
  await says('Person of Sofia Ricci')
  await says(/^Written, .*made there$/)
  await expect
    .element(page.getByRole('link', { name: 'Open the record: Person of Sofia Ricci' }))
    .toHaveAttribute('href', 'https://crm.example/1')
  await says('Correction of Sofia Ricci: The CRM asked us to wait.')
  await says(/^Waiting, .*tried once, kept$/)
  await says('Meeting of a visitor: No e-mail address is known.')
  // only what was given up can be tried again
  await expect.element(button(/^Retry/)).not.toBeInTheDocument()
})

test('a retry that Foyer refuses is told, and the write stays as it was', async () => {
  const server = serverWith({ connections: [aConnection()], writes: [aWrite('w1')] })
  await openConnectors(server, tab('log'))
  server.refuses('POST /retry', 'Somebody is trying it again already.')
  await button('Retry: Chat of Sofia Ricci').click()
  await expect
    .element(page.getByRole('status').getByText('Somebody is trying it again already.'))
    .toBeVisible()
  await expect.element(button('Retry: Chat of Sofia Ricci')).toBeVisible()
})

test('a log as long as is read says that only the newest are there', async () => {
  const writes = Array.from({ length: 200 }, (_, place) =>
    aWrite(`w${place}`, { state: 'written', reason: null }),
  )
  await openConnectors(serverWith({ connections: [aConnection()], writes }), tab('log'))
  await says('The newest 200 are shown.')
})

test('rules by which nothing is written say so in the preview; what is not saved yet is not previewed', async () => {
  const server = serverWith({ connections: [aConnection()] })
  await openConnectors(server, tab('writing'))
  await button('Preview writes').click()
  await says('By these rules nothing would be written.')
  await says(/There is no finished chat yet, so this one is made up\. Nothing has been sent\.$/)
  await page.getByLabelText('Log meetings').click()
  await expect.element(button('Preview writes')).toHaveAttribute('aria-disabled', 'true')
  server.refuses('PATCH /connection-1', 'Foyer cannot do this now.')
  await button('Save rules').click()
  await expect.element(page.getByRole('status').getByText('Foyer cannot do this now.')).toBeVisible()
})

test('writing that Foyer refuses to turn on says why', async () => {
  const server = serverWith({ connections: [aConnection({ previewedAt: instant(0) })] })
  await openConnectors(server, tab('writing'))
  server.refuses('PATCH /connection-1', 'Look at what would be written first, then turn writing on.')
  await button('Turn writing on').click()
  await expect
    .element(page.getByRole('alert'))
    .toHaveTextContent('Look at what would be written first, then turn writing on.')
})

test('what the CRM requires of new people and nobody gives is named until it has a fixed value', async () => {
  const server = serverWith({
    connections: [aConnection()],
    fields: [
      aField('full_name', 'Full name', { requiredToCreate: true }),
      aField('region', 'Region', { requiredToCreate: true }),
    ],
  })
  await openConnectors(server, tab('writing'))
  await says('The CRM requires a value for Region when somebody is made. Give each a fixed value.')
  await page.getByLabelText('Add a field').selectOptions('Region')
  await saysNot(/^The CRM requires/)
  await page.getByLabelText('Region', { exact: true }).fill('South')
  await button('Save rules').click()
  await says('Saved')
  expect(server.bodiesOf('PATCH /connection-1')).toMatchObject([
    { writeBack: { create: { fixed: { region: 'South' } } } },
  ])
})

test('a new person’s owner who is not in the list any more stays, and holds no other rule back', async () => {
  const connection = aConnection()
  connection.writeBack.create.owner = { by: 'user', id: 'u9' }
  const server = serverWith({ connections: [connection], users: [{ id: 'u1', name: 'Dana Okafor' }] })
  await openConnectors(server, tab('writing'))
  const user = page.getByLabelText('CRM user')
  await expect.element(user.getByRole('option', { name: 'Dana Okafor' })).toBeInTheDocument()
  await expect.element(user).toHaveDisplayValue('As chosen before, not in the list now')
  await page.getByLabelText('Log meetings').click()
  await button('Save rules').click()
  await says('Saved')
  await user.selectOptions('Dana Okafor')
  await button('Save rules').click()
  await expect
    .poll(() => server.bodiesOf('PATCH /connection-1'))
    .toMatchObject([
      { writeBack: { meetings: false, create: { owner: { by: 'user', id: 'u9' } } } },
      { writeBack: { meetings: false, create: { owner: { by: 'user', id: 'u1' } } } },
    ])
})
