import { afterEach, expect, test, vi } from 'vitest'
import { page, userEvent } from 'vitest/browser'
import { render } from 'vitest-browser-svelte'
import { shortcutOf } from '../../inbox-ui/app/shortcuts.ts'
import Composer from '../../inbox-ui/conversations/Composer.svelte'
import ListColumn from '../../inbox-ui/conversations/ListColumn.svelte'
import OfferBanner from '../../inbox-ui/offers/OfferBanner.svelte'
import { anInbox } from './an-inbox.ts'
import { ModelServer } from './model-server.ts'
import Stage from './Stage.svelte'
import { aConversation, anOffer, instant } from './samples.ts'

let stop = () => {}
afterEach(() => stop())

async function anOpenInbox(prepare: (server: ModelServer) => void = () => {}) {
  const server = new ModelServer()
  prepare(server)
  const opened = anInbox(server)
  stop = opened.stop
  await opened.connect()
  return { ...opened, server, settle: opened.settle }
}

const offers = () => page.getByRole('alert')

test('offers stand oldest first, at most three, each an alert with its two buttons', async () => {
  const { app, inbox } = await anOpenInbox((server) => {
    server.offers = [4, 1, 5, 2, 3].map((at) =>
      anOffer(`o${at}`, {
        offeredAt: instant(at),
        visitor: { name: `Nr ${at}`, company: null, crmStatus: null },
      }),
    )
  })
  render(Stage, { app, inbox, part: OfferBanner })
  await expect.element(offers().first().getByText('Nr 1')).toBeVisible()
  expect(offers().elements()).toHaveLength(3)
  for (const alert of offers().all()) {
    await expect.element(alert.getByRole('button', { name: 'Accept' })).toBeVisible()
    await expect.element(alert.getByRole('button', { name: 'Decline' })).toBeVisible()
    expect(alert.getByRole('timer').elements()).toEqual([])
  }
  await expect.element(page.getByText(/more are waiting for you/)).toBeVisible()
  await expect.element(page.getByText('+2')).toBeVisible()
})

test('an offer takes no focus, and goes when another tab has it', async () => {
  const { app, inbox, server, settle } = await anOpenInbox((server) => {
    server.offers = [anOffer('o1')]
  })
  const field = document.body.appendChild(document.createElement('input'))
  field.focus()
  render(Stage, { app, inbox, part: OfferBanner })
  await expect.element(offers()).toBeVisible()
  expect(document.activeElement).toBe(field)
  server.accepted(0)
  await settle()
  expect(offers().elements()).toEqual([])
  expect(document.activeElement).toBe(field)
  field.remove()
})

test('for 300 ms after rows have come or gone what moved takes no clicks', async () => {
  const { inbox } = await anOpenInbox()
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  try {
    const { offers } = inbox
    for (const moves of [() => offers.made(anOffer('o1')), () => offers.closed('o1')]) {
      moves()
      vi.advanceTimersByTime(299)
      expect(offers.settling).toBe(true)
      vi.advanceTimersByTime(1)
      expect(offers.settling).toBe(false)
    }
  } finally {
    vi.useRealTimers()
  }
})

test('a lost race is said in words', async () => {
  const { app, inbox } = await anOpenInbox((server) => {
    server.offers = [anOffer('o1')]
    server.refuses = { status: 409, code: 'offer_taken', detail: 'Taken.' }
  })
  render(Stage, { app, inbox, part: OfferBanner })
  await offers().getByRole('button', { name: 'Accept' }).click()
  await expect.element(page.getByText('Somebody else took the chat with Tom Becker.')).toBeVisible()
  expect(offers().elements()).toEqual([])
})

const inDoubt = 'It is not known whether this was done; look before you repeat it.'

for (const [what, refusal, said] of [
  [
    'was not answered',
    { status: 429, code: 'rate_limited', detail: 'Not just now.' },
    'The chat with Tom Becker was not accepted. Not just now.',
  ],
  // "was not accepted" would be a guess
  ['may have been answered', { status: 503, code: 'unavailable', detail: inDoubt }, inDoubt],
] as const)
  test(`an offer that ${what} stays, and says why in one sentence`, async () => {
    const { app, inbox } = await anOpenInbox((server) => {
      server.offers = [anOffer('o1')]
      server.refuses = refusal
    })
    render(Stage, { app, inbox, part: OfferBanner })
    await offers().getByRole('button', { name: 'Accept' }).click()
    await expect.element(page.getByText(said, { exact: true })).toBeVisible()
    await expect.element(offers().getByRole('button', { name: 'Accept' })).toBeVisible()
  })

async function aComposer() {
  const opened = await anOpenInbox((server) => {
    server.offered()
    server.accepted(0)
  })
  const conversation = opened.inbox.conversations.active[0]
  if (!conversation) throw new Error('The model gave no chat')
  render(Stage, { app: opened.app, inbox: opened.inbox, part: Composer, with: { conversation } })
  return { ...opened, id: conversation.id, field: page.getByRole('textbox', { name: 'Message' }) }
}

test('Enter sends, Shift and Enter begins a line', async () => {
  const { server, id, field, settle } = await aComposer()
  await field.click()
  await userEvent.keyboard('one{Shift>}{Enter}{/Shift}two')
  await expect.element(field).toHaveValue('one\ntwo')
  await userEvent.keyboard('{Enter}')
  await settle()
  expect(server.entries.get(id)?.map(({ text }) => text)).toEqual(['one\ntwo'])
  await expect.element(field).toHaveValue('')
})

test('the Enter that ends an input method’s composition sends nothing', async () => {
  const { server, id, field, settle } = await aComposer()
  await field.fill('日本')
  const element = field.element()
  element.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true }))
  // Safari reports it after the composition has ended, by this code only
  element.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true }))
  await settle()
  expect(server.entries.get(id)).toEqual([])
  await expect.element(field).toHaveValue('日本')
})

test('a note is a note, and white space is nothing', async () => {
  const { server, id, field, settle } = await aComposer()
  await field.fill('   ')
  await userEvent.keyboard('{Enter}')
  await page.getByRole('button', { name: 'Note', exact: true }).click()
  await page.getByRole('textbox', { name: 'Note' }).fill('for us')
  await page.getByRole('button', { name: 'Add note' }).click()
  await settle()
  expect(server.entries.get(id)).toEqual([])
  expect(server.notes.get(id)?.map(({ text }) => text)).toEqual(['for us'])
})

test('of a long list only what can be seen is in the page, and the longest waiting comes first', async () => {
  const { app, inbox } = await anOpenInbox((server) => {
    for (let index = 0; index < 400; index++) {
      const id = `chat-${index}`
      const waitingSince = index < 200 ? null : instant(5_000 - index)
      server.conversations.set(id, aConversation(id, { waitingSince, lastText: `text ${index}` }))
      server.entries.set(id, [])
    }
  })
  render(Stage, { app, inbox, part: ListColumn })
  const list = page.getByRole('list', { name: 'Conversations' })
  await expect.element(list.getByRole('listitem').first().getByText('text 399')).toBeVisible()
  const drawn = list.getByRole('listitem').elements()
  expect(drawn.length).toBeLessThan(60)
  expect(drawn[0]?.getAttribute('aria-setsize')).toBe('400')
})

test('a long list is one stop for the keyboard, and arrow keys go along it to its end', async () => {
  const { app, inbox } = await anOpenInbox((server) => {
    for (let index = 0; index < 300; index++)
      server.conversations.set(`chat-${index}`, aConversation(`chat-${index}`, { lastText: `text ${index}` }))
  })
  render(Stage, { app, inbox, part: ListColumn })
  const list = page.getByRole('list', { name: 'Conversations' })
  await expect.element(list.getByRole('listitem').first()).toBeVisible()
  const stops = () =>
    list
      .getByRole('link')
      .elements()
      .filter((link) => (link as HTMLElement).tabIndex === 0)
  const position = () => document.activeElement?.closest('li')?.ariaPosInSet
  expect(stops().length).toBe(1)
  await userEvent.click(page.getByRole('searchbox'))
  await userEvent.keyboard('{Tab}{Tab}')
  expect(position()).toBe('1')
  await userEvent.keyboard('{ArrowUp}{ArrowDown}{ArrowDown}')
  await expect.poll(position).toBe('3')
  await userEvent.keyboard('{End}')
  await expect.poll(position).toBe('300')
  await expect.element(list.getByRole('listitem').last()).toBeInViewport()
  await userEvent.keyboard('{ArrowDown}{ArrowUp}')
  await expect.poll(position).toBe('299')
  expect(stops()).toEqual([document.activeElement])
  await userEvent.keyboard('{Home}')
  await expect.poll(position).toBe('1')
})

test('a row says how many messages are unread, in words that stand apart', async () => {
  const { app, inbox } = await anOpenInbox((server) => {
    server.conversations.set('chat', aConversation('chat', { unread: 2, lastText: 'Hello again' }))
  })
  render(Stage, { app, inbox, part: ListColumn })
  await expect
    .element(page.getByRole('link', { name: /^Sofia Ricci .* Hello again 2 unread$/ }))
    .toBeVisible()
})

test('while a menu lies over the page, letters find its entries', () => {
  const press = new KeyboardEvent('keydown', { key: 'a' })
  expect(shortcutOf(press, true)).toBe('accept')
  const menu = document.body.appendChild(document.createElement('div'))
  menu.role = 'menu'
  expect(shortcutOf(press, true)).toBeNull()
  menu.remove()
})

test('single keys work outside text fields only, and only where they are wanted', () => {
  const pressed = (key: string, target: EventTarget = document.body, more: Partial<KeyboardEvent> = {}) => ({
    key,
    target,
    ctrlKey: false,
    metaKey: false,
    altKey: false,
    isComposing: false,
    repeat: false,
    defaultPrevented: false,
    ...more,
  })
  expect(['a', 'j', 'k', 'r', 'n', 'e', '?', 'x'].map((key) => shortcutOf(pressed(key), true))).toEqual([
    'accept',
    'next',
    'previous',
    'reply',
    'note',
    'end',
    'help',
    null,
  ])
  expect(shortcutOf(pressed('a'), false)).toBeNull()
  for (const tag of ['textarea', 'input', 'select'])
    expect(shortcutOf(pressed('a', document.createElement(tag)), true)).toBeNull()
  const box = Object.assign(document.createElement('input'), { type: 'checkbox' })
  expect(shortcutOf(pressed('a', box), true)).toBe('accept')
  expect(shortcutOf(pressed('k', document.createElement('textarea'), { ctrlKey: true }), false)).toBe('go-to')
  expect(shortcutOf(pressed('a', document.body, { repeat: true }), true)).toBeNull()
  expect(shortcutOf(pressed('a', document.body, { metaKey: true }), true)).toBeNull()
})
