import { Agent as HttpAgent, type IncomingMessage, request as overHttp, type RequestOptions } from 'node:http'
import { request as overTls, Agent as TlsAgent } from 'node:https'
import { createGunzip } from 'node:zlib'
import { namedOnly, publicOnly, whyNotOutbound } from './addresses.ts'
import {
  ConnectorError,
  OutboundRefusedError,
  ProviderAnswerError,
  ProviderUnavailableError,
} from './errors.ts'
import type { GuardedFetch, GuardedRequest, GuardedResponse } from './http.ts'
import type { Priority, Turns } from './turns.ts'

export interface GuardOptions {
  /** What may be called now. */
  origins(): string[]
  /** Of `origins`, the one that may be inside our own network: a stand-in that the operator has named. */
  standIn: string | null
  /** Hosts that may be inside our own network, because the operator has named them. */
  internalHosts?: readonly string[]
  turns: Pick<Turns, 'take'>
  priority: Priority
  signal: AbortSignal
  /** Looks at each answer that came, redirects included. */
  onAnswer?(answer: GuardedResponse): void
}

const usualTimeoutMs = 10_000
const usualBytes = 8 * 1024 * 1024
const redirectsAtMost = 3

/** Connections are kept for the next request; each was looked at when it was opened. */
const guardedAgent = new TlsAgent({ keepAlive: true, maxFreeSockets: 8, timeout: 30_000, lookup: publicOnly })
/** To hosts that the operator has named. */
const namedAgent = new TlsAgent({ keepAlive: true, maxFreeSockets: 8, timeout: 30_000, lookup: namedOnly })
/** A stand-in goes away at the end of a test. */
const standInAgent = new HttpAgent({ keepAlive: false })

/** @see GuardedFetch */
export function createGuardedFetch(options: GuardOptions): GuardedFetch {
  return async (url, request) => {
    refuseForeign(url, options)
    const done = await options.turns.take(request.limits, options.priority, options.signal)
    try {
      return await follow(url, request, options)
    } finally {
      done()
    }
  }
}

async function follow(url: string, request: GuardedRequest, options: GuardOptions): Promise<GuardedResponse> {
  const timeout = AbortSignal.timeout(request.timeoutMs ?? usualTimeoutMs)
  let at = url
  let headers = request.headers ?? {}
  for (let redirects = 0; ; redirects++) {
    const answer = await sendOnce(at, { ...request, headers }, timeout, options)
    options.onAnswer?.(answer)
    const location = redirectOf(answer)
    if (location === null) return answer
    const target = URL.parse(location, at)
    if (!target) throw new ProviderAnswerError('The provider redirects to something that is no address.')
    refuseForeign(target.href, options)
    // what changes something is not sent twice, nor elsewhere
    if (!isReading(request)) return answer
    if (redirects === redirectsAtMost) throw new ProviderAnswerError('The provider redirects in circles.')
    if (target.origin !== new URL(at).origin) headers = withoutCredentials(headers)
    at = target.href
  }
}

/** @throws {OutboundRefusedError} */
function refuseForeign(url: string, { origins, standIn, internalHosts }: GuardOptions): void {
  const why = whyNotOutbound(url, standIn, internalHosts)
  if (why) throw new OutboundRefusedError(why)
  const { origin } = new URL(url)
  const allowed = [...origins(), ...(standIn ? [standIn] : [])]
  if (!allowed.some((one) => URL.parse(one)?.origin === origin))
    throw new OutboundRefusedError(`The connector declares no address at ${origin}, so it is not called.`)
}

const isReading = ({ method = 'GET' }: Pick<GuardedRequest, 'method'>) =>
  method === 'GET' || method === 'PROPFIND' || method === 'REPORT'

const redirectOf = ({ status, headers }: GuardedResponse) =>
  [301, 302, 303, 307, 308].includes(status) ? (headers.location ?? null) : null

function withoutCredentials(headers: Record<string, string>): Record<string, string> {
  const carried = /^(accept|accept-language|content-type|user-agent)$/i
  return Object.fromEntries(Object.entries(headers).filter(([name]) => carried.test(name)))
}

function sendOnce(
  url: string,
  request: GuardedRequest,
  timeout: AbortSignal,
  { standIn, internalHosts = [], signal }: GuardOptions,
): Promise<GuardedResponse> {
  const isStandIn = standIn !== null && new URL(url).origin === new URL(standIn).origin
  const send = new URL(url).protocol === 'https:' ? overTls : overHttp
  const options: RequestOptions = {
    method: request.method ?? 'GET',
    headers: { 'user-agent': 'Foyer', 'accept-encoding': 'gzip', ...request.headers },
    signal: AbortSignal.any([signal, timeout]),
    ...(isStandIn
      ? { agent: send === overHttp ? standInAgent : false }
      : internalHosts.includes(hostOf(url))
        ? { agent: namedAgent, lookup: namedOnly }
        : { agent: guardedAgent, lookup: publicOnly }),
  }
  return new Promise<GuardedResponse>((settle, reject) => {
    let isConnected = false
    const fail = (error: unknown) => {
      if (signal.aborted) return reject(signal.reason)
      if (error instanceof ConnectorError) return reject(error)
      const outcome = isConnected && !isReading(request) ? 'unknown' : 'nothing'
      // the cause may quote what was sent; its code does not
      const code = timeout.aborted ? 'no answer in time' : codeOf(error)
      reject(new ProviderUnavailableError(`The provider cannot be reached (${code}).`, outcome))
    }
    const sent = send(url, options, (response) => {
      readAnswer(response, request.maxBytes ?? usualBytes).then(settle, (error) => {
        sent.destroy()
        fail(error)
      })
    })
    sent.on('socket', (socket) => {
      if (sent.reusedSocket) isConnected = true
      socket.once(send === overTls ? 'secureConnect' : 'connect', () => {
        isConnected = true
      })
    })
    sent.on('error', fail)
    sent.end(request.body)
  })
}

const hostOf = (url: string) => new URL(url).hostname.replace(/^\[|\]$/g, '')

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code ?? 'the line broke'

/** @throws {ProviderAnswerError} too long, or not what it says it is */
async function readAnswer(response: IncomingMessage, maxBytes: number): Promise<GuardedResponse> {
  const zipped = /^(x-)?gzip$/i.test(response.headers['content-encoding'] ?? '')
  const body = zipped ? response.pipe(createGunzip()) : response
  // pipe() does not hand on that the line broke
  if (zipped) response.on('error', (error) => body.destroy(error))
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxBytes) {
        response.destroy()
        throw new ProviderAnswerError(`The provider’s answer is longer than ${maxBytes} bytes.`)
      }
      chunks.push(chunk)
    }
  } catch (error) {
    if (String((error as NodeJS.ErrnoException).code).startsWith('Z_'))
      throw new ProviderAnswerError('The provider’s answer cannot be unpacked.')
    throw error
  }
  const text = Buffer.concat(chunks).toString('utf8')
  return { status: response.statusCode ?? 0, headers: plainHeaders(response), text, json: () => parse(text) }
}

const plainHeaders = ({ headers }: IncomingMessage): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().join(', ')]))

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // not the cause: it quotes the answer
    throw new ProviderAnswerError('The provider’s answer is not JSON.')
  }
}
