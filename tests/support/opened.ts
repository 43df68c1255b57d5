import { AsyncLocalStorage } from 'node:async_hooks'
import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import type { Server, Socket } from 'node:net'
import type { Worker } from 'node:worker_threads'

/** What this process has opened since the last `forgetOpened`, each with a look at what is still open of it. */
const opened = new Map<object, () => string | undefined>()
const outliving = new AsyncLocalStorage<true>()

/** What is opened by this may stay for the files that come after. */
export const outlivesFile = <T>(open: () => Promise<T>): Promise<T> => outliving.run(true, open)

function note(thing: object, describe: () => string | undefined): void {
  if (!outliving.getStore()) opened.set(thing, describe)
}

subscribe('net.client.socket', (message) => {
  const { socket } = message as { socket: Socket }
  note(socket, () =>
    socket.destroyed
      ? undefined
      : `a socket to ${socket.remoteAddress ?? 'a pipe'}:${socket.remotePort ?? ''}`,
  )
})
subscribe('tracing:net.server.listen:asyncEnd', (message) => {
  const { server } = message as { server: Server }
  note(server, () => (server.listening ? `a server on ${JSON.stringify(server.address())}` : undefined))
})
subscribe('child_process', (message) => {
  const { process: child } = message as { process: ChildProcess }
  note(child, () =>
    child.exitCode === null && child.signalCode === null
      ? `process ${child.pid}: ${child.spawnargs.join(' ').slice(0, 120)}`
      : undefined,
  )
})
subscribe('worker_threads', (message) => {
  const { worker } = message as { worker: Worker }
  note(worker, () => (worker.threadId === -1 ? undefined : 'a worker thread'))
})

export function stillOpen(): string[] {
  return [...opened.values()].map((describe) => describe()).filter((text) => text !== undefined)
}

export function forgetOpened(): void {
  opened.clear()
}
