import { expect } from 'vitest'
import { App } from '../../inbox-ui/app/app.svelte.ts'
import { Inbox } from '../../inbox-ui/app/inbox.svelte.ts'
import { type ModelServer, ModelSocket } from './model-server.ts'

/** An inbox at the model server. */
export function anInbox(server: ModelServer) {
  const app = new App({ fetch: server.fetch })
  app.session.enter(server.me)
  let socket: ModelSocket | undefined
  const Line = function (this: unknown) {
    socket = new ModelSocket(server)
    return socket
  } as unknown as typeof WebSocket
  const inbox = new Inbox(app, { socketUrl: 'ws://model.test', WebSocket: Line })
  const stop = inbox.start()
  return {
    app,
    inbox,
    stop,
    get socket(): ModelSocket {
      if (!socket) throw new Error('This inbox has no line yet')
      return socket
    },
    /** Waits for the greeting and lets it through. */
    async connect() {
      inbox.socket.retryNow()
      await expect
        .poll(
          () => {
            socket?.flow()
            return inbox.socket.status
          },
          { interval: 1 },
        )
        .toBe('open')
    },
    /** Lets everything through that still comes, answers to questions included. */
    async settle() {
      for (let turn = 0; turn < 6; turn++) {
        socket?.flow()
        await new Promise((resolve) => setTimeout(resolve))
      }
    },
  }
}
