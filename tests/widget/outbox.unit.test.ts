import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { ClientId } from '../../core/contracts/common.ts'
import { Outbox } from '../../widget/app/chat/outbox.ts'
import { Device } from './memory-keep.ts'

const texts = (outbox: Outbox) => outbox.all.map(({ text }) => text)
const anOutbox = (device = new Device()) => new Outbox(device.open(() => {}))

test('what was sent is there again after a reload, in its order', () => {
  const device = new Device()
  const before = anOutbox(device)
  for (const text of ['one', 'two', 'three']) before.add(text, 'chat')
  const after = anOutbox(device)
  expect(texts(after)).toEqual(['one', 'two', 'three'])
  expect(after.own).toEqual([])
  after.adopt()
  expect(after.own).toEqual(before.own)
})

test('a frame on a page without TLS, which has no crypto.randomUUID, sends as well', () => {
  vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) })
  onTestFinished(() => void vi.unstubAllGlobals())
  const outbox = anOutbox()
  const ids = Array.from({ length: 200 }, () => ClientId.parse(outbox.add('hello', null).clientId))
  expect(new Set(ids).size).toBe(200)
})

test('a request keeps what was filled in with it until its conversation is there', () => {
  const device = new Device()
  const outbox = anOutbox(device)
  outbox.add('hello', null, { fields: { email: 'a@b.test' }, consent: true })
  expect(anOutbox(device).all[0]).toMatchObject({ to: null, fields: { email: 'a@b.test' }, consent: true })
  outbox.address('chat')
  expect(anOutbox(device).all[0]).toEqual({
    clientId: expect.any(String),
    place: 1,
    text: 'hello',
    to: 'chat',
  })
})

test('a message for later waits for no conversation, and none takes it along', () => {
  const outbox = anOutbox()
  outbox.add('later', null, { fields: { email: 'a@b.test' }, left: true })
  outbox.add('now', null)
  outbox.address('chat')
  expect(outbox.all).toMatchObject([
    { text: 'later', to: null, left: true, fields: { email: 'a@b.test' } },
    { text: 'now', to: 'chat' },
  ])
})

test('a refused one stays, with the reason, while the others go on', () => {
  const outbox = anOutbox()
  const [first, second] = [outbox.add('one', 'chat'), outbox.add('two', 'chat')]
  outbox.refuse(first.clientId, { code: 'conversation_ended', message: 'This chat has ended.' })
  outbox.settle(second.clientId)
  expect(outbox.all).toMatchObject([{ text: 'one', refused: { code: 'conversation_ended' } }])
  outbox.add('three', 'next')
  outbox.retry(first.clientId, 'next')
  expect(texts(outbox)).toEqual(['three', 'one'])
  expect(outbox.all.at(-1)).toMatchObject({ to: 'next' })
  expect(outbox.all.at(-1)?.refused).toBeUndefined()
})

test('what a device refuses to keep is not lost while the page lives', () => {
  const outbox = new Outbox({
    get: () => null,
    set: () => {},
    names: () => [],
    goesOn: () => {},
    clear: () => {},
  })
  outbox.add('one', 'chat')
  outbox.add('two', 'chat')
  expect(texts(outbox)).toEqual(['one', 'two'])
})

test('a broken entry on the device harms nothing', () => {
  const device = new Device()
  device.stored.set('out:x', '{"clientId":7')
  device.stored.set('out:y', 'null')
  expect(anOutbox(device).all).toEqual([])
})

test('tabs never lose each other’s: each is sent by somebody, in its writer’s order, until it is settled', () => {
  const step = fc.record({ tab: fc.nat(2), settles: fc.boolean(), adopts: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const device = new Device()
      const tabs = [anOutbox(device), anOutbox(device), anOutbox(device)]
      const written: { tab: number; text: string; clientId: string }[] = []
      for (const [i, { tab, settles, adopts }] of steps.entries()) {
        const outbox = tabs[tab] as Outbox
        const first = outbox.own[0]
        if (settles && first) {
          for (const each of tabs) each.settle(first.clientId)
          written.splice(
            written.findIndex(({ clientId }) => clientId === first.clientId),
            1,
          )
        } else if (adopts) outbox.adopt()
        else written.push({ tab, text: `${i}`, clientId: outbox.add(`${i}`, 'chat').clientId })
      }
      const fresh = anOutbox(device)
      expect(texts(fresh).sort()).toEqual(written.map(({ text }) => text).sort())
      for (const tab of [0, 1, 2]) {
        const mine = written.filter((one) => one.tab === tab).map(({ text }) => text)
        expect(texts(fresh).filter((text) => mine.includes(text))).toEqual(mine)
      }
    }),
  )
})
