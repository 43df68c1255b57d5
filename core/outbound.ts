import { request as overHttp } from 'node:http'
import { request as overTls } from 'node:https'
import { publicOnly, whyNotOutbound } from '#connectors/sdk/addresses.ts'
import { OutboundRefusedError } from '#connectors/sdk/errors.ts'

/** Where somebody else decides the address, such as a browser's push service: only out of our own network. */
export interface OutboundPost {
  url: string
  headers: Record<string, string | number>
  body: Buffer
  timeoutMs: number
  signal?: AbortSignal
  /** An origin that may be called whatever it is: a stand-in that the operator has named. */
  trustedOrigin?: string | null
}

export interface OutboundAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
}

/**
 * Posts without following redirects; of the answer only status and headers are kept. Each address a name stands for is
 * looked at when it is connected to, so a name cannot be public when it is checked and internal when it is called.
 * @throws {OutboundRefusedError}, or what went wrong on the line
 */
export function post({ url, headers, body, timeoutMs, ...options }: OutboundPost): Promise<OutboundAnswer> {
  const why = whyNotOutbound(url, options.trustedOrigin)
  if (why) return Promise.reject(new OutboundRefusedError(why))
  const isTrusted = options.trustedOrigin && new URL(url).origin === new URL(options.trustedOrigin).origin
  const request = new URL(url).protocol === 'https:' ? overTls : overHttp
  const timeout = AbortSignal.timeout(timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
  return new Promise((settle, reject) => {
    const sent = request(
      url,
      {
        method: 'POST',
        headers,
        signal,
        // a connection of its own: none that was opened before, to whatever the name stood for then
        agent: false,
        ...(isTrusted ? {} : { lookup: publicOnly }),
      },
      (response) => {
        settle({ status: response.statusCode ?? 0, headers: response.headers })
        // whatever else it says is not wanted
        response.destroy()
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}
