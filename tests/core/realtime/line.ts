import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import type { ToAgent, ToVisitor } from '#core/contracts/sockets.ts'
import type { AgentActor } from '#tests/support/agent-actor.ts'
import type { TestFoyer } from '#tests/support/foyer.ts'
import { SocketClient } from '#tests/support/socket-client.ts'
import { waitFor } from '#tests/support/wait.ts'

/** A visitor's socket on which nothing was said yet. */
export const visitorLine = (foyer: TestFoyer, headers: Record<string, string> = {}) =>
  SocketClient.connect<ToVisitor>(address(foyer, '/ws/visitor'), headers)

/** An agent's, with the cookie of a signed-in agent. */
export const agentLine = (foyer: TestFoyer, agent: AgentActor) =>
  SocketClient.connect<ToAgent>(address(foyer, '/ws/agent'), {
    cookie: agent.http.cookie ?? '',
    origin: foyer.origin,
  })

export const address = (foyer: TestFoyer, path: string) => foyer.origin.replace(/^http/, 'ws') + path

/** @returns the close code and reason. */
export const ending = (line: Pick<SocketClient<ToAgent>, 'closed'>, timeoutMs = 10_000) =>
  waitFor('the end of the socket', () => line.closed, { timeoutMs })

/** @returns the HTTP status with which an upgrade is refused. */
export async function refusal(
  foyer: TestFoyer,
  path: string,
  headers: Record<string, string>,
): Promise<number> {
  const socket = new WebSocket(address(foyer, path), { headers })
  socket.on('error', () => undefined)
  const [, response] = (await Promise.race([
    once(socket, 'unexpected-response'),
    once(socket, 'open').then(() => {
      socket.terminate()
      throw new Error(`${path} was opened`)
    }),
  ])) as [unknown, IncomingMessage]
  response.resume()
  socket.terminate()
  return response.statusCode ?? 0
}
