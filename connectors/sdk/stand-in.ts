import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A vendor for tests and demo, written once: msw takes it as it is, `serveStandIn` makes a server of it. */
export type StandIn = (request: Request) => Promise<Response>

/** Serves it on a free port of this machine. An answer of `Response.error()` breaks the line instead of answering. */
export async function serveStandIn(
  standIn: StandIn,
  port = 0,
): Promise<{ origin: string; close(): Promise<void> }> {
  const server = createServer(async (incoming, outgoing) => {
    try {
      const chunks: Buffer[] = []
      for await (const chunk of incoming) chunks.push(chunk)
      const { method = 'GET' } = incoming
      const hasBody = method !== 'GET' && method !== 'HEAD'
      const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
        method,
        headers: Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
        ...(hasBody ? { body: Buffer.concat(chunks) } : {}),
      })
      const response = await standIn(request)
      if (response.type === 'error') return void incoming.socket.destroy()
      const body = Buffer.from(await response.arrayBuffer())
      // no connection is kept: whoever closes the server would wait for it
      outgoing.writeHead(response.status, {
        ...Object.fromEntries(response.headers),
        connection: 'close',
      })
      outgoing.end(body)
    } catch (error) {
      if (!outgoing.headersSent) outgoing.writeHead(500, { 'content-type': 'text/plain' })
      outgoing.end(`The stand-in failed: ${error}`)
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
