import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import type { Server, Socket } from 'node:net'
import type { Worker } from 'node:worker_threads'

/** What this process has opened since the last `forgetOpened`, each with a look at what is still open of it. */
const opened = new Map<object, () => string | undefined>()

subscribe('net.client.socket', (message) => {
  const { socket } = message as { socket: Socket }
  opened.set(socket, () =>
    socket.destroyed
      ? undefined
      : `a socket to ${socket.remoteAddress ?? 'a pipe'}:${socket.remotePort ?? ''}`,
  )
})
subscribe('tracing:net.server.listen:asyncEnd', (message) => {
  const { server } = message as { server: Server }
  opened.set(server, () => (server.listening ? `a server on ${JSON.stringify(server.address())}` : undefined))
})
subscribe('child_process', (message) => {
  const { process: child } = message as { process: ChildProcess }
  opened.set(child, () =>
    child.exitCode === null && child.signalCode === null
      ? `process ${child.pid}: ${child.spawnargs.join(' ').slice(0, 120)}`
      : undefined,
  )
})
subscribe('worker_threads', (message) => {
  const { worker } = message as { worker: Worker }
  opened.set(worker, () => (worker.threadId === -1 ? undefined : 'a worker thread'))
})

export function stillOpen(): string[] {
  return [...opened.values()].map((describe) => describe()).filter((text) => text !== undefined)
}

export function forgetOpened(): void {
  opened.clear()
}
