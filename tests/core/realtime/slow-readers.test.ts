import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'vitest'
import { test } from '#tests/support/foyer.ts'
import { waitFor } from '#tests/support/wait.ts'
import { ending } from './line.ts'

const megabyte = 1024 * 1024

test('whoever does not read is cut off, costs little, and keeps nobody else waiting', async ({ foyer }) => {
  const { bus } = foyer.app.services
  const [slow, quick] = [await foyer.visitor(), await foyer.visitor()]
  slow.socket.raw.pause()
  const before = inMemory()
  for (let sent = 1; sent <= 24; sent++) {
    for (const { id } of [slow, quick]) bus.publish(`visitor:${id}`, bigFrame(sent))
    await quick.socket.frame('seen', ({ readSeq }) => readSeq === sent)
    quick.socket.frames.length = 0
  }
  // 24 MB were meant for it
  expect(inMemory() - before).toBeLessThan(12 * megabyte)
  slow.socket.raw.resume()
  expect(await ending(slow.socket)).toMatchObject({ code: 4408 })
  expect(slow.socket.ofType('seen').length).toBeLessThan(20)
  expect(quick.socket.closed).toBeUndefined()
  // and it comes back as if nothing had been
  await slow.connect()
})

test('one that never reads again is gone a few seconds later', async ({ foyer }) => {
  const { bus } = foyer.app.services
  const visitor = await foyer.visitor()
  visitor.socket.raw.pause()
  for (let sent = 0; sent < 24; sent++) {
    bus.publish(`visitor:${visitor.id}`, bigFrame(sent))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await waitFor('it counts as gone', async () => {
    const { rows } = await foyer.pool.query(
      'select from presence where subject_id = $1 and dropped_at is not null',
      [visitor.id],
    )
    return rows.length === 1
  })
  visitor.socket.raw.terminate()
})

const bigFrame = (readSeq: number) =>
  JSON.stringify({ type: 'seen', conversationId: '', readSeq, filling: 'x'.repeat(megabyte) })

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

function inMemory(): number {
  collectGarbage()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}
