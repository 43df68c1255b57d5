import { expect, test } from 'vitest'
import { page } from 'vitest/browser'
import {
  aCalendar,
  aConnection,
  aConnector,
  aSync,
  aWrite,
  ConnectorServer,
  openConnectors,
  serverWith,
} from './connector-server.ts'
import { instant } from './samples.ts'

const card = (name = 'Acme') => page.getByRole('article', { name })
/** Somewhere in a text. */
const part = (words: string) => new RegExp(RegExp.escape(words))
const says = (text: string | RegExp) => expect.element(page.getByText(text)).toBeVisible()
const button = (name: string | RegExp) => page.getByRole('button', { name })

test('connectors that did not load say why, and are read again', async () => {
  const server = new ConnectorServer()
  server.refuses('GET /connectors', 'Foyer is being updated.', { status: 503, code: 'updating' })
  await openConnectors(server)
  await says('The connectors did not load')
  await says('Foyer is being updated.')
  server.allows('GET /connectors')
  await button('Try again').click()
  await expect.element(card()).toBeVisible()
})

test('where nothing is connected each CRM says what it would bring, and what fills the panel until then', async () => {
  await openConnectors(serverWith({ connectors: [aConnector(), aCalendar()] }))
  await says('Without a CRM, Foyer’s own people directory fills the panel.')
  await expect.element(card().getByText('Not connected')).toBeVisible()
  await says('Acme then tells agents who the visitor is, with the last 90 days, and takes chats back.')
  await expect.element(card().getByRole('link', { name: 'Connect Acme' })).toBeVisible()
  await expect.element(card('Diary').getByText('Not set up')).toBeVisible()
  await says('Agents can connect Diary once its app is entered.')
  await expect.element(button('Change order')).not.toBeInTheDocument()
})

const failed = (message: string) => ({ at: instant(0), code: 'connector_unavailable', message })

test.each([
  [
    'is broken',
    aConnection({ state: 'broken', stateText: 'Acme does not accept our access any more. Connect again.' }),
    'Reconnect needed',
    ['Acme does not accept our access any more. Connect again.', '2 writes are kept and go out after.'],
    'Reconnect Acme',
  ],
  [
    'was asked to wait',
    aConnection({
      health: { resting: { until: instant(60), because: 'Acme’s calls of today are used up.' } },
    }),
    'Slowed down',
    ['Acme’s calls of today are used up. Foyer goes on at'],
    'Test Acme',
  ],
  [
    'fails again and again',
    aConnection({ health: { failuresInARow: 3, lastFailure: failed('Acme does not answer.') } }),
    'Trouble',
    ['Acme does not answer.', '3 failures in a row'],
    'Test Acme',
  ],
  [
    'failed once',
    aConnection({ health: { failuresInARow: 1, lastFailure: failed('Acme does not answer.') } }),
    'Connected',
    ['Acme does not answer.', 'Last failure'],
    'Test Acme',
  ],
  [
    'works, and was connected to somebody else’s account in vain',
    aConnection({ stateReason: 'This is the account Other, and the connection is with Acme & Sons.' }),
    'Connected',
    ['This is the account Other, and the connection is with Acme & Sons.'],
    'Test Acme',
  ],
  [
    'was never agreed to',
    aConnection({
      state: 'connecting',
      stateText: 'Acme does not accept the client id and secret.',
      stateReason: 'Acme does not accept the client id and secret.',
      connectedAt: null,
    }),
    'Not agreed to yet',
    ['Acme does not accept the client id and secret.'],
    'Finish connecting',
  ],
  [
    'is paused with something to write',
    aConnection({ state: 'paused', stateText: 'Paused: nothing is read or written.' }),
    'Paused',
    ['and goes out afterwards. 2 writes are kept and go out after. Nothing is lost.'],
    'Resume',
  ],
  [
    'may not see everything',
    aConnection({ missingScopes: ['notes', 'calls'] }),
    'Connected',
    ['The app lacks these scopes: notes, calls. Add them, then reconnect'],
    'Test Acme',
  ],
] as const)('a connection that %s says so, and what to do', async (_, connection, chip, sentences, way) => {
  await openConnectors(serverWith({ connections: [connection], sync: aSync({ writes: { open: 2 } }) }))
  await expect.element(card().getByText(chip, { exact: true })).toBeVisible()
  for (const sentence of sentences) await expect.element(card().getByText(part(sentence))).toBeVisible()
  await expect
    .element(
      card()
        .getByRole('button', { name: way })
        .or(card().getByRole('link', { name: way })),
    )
    .toBeVisible()
})

test('a connection whose connector was taken away is not called connected, and can only be ended', async () => {
  const connection = aConnection({
    connector: { id: 'gone', name: 'gone', installed: false },
    stateText: 'The connector "gone" is not installed any more, so nothing is read or written.',
  })
  await openConnectors(serverWith({ connections: [connection] }))
  const gone = card('gone')
  await expect.element(gone.getByText('Not installed', { exact: true })).toBeVisible()
  await expect.element(gone.getByText(connection.stateText)).toBeVisible()
  await expect.element(gone.getByText('Connected', { exact: true })).not.toBeInTheDocument()
  await expect.element(button('Test gone')).not.toBeInTheDocument()
  await button('More for gone').click()
  expect(page.getByRole('menuitem').elements()).toHaveLength(1)
  await expect.element(page.getByRole('menuitem', { name: 'Disconnect…' })).toBeVisible()
})

test('how much of a limit is used is told, and that Foyer goes slower where only the reserve is left', async () => {
  const limit = { name: 'calls', max: 1_000, reserved: 100, perMs: 86_400_000 }
  const connection = aConnection({
    limits: [
      { ...limit, used: 950 },
      { ...limit, name: 'search', max: 5, reserved: 1, perMs: 1_000, used: 2 },
    ],
  })
  await openConnectors(serverWith({ connections: [connection] }))
  await says('950 of 1,000, slowed down')
  await expect
    .element(page.getByRole('meter', { name: 'Calls in 24 hours' }))
    .toHaveAttribute('aria-valuenow', '950')
  await expect
    .element(page.getByRole('meter', { name: 'Searches in a second' }))
    .toHaveAttribute('aria-valuetext', '2 of 5')
})

test('of many writes that failed the first three stand on the card, with the way to all', async () => {
  const writes = Array.from({ length: 5 }, (_, place) => aWrite(`w${place}`))
  await openConnectors(
    serverWith({ connections: [aConnection()], writes, sync: aSync({ writes: { failed: 5 } }) }),
  )
  await says(/^5 things need a person/)
  expect(card().getByText('Chat of Sofia Ricci: Every task needs a project.').elements()).toHaveLength(3)
  await card().getByRole('link', { name: 'See all 5' }).click()
  await expect.element(page.getByRole('heading', { name: 'What was written' })).toBeVisible()
  expect(page.getByText('Chat of Sofia Ricci: Every task needs a project.').elements()).toHaveLength(5)
})

test.each([
  ['connected', 'Acme is connected. Its people are being read now; this page shows how far.'],
  [
    'still_paused',
    'Acme is connected again and still paused: nothing is read or written until you choose Resume.',
  ],
  ['denied', 'Nobody agreed at the provider, so nothing has changed. Connect again when you are ready.'],
  ['expired', 'That took too long, or began in another session. Connect again.'],
  ['other_account', 'This is another account.'],
  ['failed', 'This is another account.'],
  ['made-up', 'This is another account.'],
])('who comes back from the provider is told what came of it: %s', async (result, words) => {
  const app = await openConnectors(
    serverWith({ connections: [aConnection({ stateText: 'This is another account.' })] }),
    `?connection=connection-1&result=${result}`,
  )
  await expect.element(page.getByRole('status').getByText(words)).toBeVisible()
  // a reload does not say it again
  expect([...app.router.query.keys()]).toEqual([])
  await button('Dismiss').click()
  await expect.element(page.getByText(words)).not.toBeInTheDocument()
})

test('what Foyer refuses of a connection is said above the page', async () => {
  const server = serverWith({ connections: [aConnection()] })
  await openConnectors(server)
  server.refuses('POST /test', 'Acme does not answer in time.')
  await button('Test Acme').click()
  await expect.element(page.getByRole('status').getByText('Acme does not answer in time.')).toBeVisible()
  server.refuses('POST /pause', 'This connection is paused, not active.')
  await button('More for Acme').click()
  await page.getByRole('menuitem', { name: 'Pause' }).click()
  await expect
    .element(page.getByRole('status').getByText('This connection is paused, not active.'))
    .toBeVisible()
})

test('a disconnect that Foyer refuses is still open with the reason, and done at the next try', async () => {
  const server = serverWith({ connections: [aConnection()] })
  await openConnectors(server)
  server.refuses('POST /disconnect', 'Foyer cannot do this now.')
  await button('More for Acme').click()
  await page.getByRole('menuitem', { name: 'Disconnect…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Disconnect Acme?' })
  const disconnect = dialog.getByRole('button', { name: 'Disconnect Acme' })
  await disconnect.click()
  await expect.element(dialog.getByText('Foyer cannot do this now.')).toBeVisible()
  server.allows('POST /disconnect')
  await disconnect.click()
  await says('Acme is disconnected.')
  await expect.element(dialog).not.toBeInTheDocument()
  expect(server.bodiesOf('POST /disconnect')).toEqual([{ mirror: 'keep' }, { mirror: 'keep' }])
})

test('the app that agents connect their calendars by is removed without a question about what was read', async () => {
  const connection = aConnection({
    connector: { id: 'diary', name: 'Diary', installed: true },
    state: 'connecting',
    connectedAt: null,
  })
  const server = serverWith({ connectors: [aCalendar()], connections: [connection] })
  await openConnectors(server)
  await expect.element(card('Diary').getByText('App entered')).toBeVisible()
  await button('More for Diary').click()
  await page.getByRole('menuitem', { name: 'Disconnect…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Remove the Diary app?' })
  await expect
    .element(dialog.getByText(/Agents can no longer connect Diary until an app is entered again\.$/))
    .toBeVisible()
  await expect.element(dialog.getByRole('radio')).not.toBeInTheDocument()
  await dialog.getByRole('button', { name: 'Remove' }).click()
  await expect.element(dialog).not.toBeInTheDocument()
  await expect.element(card('Diary').getByText('Not set up')).toBeVisible()
})

test('an order that Foyer refuses stays to be saved, with the reason', async () => {
  const other = { id: 'bolt', name: 'Bolt', installed: true }
  const server = serverWith({
    connectors: [aConnector(), aConnector({ id: 'bolt', name: 'Bolt' })],
    connections: [aConnection(), aConnection({ id: 'connection-2', connector: other, precedence: 2 })],
  })
  await openConnectors(server)
  await says('When several know a field, Acme wins, then Bolt.')
  await button('Change order').click()
  const dialog = page.getByRole('dialog', { name: 'Which CRM comes first' })
  await dialog.getByRole('button', { name: 'Move Bolt up' }).click()
  server.refuses('PATCH /connection-2', 'Somebody has changed this connection.', {
    code: 'changed_meanwhile',
  })
  await dialog.getByRole('button', { name: 'Save order' }).click()
  await expect.element(dialog.getByText('Somebody has changed this connection.')).toBeVisible()
  await expect.element(dialog.getByRole('listitem').first()).toHaveTextContent('1Bolt')
})
