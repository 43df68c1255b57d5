import { expect, test } from 'vitest'
import { openKeep } from '../../widget/app/keep.ts'

/** As localStorage is: its keys are its own properties. */
const aStorage = (): Storage =>
  Object.create(
    {
      getItem(this: Record<string, string>, name: string) {
        return this[name] ?? null
      },
      setItem(this: Record<string, string>, name: string, value: string) {
        this[name] = value
      },
      removeItem(this: Record<string, string>, name: string) {
        delete this[name]
      },
    },
    {},
  )
const refused = (): Storage => {
  throw new DOMException('Access is denied for this document.', 'SecurityError')
}
const open = (kept: string | null, storage: () => Storage) => {
  const host: string[] = []
  let changes = 0
  const opened = openKeep({
    siteKey: 'demo',
    kept,
    storage,
    toHost: (value) => host.push(value),
    onchange: () => changes++,
  })
  return { ...opened, host, changes: () => changes }
}

test('the frame keeps things itself where it may; the host page learns only whether a chat goes on', () => {
  const storage = aStorage()
  const { keep, host } = open('', () => storage)
  keep.set('token', 'secret')
  keep.goesOn(true)
  keep.goesOn(false)
  expect(host).toEqual(['+', '-'])
  const later = open('-', () => storage)
  expect(later.keep.get('token')).toBe('secret')
  expect(later.keep.names()).toEqual(['token'])
})

test('where the browser refuses the frame its storage, the host page keeps it all', () => {
  const { keep, host } = open('', refused)
  keep.set('token', 'secret')
  keep.goesOn(true)
  expect(host.at(-1)).toBe('+{"token":"secret"}')
  const later = open(host.at(-1) ?? '', refused)
  expect(later.keep.get('token')).toBe('secret')
  later.hostChanged('+{"token":"secret","out:1":"x"}')
  expect(later.keep.names()).toEqual(['token', 'out:1'])
  expect(later.changes()).toBe(1)
})

test('where the frame’s storage was emptied while the host page remembers, the host page keeps it from then on', () => {
  const { keep, host } = open('-', aStorage)
  keep.set('token', 'secret')
  expect(host).toEqual(['-{"token":"secret"}'])
  expect(open('-{"token":"secret"}', aStorage).keep.get('token')).toBe('secret')
})

test('consent withdrawn while no frame was there empties the frame’s storage when it comes', () => {
  const storage = aStorage()
  open('', () => storage).keep.set('token', 'secret')
  const { keep, host } = open('!', () => storage)
  expect(keep.names()).toEqual([])
  expect(host).toEqual([''])
})

test('forgetting leaves nothing with the frame and nothing with the host page', () => {
  for (const storage of [aStorage, refused]) {
    const { keep, host } = open('', storage)
    keep.set('token', 'secret')
    keep.clear()
    expect(keep.names()).toEqual([])
    expect(host.at(-1)).toBe('')
  }
})

test('a full storage keeps what it can, the page the rest', () => {
  const storage = aStorage()
  const { keep } = open('', () => storage)
  Object.getPrototypeOf(storage).setItem = () => {
    throw new DOMException('The quota has been exceeded.', 'QuotaExceededError')
  }
  keep.set('out:1', 'text')
  expect(keep.get('out:1')).toBe('text')
  expect(keep.names()).toEqual(['out:1'])
})
