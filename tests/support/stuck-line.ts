import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A line too slow for anything to arrive: nothing that comes is answered, until the test is over.
 *  `reached` and `left` settle when the first one has connected, and when it has gone. */
export async function aStuckLine() {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => sockets.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const reached: Promise<Socket[]> = once(server, 'connection')
  const left = reached.then(async ([socket]) => {
    // its end is only seen by who reads
    socket?.on('error', () => undefined).resume()
    if (socket && !socket.closed) await once(socket, 'close')
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, reached, left }
}
