import { expect, onTestFinished, test, vi } from 'vitest'
import type { AgentFrame } from '../../core/contracts/sockets.ts'
import { Drafts } from '../../inbox-ui/conversations/drafts.svelte.ts'
import { Outbox } from '../../inbox-ui/conversations/outbox.svelte.ts'

class MemoryStorage {
  readonly #values = new Map<string, string>()
  get length(): number {
    return this.#values.size
  }
  key = (index: number): string | null => [...this.#values.keys()][index] ?? null
  getItem = (key: string): string | null => this.#values.get(key) ?? null
  setItem = (key: string, value: string): void => void this.#values.set(key, value)
  removeItem = (key: string): void => void this.#values.delete(key)
}

function anOutbox({ up = true, storage = new MemoryStorage() } = {}) {
  const sent: string[] = []
  const line = { up }
  let count = 0
  const outbox = new Outbox({
    send: (frame: AgentFrame) => {
      if (line.up && 'clientId' in frame) sent.push(frame.clientId)
      return line.up
    },
    now: () => ++count,
    makeId: () => `id-${++count}`,
    storage,
    prefix: 'box.',
  })
  return { outbox, sent, line, storage }
}

const texts = (outbox: Outbox) => outbox.items.map(({ text, state }) => `${text}: ${state}`)

test('a page without TLS, which has no crypto.randomUUID, sends as well', () => {
  const missing = vi.spyOn(crypto, 'randomUUID').mockImplementation(() => {
    throw new TypeError('crypto.randomUUID is not a function')
  })
  onTestFinished(() => missing.mockRestore())
  const outbox = new Outbox({ send: () => true, now: () => 1 })
  for (let n = 0; n < 100; n++) outbox.add('c', 'message', 'hello')
  const ids = outbox.items.map(({ clientId }) => clientId)
  expect(new Set(ids).size).toBe(100)
  // what Foyer takes as a client id
  expect(ids.every((id) => /^[\w.:-]{1,64}$/.test(id))).toBe(true)
})

test('what is sent stays until it is acknowledged', () => {
  const { outbox } = anOutbox()
  outbox.add('c', 'message', 'hello')
  expect(texts(outbox)).toEqual(['hello: sending'])
  const clientId = outbox.items[0]?.clientId ?? ''
  expect(outbox.acknowledged(clientId)?.text).toBe('hello')
  expect(outbox.acknowledged(clientId)).toBeUndefined()
  expect(texts(outbox)).toEqual([])
})

test('what is written while the line is down goes out later, in order, under its first id', () => {
  const { outbox, sent, line } = anOutbox({ up: false })
  outbox.add('c', 'message', 'one')
  outbox.add('c', 'note', 'two')
  expect(texts(outbox)).toEqual(['one: waiting', 'two: waiting'])
  const ids = outbox.items.map(({ clientId }) => clientId)
  line.up = true
  outbox.opened()
  expect(sent).toEqual(ids)
})

test('what was on its way when the line broke goes out again', () => {
  const { outbox, sent } = anOutbox()
  outbox.add('c', 'message', 'one')
  outbox.broken()
  expect(texts(outbox)).toEqual(['one: waiting'])
  outbox.opened()
  expect(sent).toHaveLength(2)
  expect(new Set(sent).size).toBe(1)
})

test('a refused message says why and waits for a person', () => {
  const { outbox, sent } = anOutbox()
  outbox.add('c', 'message', 'one')
  const { clientId } = outbox.items[0] ?? { clientId: '' }
  outbox.refused(clientId, 'This chat has ended.')
  expect(outbox.items[0]).toMatchObject({ state: 'failed', error: 'This chat has ended.' })
  outbox.opened()
  expect(sent).toHaveLength(1)
  outbox.retry(clientId)
  expect(sent).toEqual([clientId, clientId])
  outbox.refused(clientId, 'This chat has ended.')
  outbox.discard(clientId)
  expect(outbox.items).toEqual([])
})

test('refused for now is sent again by itself', async () => {
  const { outbox, sent } = anOutbox()
  outbox.add('c', 'message', 'one')
  outbox.refused(outbox.items[0]?.clientId ?? '', 'Too fast', 10)
  expect(texts(outbox)).toEqual(['one: waiting'])
  await expect.poll(() => sent.length).toBe(2)
})

test('behind one that is asked to come later nothing of its chat goes first', () => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { outbox, sent } = anOutbox()
  const idOf = (text: string) => outbox.items.find((item) => item.text === text)?.clientId ?? ''
  outbox.add('c', 'message', 'one')
  outbox.add('c', 'message', 'two')
  const [one, two] = [idOf('one'), idOf('two')]
  outbox.refused(one, 'Try later', 60_000)
  // it was on its way already, and what is refused with it stays behind it
  outbox.refused(two, 'Try later', 10)
  outbox.add('c', 'note', 'three')
  outbox.add('elsewhere', 'message', 'four')
  const [three, four] = [idOf('three'), idOf('four')]
  expect(sent).toEqual([one, two, four])
  vi.advanceTimersByTime(1_000)
  expect(sent).toEqual([one, two, four])
  outbox.retry(three)
  expect(sent).toEqual([one, two, four])
  vi.advanceTimersByTime(59_000)
  expect(sent).toEqual([one, two, four, one, two, three])
})

test('a person, and a new line, wait for no time that Foyer asked for', () => {
  const { outbox, sent } = anOutbox()
  outbox.add('c', 'message', 'one')
  const one = outbox.items[0]?.clientId ?? ''
  outbox.refused(one, 'Try later', 60_000)
  outbox.add('c', 'message', 'two')
  const two = outbox.items[1]?.clientId ?? ''
  outbox.retry(one)
  expect(sent).toEqual([one, one, two])
  outbox.refused(one, 'Try later', 60_000)
  outbox.broken()
  outbox.opened()
  expect(sent).toEqual([one, one, two, one, two])
})

test('what waits behind one that is asked to come later goes when that one has gone', async () => {
  const { outbox, sent } = anOutbox()
  const send = (text: string) => {
    outbox.add('c', 'message', text)
    return outbox.items.at(-1)?.clientId ?? ''
  }
  const first = send('first')
  outbox.refused(first, 'Try later', 10)
  const second = send('second')
  expect(sent).toEqual([first])
  await expect.poll(() => sent).toEqual([first, first, second])
  // stored all the same, as the log of the chat shows
  outbox.refused(second, 'Try later', 60_000)
  const third = send('third')
  outbox.acknowledged(second)
  expect(sent.at(-1)).toBe(third)
  // given up
  outbox.refused(third, 'Try later', 60_000)
  const fourth = send('fourth')
  outbox.discard(third)
  expect(sent.at(-1)).toBe(fourth)
})

test('a reload loses nothing that is not stored, and forgets what is', () => {
  const { outbox, storage } = anOutbox({ up: false })
  outbox.add('c', 'message', 'kept')
  outbox.add('c', 'message', 'stored meanwhile')
  outbox.acknowledged(outbox.items[1]?.clientId ?? '')
  const after = anOutbox({ storage })
  expect(texts(after.outbox)).toEqual(['kept: waiting'])
  after.outbox.opened()
  expect(after.sent).toEqual([outbox.items[0]?.clientId])
})

test('shut storage costs the reload, nothing else', () => {
  const shut = () => {
    throw new DOMException('denied')
  }
  const storage = Object.assign(new MemoryStorage(), { setItem: shut, removeItem: shut })
  const { outbox } = anOutbox({ storage })
  outbox.add('c', 'message', 'one')
  outbox.acknowledged(outbox.items[0]?.clientId ?? '')
  expect(outbox.items).toEqual([])
})

test('drafts survive switching and reloading', () => {
  const storage = new MemoryStorage()
  const drafts = new Drafts(storage, 'd.')
  drafts.set('a', { text: 'half a sen', kind: 'message' })
  drafts.set('b', { text: 'for us only', kind: 'note' })
  drafts.set('c', { text: 'sent', kind: 'message' })
  drafts.set('c', { text: '', kind: 'message' })
  const after = new Drafts(storage, 'd.')
  expect(after.get('a')).toEqual({ text: 'half a sen', kind: 'message' })
  expect(after.get('b').kind).toBe('note')
  expect(after.get('c')).toEqual({ text: '', kind: 'message' })
  expect(storage.length).toBe(2)
})
