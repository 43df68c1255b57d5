import { expect, test } from 'vitest'
import { AgentSocket } from '../../inbox-ui/app/socket.svelte.ts'

/** A line as the browser gives it: nothing says why an upgrade failed. */
class Line {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  close(): void {}
  send(): void {}
}

test('after an upgrade that failed Foyer is asked who this is, since the session may be over', async () => {
  const lines: Line[] = []
  const asked: boolean[] = []
  const socket = new AgentSocket({
    url: 'ws://foyer.test',
    token: async (fresh) => {
      asked.push(fresh)
      return fresh && asked.length === 3 ? null : 'token'
    },
    onframe: () => {},
    onbroken: () => {},
    random: () => 0,
    WebSocket: function (this: unknown) {
      const line = new Line()
      lines.push(line)
      return line
    } as unknown as typeof WebSocket,
  })
  socket.open()
  await expect.poll(() => lines.length).toBe(1)
  // a line that was there and broke says nothing of the session
  lines[0]?.onopen?.()
  lines[0]?.onclose?.({ code: 1006 })
  await expect.poll(() => lines.length).toBe(2)
  expect(asked).toEqual([false, false])
  lines[1]?.onclose?.({ code: 1006 })
  await expect.poll(() => asked).toEqual([false, false, true])
  // nobody is signed in any more: no further try
  await expect.poll(() => socket.status).toBe('closed')
  expect(lines).toHaveLength(2)
})
