import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import type { Server, Socket } from 'node:net'
import type { Worker } from 'node:worker_threads'
import { afterAll } from 'vitest'
import { waitFor } from './wait.ts'

/** Fails a test file that leaves sockets, servers, processes or threads behind: whatever a suite opens, it closes.
 *  Registered before the suite's own hooks, so that it looks after all of them have run. */
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

const patienceMs = 3_000

afterAll(async () => {
  await waitFor('everything is closed', () => stillOpen().length === 0, { timeoutMs: patienceMs }).catch(
    () => {
      throw new Error(`This file left behind ${stillOpen().join(', ')}.`)
    },
  )
})

function stillOpen(): string[] {
  return [...opened.values()].map((describe) => describe()).filter((text) => text !== undefined)
}
