import fc from 'fast-check'
import { flushSync } from 'svelte'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Chat } from '../../widget/app/chat/chat.svelte.ts'
import { arrange } from '../../widget/app/chat/rows.ts'
import type { FromFrame } from '../../widget/protocol.ts'
import { Device } from './memory-keep.ts'
import { type Fate, ModelFoyer } from './model-foyer.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Lets all that is on its way arrive. */
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

const openTab = (foyer: ModelFoyer, device: Device) => {
  const told: FromFrame[] = []
  let chat: Chat | undefined
  const keep = device.open(() => chat?.keptElsewhere())
  const tab = new Chat({
    siteKey: 'demo',
    keep,
    api: foyer.api,
    connect: (options) => foyer.connect(options),
    tell: (message) => told.push(message),
  })
  chat = tab
  tab.opens(true)
  /** The page goes away, in the middle of whatever it does. */
  const leave = () => {
    keep.close()
    tab.opens(false)
    vi.spyOn(tab.sending, 'flush').mockImplementation(() => {})
  }
  return { chat: tab, told, leave }
}

const ask = async (foyer: ModelFoyer, device = new Device()) => {
  const tab = openTab(foyer, device)
  await settle(500)
  expect(await tab.chat.writing.request({ email: 'a@b.test' }, 'hello')).toBeNull()
  await settle(500)
  return { ...tab, device }
}

test('a request becomes a conversation whose log the panel shows', async () => {
  const foyer = new ModelFoyer()
  const { chat, told } = await ask(foyer)
  foyer.agentSays('Hi')
  await settle()
  expect(chat.screen).toBe('chat')
  expect(chat.entries.map(({ text }) => text)).toEqual(['hello', 'Hi'])
  expect(chat.unsent).toEqual([])
  expect(chat.session?.known.email).toBe('a@b.test')
  const events = told.flatMap((message) => (message.foyer === 'event' ? message.event : []))
  expect(events).toEqual(['emailGiven', 'liveChatRequested'])
})

test('a request whose answer got lost is asked again and stays one', async () => {
  const foyer = new ModelFoyer()
  const { chat } = openTab(foyer, new Device())
  await settle(500)
  foyer.fates = ['answer lost', 'lost', 'answer lost']
  expect(await chat.writing.request({}, 'hello')).toBeNull()
  await settle(60_000)
  expect(foyer.logs.size).toBe(1)
  expect(foyer.all.map(({ text }) => text)).toEqual(['hello'])
  expect(chat.entries).toEqual(foyer.all)
})

test('a line that got lost on the way is noticed by the next one', async () => {
  const foyer = new ModelFoyer()
  const { chat } = await ask(foyer)
  foyer.fates = ['lost']
  foyer.agentSays('lost')
  await settle()
  expect(chat.entries).toHaveLength(1)
  foyer.agentSays('found')
  await settle()
  expect(chat.entries).toEqual(foyer.all)
})

test('what is written offline waits, says so, and goes out in order', async () => {
  const foyer = new ModelFoyer()
  const { chat } = await ask(foyer)
  foyer.up = false
  foyer.cutLines()
  await settle(1_000)
  for (const text of ['one', 'two', 'three']) chat.writing.say(text)
  await settle(5_000)
  expect(chat.unsent.map(({ text }) => text)).toEqual(['one', 'two', 'three'])
  const rows = arrange(chat.entries, {
    unsent: chat.unsent,
    agentReadSeq: 0,
    agentName: null,
    lineOpen: false,
  })
  expect(rows.at(-1)).toMatchObject({ mark: { state: 'waiting' } })
  foyer.up = true
  await settle(30_000)
  expect(chat.entries.map(({ text }) => text)).toEqual(['hello', 'one', 'two', 'three'])
  expect(chat.unsent).toEqual([])
})

test('a text that met the end of its chat is kept, and goes on in a new one', async () => {
  const foyer = new ModelFoyer()
  const { chat } = await ask(foyer)
  foyer.fates = ['lost', 'lost']
  foyer.end()
  chat.writing.say('Too late?')
  chat.writing.say('And this?')
  await settle(5_000)
  expect(chat.unsent.map(({ text, refused }) => [text, refused?.code])).toEqual([
    ['Too late?', 'conversation_ended'],
    ['And this?', 'conversation_ended'],
  ])
  const [first] = chat.unsent
  if (first) chat.sending.again(first)
  await settle(5_000)
  expect(foyer.logs.size).toBe(2)
  expect(chat.entries.map(({ text }) => text)).toEqual(['Too late?', 'And this?'])
  expect(chat.unsent).toEqual([])
})

test('writing after the end begins a new conversation without asking anything', async () => {
  const foyer = new ModelFoyer()
  const { chat } = await ask(foyer)
  foyer.end()
  await settle()
  expect(chat.phase).toBe('ended')
  chat.writing.say('One more thing')
  flushSync()
  expect(chat.phase).toBe('starting')
  await settle(1_000)
  expect(chat.phase).toBe('active')
  expect(chat.entries.map(({ text }) => text)).toEqual(['One more thing'])
})

test('the agent’s words count as unread until the panel shows them', async () => {
  const foyer = new ModelFoyer()
  const { chat, told } = await ask(foyer)
  chat.opens(false)
  foyer.agentSays('Hi')
  foyer.agentSays('Are you there?')
  await settle()
  chat.opens(true)
  const counts = told.flatMap((message) => (message.foyer === 'unread' ? message.count : []))
  expect(counts).toEqual([1, 2, 0])
})

test('withdrawn consent leaves nothing on the device, unless a chat goes on', async () => {
  const foyer = new ModelFoyer()
  const { chat, device } = await ask(foyer)
  chat.opens(false)
  chat.consent(false)
  expect(device.stored.size).toBeGreaterThan(0)
  foyer.end()
  await settle(1_000)
  chat.consent(false)
  expect(device.stored.size).toBe(0)
  expect(foyer.lineCount).toBe(0)
})

const sofia = { email: 'sofia@northwind.test' }

/** Leaves what is written, as the form for it does. */
const leave = ({ chat }: { chat: Chat }, text: string) => {
  chat.writing.draft.writes(text)
  return chat.leave(sofia, chat.writing.draft)
}

test('a message left for later survives lost answers and a reload, and is left once', async () => {
  const foyer = new ModelFoyer()
  const device = new Device()
  const before = openTab(foyer, device)
  await settle(500)
  foyer.fates = ['answer lost']
  expect(await leave(before, 'Write to me')).toBeNull()
  expect(before.chat.phase).toBe('leaving')
  expect(before.chat.writing.draft.text).toBe('')
  foyer.up = false
  before.leave()

  const after = openTab(foyer, device)
  await settle(5_000)
  expect(after.chat.unsent.map(({ text }) => text)).toEqual(['Write to me'])
  expect(after.chat.writing.draft.text).toBe('')
  foyer.up = true
  await settle(60_000)
  expect(after.chat.phase).toBe('left')
  expect(after.chat.unsent).toEqual([])
  expect(after.chat.entries.map(({ text }) => text)).toEqual(['Write to me'])
  expect(foyer.logs.size).toBe(1)
  expect([...device.stored.keys()].filter((name) => name.startsWith('out:'))).toEqual([])
})

test('a page that goes away while a message is being left has it in one place only', async () => {
  const foyer = new ModelFoyer()
  const device = new Device()
  const before = openTab(foyer, device)
  await settle(500)
  void leave(before, 'Write to me')
  before.leave()
  const after = openTab(foyer, device)
  expect(after.chat.writing.draft.text).toBe('')
  expect(after.chat.unsent.map(({ text }) => text)).toEqual(['Write to me'])
})

test('a message for later that is refused goes back to its form, with the field that is wrong', async () => {
  const foyer = new ModelFoyer()
  const device = new Device()
  const tab = openTab(foyer, device)
  await settle(500)
  foyer.needsName = true
  expect(await leave(tab, 'Write to me')).toEqual({ name: 'This is needed.' })
  expect(tab.chat.writing.draft.text).toBe('Write to me')
  await settle(500)
  expect(device.stored.get('draft')).toBe('Write to me')
  expect(tab.chat.unsent).toEqual([])
})

test('what is being added to a chat nobody came to is there after a reload', async () => {
  const { chat, device, leave } = await ask(new ModelFoyer())
  chat.writing.addition.writes('And call me after six')
  await settle(500)
  leave()
  const after = openTab(new ModelFoyer(), device)
  expect(after.chat.writing.addition.text).toBe('And call me after six')
})

const fate = fc.constantFrom<Fate>('arrives', 'arrives', 'lost', 'answer lost')
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('say' as const), tab: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('agent says' as const), tab: fc.constant(0) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('reload' as const, 'cut' as const), tab: fc.nat(1) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), tab: fc.integer({ min: 1, max: 4_000 }) }),
  },
)

test('whatever breaks, nothing said is lost, doubled or reordered, and every tab shows the log', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 25 }),
      fc.array(fate, { maxLength: 40 }),
      async (steps, fates) => {
        const foyer = new ModelFoyer()
        const first = await ask(foyer)
        const tabs = [first, openTab(foyer, first.device)]
        await settle(1_000)
        foyer.fates = [...fates]
        const said: string[][] = [[], []]
        for (const [i, { do: what, tab }] of steps.entries()) {
          if (what === 'say') {
            tabs[tab]?.chat.writing.say(`${tab}:${i}`)
            said[tab]?.push(`${tab}:${i}`)
          } else if (what === 'agent says') foyer.agentSays(`agent:${i}`)
          else if (what === 'cut') foyer.cutLines()
          else if (what === 'reload') {
            tabs[tab]?.leave()
            tabs[tab] = openTab(foyer, first.device)
          } else await settle(tab)
        }
        foyer.fates = []
        await settle(90_000)
        for (const { chat } of tabs) chat.wakes()
        await settle(30_000)

        const texts = foyer.all.map(({ text }) => text)
        for (const own of said) expect(texts.filter((text) => own.includes(text ?? ''))).toEqual(own)
        expect(foyer.logs.size).toBe(1)
        for (const { chat } of tabs) {
          expect(chat.entries).toEqual(foyer.all)
          expect(chat.unsent).toEqual([])
        }
        expect([...first.device.stored.keys()].filter((name) => name.startsWith('out:'))).toEqual([])
        for (const { leave } of tabs) leave()
      },
    ),
    { numRuns: 60, endOnFailure: false },
  )
})
