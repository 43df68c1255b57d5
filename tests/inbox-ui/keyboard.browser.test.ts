import { afterEach, expect, test } from 'vitest'
import { cdp, page, userEvent } from 'vitest/browser'
import { render } from 'vitest-browser-svelte'
import type { Conversation } from '../../core/contracts/conversations.ts'
import { announced } from '../../inbox-ui/app/announce.ts'
import AvailabilitySwitch from '../../inbox-ui/availability/AvailabilitySwitch.svelte'
import OrderDialog from '../../inbox-ui/connectors/OrderDialog.svelte'
import ChatColumn from '../../inbox-ui/conversations/ChatColumn.svelte'
import InboxPage from '../../inbox-ui/conversations/InboxPage.svelte'
import ListColumn from '../../inbox-ui/conversations/ListColumn.svelte'
import OutcomesSettings from '../../inbox-ui/outcomes/OutcomesSettings.svelte'
import { ScheduleDraft } from '../../inbox-ui/schedules/schedule-draft.svelte.ts'
import TimeZonePicker from '../../inbox-ui/schedules/TimeZonePicker.svelte'
import { anInbox } from './an-inbox.ts'
import { ModelServer } from './model-server.ts'
import Stage from './Stage.svelte'
import { aConversation, me } from './samples.ts'

const began = location.href
let stop = () => {}
afterEach(async () => {
  stop()
  history.replaceState(null, '', began)
  await page.viewport(1_440, 900)
})

type Answers = (method: string, path: string, body: string) => unknown

/** An inbox at the model, which answers some calls as the test has it. */
async function anOpenInbox(
  answers: Answers = () => undefined,
  prepare: (server: ModelServer) => void = () => {},
) {
  const server = new ModelServer()
  prepare(server)
  const { fetch } = server
  const answering: typeof fetch = async (input, init) => {
    const { pathname } = new URL(String(input), 'http://model.test')
    const answer = answers(init?.method ?? 'GET', pathname, String(init?.body ?? ''))
    if (answer instanceof Response) return answer
    return answer === undefined ? fetch(input, init) : Response.json(answer)
  }
  Object.assign(server, { fetch: answering })
  const opened = anInbox(server)
  const stopRouter = opened.app.router.start()
  stop = () => {
    stopRouter()
    opened.stop()
  }
  await opened.connect()
  return { ...opened, server, settle: opened.settle }
}

const keyboardOn = () => document.activeElement
const frames = async () => {
  for (let passed = 0; passed < 3; passed++) await new Promise(requestAnimationFrame)
}
const button = (name: string) => page.getByRole('button', { name, exact: true })
async function press(name: string) {
  ;(button(name).element() as HTMLElement).focus()
  await userEvent.keyboard('{Enter}')
}

const aMissed = (more: Partial<Conversation> = {}) =>
  aConversation('missed', {
    status: 'missed',
    agent: null,
    visitor: { id: 'v', name: 'Sofia Ricci', email: 'sofia@northwind.test', company: null, online: false },
    endedAt: '2026-11-24T09:00:00.000Z',
    ...more,
  })
const claimable: Answers = (method, path) => {
  if (method === 'POST' && path.endsWith('/claim')) return aMissed({ claimedBy: me })
  if (method === 'DELETE' && path.endsWith('/claim')) return aMissed()
  if (path.endsWith('/conversations')) return { conversations: [aMissed()], nextCursor: null }
}

const aboutNobody: Answers = (_method, path) =>
  path.includes('/visitors/')
    ? Response.json({ status: 404, code: 'not_found', detail: 'No.' }, { status: 404 })
    : undefined

const twoChats = (server: ModelServer) => {
  for (const id of ['one', 'two']) {
    server.conversations.set(id, aConversation(id))
    server.entries.set(id, [])
  }
}

test('Escape takes the keyboard from the message to what was said, and j to what was said next', async () => {
  const { app, inbox, settle } = await anOpenInbox(aboutNobody, twoChats)
  const [at, next] = inbox.list.rows.map(({ id }) => id)
  app.router.go(`/inbox/c/${at}`)
  render(Stage, { app, inbox, part: InboxPage })
  await settle()
  const message = page.getByRole('textbox', { name: 'Message' })
  await message.fill('half a')
  await userEvent.keyboard('{Escape}')
  const log = page.getByRole('log', { name: 'Messages' })
  const first = log.element()
  expect(keyboardOn()).toBe(first)
  await expect.element(message).toHaveValue('half a')
  await userEvent.keyboard('j')
  await expect.poll(() => inbox.openId).toBe(next)
  const goesOn = async () => {
    await settle()
    return log.element() !== first && log.element() === keyboardOn()
  }
  await expect.poll(goesOn).toBe(true)
})

test('whoever claims a missed request in the list stays at its row', async () => {
  const { app, inbox } = await anOpenInbox(claimable)
  render(Stage, { app, inbox, part: ListColumn })
  inbox.list.show('missed')
  await expect.element(page.getByRole('listitem')).toBeVisible()
  await press('Claim the request of Sofia Ricci')
  await expect.element(page.getByText('Claimed by you')).toBeVisible()
  await expect.poll(keyboardOn).toBe(page.getByRole('listitem').getByRole('link').element())
})

test('under a missed request the keyboard goes on to the answer, whatever was pressed', async () => {
  const { app, inbox, settle } = await anOpenInbox(claimable, (server) =>
    server.conversations.set('missed', aMissed()),
  )
  app.router.go('/inbox/c/missed')
  render(Stage, { app, inbox, part: ChatColumn, with: { onvisitor: () => {} } })
  inbox.open('missed')
  await settle()
  for (const name of ['Claim', 'Give back']) {
    await press(name)
    await expect.element(button(name)).not.toBeInTheDocument()
    await expect.poll(keyboardOn).toBe(button('Reply').element())
  }
  await userEvent.keyboard('{Enter}')
  await expect.poll(keyboardOn).toBe(page.getByRole('textbox').element())
  await press('Cancel')
  await expect.poll(keyboardOn).toBe(button('Reply').element())
})

test('a search says how many chats it found', async () => {
  const { app, inbox } = await anOpenInbox((_method, path) => {
    if (path.endsWith('/conversations')) return { conversations: [aMissed()], nextCursor: null }
  })
  render(Stage, { app, inbox, part: ListColumn })
  await page.getByRole('searchbox').fill('lamp')
  await expect.element(page.getByRole('status').filter({ hasText: 'One chat found' })).toBeInTheDocument()
})

test('on a phone the keyboard goes along into a chat, and back to its row', async () => {
  await page.viewport(390, 844)
  const { app, inbox, settle } = await anOpenInbox(aboutNobody, twoChats)
  render(Stage, { app, inbox, part: InboxPage })
  const rows = page.getByRole('list', { name: 'Conversations' }).getByRole('link')
  await expect.element(rows.nth(1)).toBeVisible()
  const row = rows.nth(1).element() as HTMLElement
  row.focus()
  await userEvent.keyboard('{Enter}')
  await settle()
  const back = page.getByRole('link', { name: 'Back to the list' })
  await expect.element(back).toBeVisible()
  await expect.poll(keyboardOn).toBe(back.element())
  await userEvent.keyboard('{Enter}')
  await expect.poll(keyboardOn).toBe(row)
})

test('what makes an agent available again hands the keyboard to the switch, and the reason is said', async () => {
  const bySchedule = {
    available: true,
    source: 'schedule',
    until: null,
    reason: { code: 'by_schedule', timeZone: 'UTC' },
  }
  const { app, inbox } = await anOpenInbox(
    (_method, path) => (path.endsWith('/availability') ? bySchedule : undefined),
    (server) => {
      server.availability = {
        available: false,
        source: 'override',
        until: '2026-11-25T00:00:00.000Z',
        reason: {
          code: 'missed_offers_until',
          until: '2026-11-25T00:00:00.000Z',
          timeZone: 'UTC',
          ends: 'midnight',
        },
      }
    },
  )
  render(Stage, { app, inbox, part: AvailabilitySwitch })
  await press('Come back')
  await expect.poll(keyboardOn).toBe(page.getByRole('switch', { name: 'Available' }).element())
  await expect.element(page.getByRole('status').filter({ hasText: 'by schedule' })).toBeInTheDocument()
})

test('a connector that is moved to the end of the order keeps the keyboard', async () => {
  const { app, inbox } = await anOpenInbox()
  const connected = ['Salesforce', 'HubSpot'].map((name) => ({
    connector: { id: name.toLowerCase(), name },
    connection: { fieldPrecedence: {}, precedence: 1 },
  }))
  render(Stage, { app, inbox, part: OrderDialog, with: { open: true, connected, connectors: {} } })
  await expect.element(page.getByRole('dialog')).toBeVisible()
  await press('Move Salesforce down')
  await frames()
  expect(keyboardOn()).toBe(button('Move Salesforce up').element())
  await userEvent.keyboard('{Enter}')
  await frames()
  expect(keyboardOn()).toBe(button('Move Salesforce down').element())
})

test('a time zone is found by all that is typed', async () => {
  const { app, inbox } = await anOpenInbox((_method, path) =>
    path.endsWith('/time-zones') ? { timeZones: [] } : undefined,
  )
  render(Stage, { app, inbox, part: TimeZonePicker, with: { value: 'Europe/London', label: 'Time zone' } })
  const field = page.getByRole('combobox', { name: 'Time zone' })
  ;(field.element() as HTMLInputElement).select()
  await userEvent.keyboard('vien')
  await expect.element(field).toHaveValue('vien')
})

test('Enter that saves leaves the keyboard in the field it was pressed in', async () => {
  const list = { outcomes: [{ key: 'spam', label: 'Spam', offered: true }], version: '"1"' }
  const { app, inbox } = await anOpenInbox((method, path, body) => {
    if (!path.endsWith('/outcomes')) return undefined
    if (method !== 'PUT') return list
    const { outcomes } = JSON.parse(body) as { outcomes: object[] }
    return { outcomes: outcomes.map((one) => ({ ...one, offered: true })), version: '"2"' }
  })
  render(Stage, { app, inbox, part: OutcomesSettings })
  const field = page.getByRole('textbox', { name: 'Outcome 1' })
  await field.fill('Junk')
  const before = field.element()
  await userEvent.keyboard('{Enter}')
  await expect.poll(() => inbox.outcomes.label('spam')).toBe('Junk')
  await frames()
  expect(keyboardOn()).toBe(before)

  // a week is drawn by its blocks
  const blocks = [{ weekday: 1, start: '09:00', end: '17:00' }]
  const draft = new ScheduleDraft({ timeZone: 'UTC', blocks, datesOff: [] })
  const added = draft.add(2)
  const monday = draft.blocksOf(1)[0]?.id
  draft.reset({
    timeZone: 'UTC',
    blocks: [...blocks, { weekday: 2, start: '09:00', end: '17:00' }],
    datesOff: [],
  })
  expect([draft.blocksOf(1)[0]?.id, draft.blocksOf(2)[0]?.id]).toEqual([monday, added])
})

test('where the keyboard is in a menu shows by more than a tint, and what is on shows in forced colours', async () => {
  const { app, inbox } = await anOpenInbox()
  render(Stage, { app, inbox, part: AvailabilitySwitch })
  await press('Change until when')
  await expect.element(page.getByRole('menu')).toBeVisible()
  await userEvent.keyboard('{ArrowDown}')
  const lineOf = (element: Element | null) => element && getComputedStyle(element).outlineStyle
  expect(keyboardOn()?.role ?? keyboardOn()?.getAttribute('role')).toBe('menuitem')
  expect(lineOf(keyboardOn())).toBe('solid')
  await userEvent.keyboard('{Escape}')

  const emulate = (value: string) =>
    (cdp() as unknown as { send: (name: string, args: object) => Promise<void> }).send(
      'Emulation.setEmulatedMedia',
      { features: [{ name: 'forced-colors', value }] },
    )
  await emulate('active')
  try {
    const toggle = page.getByRole('switch', { name: 'Available' }).element()
    await expect.poll(() => getComputedStyle(toggle).borderTopWidth).toBe('1px')
    const drawn = () => getComputedStyle(toggle).backgroundColor
    const on = drawn()
    toggle.ariaChecked = 'false'
    await expect.poll(drawn).not.toBe(on)
  } finally {
    await emulate('none')
  }
})

test('a second message from the same visitor is announced like the first', () => {
  const words = 'New message from Sofia'
  const first = announced('', words)
  const second = announced(first, words)
  expect(new Set(['', first, second, announced(second, words)])).toEqual(
    new Set(['', words, `${words}\u00A0`]),
  )
  expect(announced(second, words)).not.toBe(second)
})
