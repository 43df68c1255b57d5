import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Api } from '../../widget/app/api.ts'
import { Chat } from '../../widget/app/chat/chat.svelte.ts'
import { Device } from './memory-keep.ts'
import { ModelFoyer } from './model-foyer.ts'
import { aSession } from './samples.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('a tab that is named and one that is not do not take the place from each other for ever', async () => {
  const foyer = new ModelFoyer()
  const device = new Device()
  let asked = 0
  // as Foyer does: a token never changes whom it stands for
  const openSession: Api['openSession'] = async ({ token, identity }) => {
    // a test that fails must end
    if (asked++ > 50) throw new Error('They take the place from each other')
    const kind = identity ? 'named' : 'anonymous'
    const isTheirs = token?.startsWith(kind)
    return aSession({
      token: isTheirs ? token : `${kind} ${asked}`,
      visitorId: isTheirs ? token : `${kind} ${asked}`,
    })
  }
  const open = (identity?: string) => {
    let chat: Chat | undefined
    const keep = device.open(() => chat?.keptElsewhere())
    chat = new Chat({
      siteKey: 'demo',
      keep,
      api: { ...foyer.api, openSession },
      connect: (options) => foyer.connect(options),
      tell: () => {},
    })
    if (identity) chat.identify(identity)
    chat.opens(true)
    return chat
  }
  const named = open('jwt')
  await vi.advanceTimersByTimeAsync(500)
  const other = open()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(asked).toBe(2)
  expect([named.session?.token, other.session?.token]).toEqual(['named 1', 'anonymous 2'])
})
