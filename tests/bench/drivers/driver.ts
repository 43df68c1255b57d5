import { once } from 'node:events'
import { WebSocket } from 'ws'

/** What the load generator needs to know of a server: the same load drives the bare one and Foyer. */
export interface Server {
  readonly name: string
  readonly pid: number
  /** Conversation `n` belongs to visitor `n`. Resolves once the server has said welcome. */
  openVisitor(n: number): Promise<WebSocket>
  /** Agent `n` has conversations 5n to 5n + 4. */
  openAgent(n: number): Promise<WebSocket>
  /** The frame by which visitor `conversation` sends message number `message`. */
  sendFrame(conversation: number, message: number): string
  /** What a frame to the sender acknowledges, if it does. */
  readAck(frame: string): Receipt | undefined
  /** What a frame to the reader delivers, if it does. */
  readDelivery(frame: string): Receipt | undefined
  /** How many messages are stored now. */
  storedMessages(): Promise<number>
  stop(): Promise<void>
}

export interface Receipt {
  message: number
  seq: number
}

export interface Load {
  visitors: number
  agents: number
}

export const conversationsAnAgent = 5

/** As long as people's messages are: a hundred characters. */
export const text =
  'Could you tell me whether the annual plan includes the second warehouse, or is that charged on top?!'

/** Opens a socket, says `hello`, and waits for the first frame that contains `welcome`. */
export async function open(
  url: string,
  hello: string,
  welcome: string,
  headers: Record<string, string> = {},
): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false, skipUTF8Validation: true, headers })
  await once(socket, 'open')
  const answer = once(socket, 'message')
  socket.send(hello)
  const [frame] = await Promise.race([
    answer,
    once(socket, 'close').then(([code, reason]) => {
      throw new Error(`${url} closed the socket instead of a welcome: ${code} ${reason}`)
    }),
  ])
  if (!String(frame).includes(welcome)) throw new Error(`${url} said ${frame} instead of a welcome`)
  return socket
}

/** The number that follows `key` in a frame; cheaper than parsing it, and the generator shares the servers' cores. */
export function numberAfter(frame: string, key: string): number {
  const start = frame.indexOf(key)
  if (start < 0) return -1
  let value = 0
  for (let at = start + key.length; at < frame.length; at++) {
    const digit = frame.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) break
    value = value * 10 + digit
  }
  return value
}
