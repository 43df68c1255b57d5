import { createDecipheriv, createECDH, createPublicKey, hkdfSync, randomBytes, verify } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { PushPayload } from '#core/contracts/push.ts'

/** A push as it reached the service, opened with the keys of the browser it was for. */
export interface PushedHere {
  payload: PushPayload
  ttl: number
  urgency: string | undefined
  topic: string | undefined
  at: number
}

/** The part of a browser that subscribes. */
export interface FakeBrowser {
  subscription: { endpoint: string; keys: { p256dh: string; auth: string } }
  received: PushedHere[]
  /** What the service answers for it from now on: one after the other, the last one for good. 0 breaks the line. */
  answers: { status: number; headers?: Record<string, string>; afterMs?: number }[]
}

/** Stands in for the push services of browsers: checks what RFC 8030, 8291, 8188 and 8292 ask of a push, opens it, and
 *  answers what a test wants. */
export class PushService {
  readonly #browsers = new Map<string, FakeBrowser & { open: (body: Buffer) => Buffer }>()
  readonly #server = createServer((request, response) => {
    this.#take(request).then(
      async ({ status, headers, afterMs = 0 }) => {
        if (afterMs > 0) await new Promise((resolve) => setTimeout(resolve, afterMs))
        if (status === 0) return void response.destroy()
        response.writeHead(status, { connection: 'close', ...headers }).end('whatever it says')
      },
      (error: unknown) => {
        this.problems.push(String(error))
        response.writeHead(400, { connection: 'close' }).end()
      },
    )
  })
  /** The public key that signs; the first one seen must sign all. */
  key: string | undefined
  readonly problems: string[] = []

  static async start(): Promise<PushService> {
    const service = new PushService()
    service.#server.listen(0, '127.0.0.1')
    await once(service.#server, 'listening')
    return service
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  browser(): FakeBrowser {
    const keys = createECDH('prime256v1')
    const publicKey = keys.generateKeys()
    const auth = randomBytes(16)
    const path = `/push/${randomBytes(12).toString('base64url')}`
    const browser = {
      subscription: {
        endpoint: this.origin + path,
        keys: { p256dh: publicKey.toString('base64url'), auth: auth.toString('base64url') },
      },
      received: [],
      answers: [{ status: 201 }],
      open: (body: Buffer) => decrypt(body, { keys, publicKey, auth }),
    }
    this.#browsers.set(path, browser)
    return browser
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #take(request: IncomingMessage): Promise<FakeBrowser['answers'][number]> {
    const body = await buffer(request)
    const browser = this.#browsers.get(request.url ?? '')
    if (request.method !== 'POST' || !browser) throw new Error(`${request.method} ${request.url} is no push`)
    const { headers } = request
    this.#checkSignature(String(headers.authorization))
    if (headers['content-encoding'] !== 'aes128gcm') throw new Error('Not encrypted as RFC 8291 says')
    if (body.length > 4_096) throw new Error(`${body.length} bytes are more than a push service takes`)
    const topic = headers.topic === undefined ? undefined : String(headers.topic)
    if (topic !== undefined && !/^[A-Za-z0-9_-]{1,32}$/.test(topic)) throw new Error(`"${topic}" is no topic`)
    const ttl = Number(headers.ttl)
    if (!Number.isInteger(ttl) || ttl < 0) throw new Error(`"${headers.ttl}" is no TTL`)
    const answer = (browser.answers.length > 1 ? browser.answers.shift() : browser.answers[0]) ?? {
      status: 201,
    }
    const payload = PushPayload.parse(JSON.parse(browser.open(body).toString('utf8')))
    const urgency = headers.urgency === undefined ? undefined : String(headers.urgency)
    browser.received.push({ payload, ttl, urgency, topic, at: Date.now() })
    return answer
  }

  /** RFC 8292: who sends proves it with ES256, for this service, for at most a day. */
  #checkSignature(authorization: string): void {
    const [, token = '', key = ''] = /^vapid t=([\w.-]+), ?k=([\w-]+)$/.exec(authorization) ?? []
    const [head = '', claims = '', signature = ''] = token.split('.')
    const point = Buffer.from(key, 'base64url')
    const publicKey = createPublicKey({
      format: 'jwk',
      key: {
        kty: 'EC',
        crv: 'P-256',
        x: point.subarray(1, 33).toString('base64url'),
        y: point.subarray(33, 65).toString('base64url'),
      },
    })
    const signed = Buffer.from(`${head}.${claims}`)
    if (
      !verify(
        'sha256',
        signed,
        { key: publicKey, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      )
    )
      throw new Error('Nobody signed this')
    const { aud, exp, sub } = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'))
    if (aud !== this.origin) throw new Error(`Signed for ${aud}`)
    const left = exp - Date.now() / 1_000
    if (!(left > 0 && left <= 86_400)) throw new Error(`Signed until in ${left} s`)
    if (!/^(https:|mailto:)/.test(sub)) throw new Error(`"${sub}" says nobody to turn to`)
    this.key ??= key
    if (this.key !== key) throw new Error('Signed by somebody else')
  }
}

/** RFC 8291 on RFC 8188: one record. */
function decrypt(
  body: Buffer,
  { keys, publicKey, auth }: { keys: ReturnType<typeof createECDH>; publicKey: Buffer; auth: Buffer },
): Buffer {
  const salt = body.subarray(0, 16)
  const recordSize = body.readUInt32BE(16)
  const senderLength = body.readUInt8(20)
  const sender = body.subarray(21, 21 + senderLength)
  const record = body.subarray(21 + senderLength)
  if (record.length > recordSize) throw new Error('More than one record')
  const secret = keys.computeSecret(sender)
  const about = Buffer.concat([Buffer.from('WebPush: info\0'), publicKey, sender])
  const material = Buffer.from(hkdfSync('sha256', secret, auth, about, 32))
  const derive = (info: string, length: number) =>
    Buffer.from(hkdfSync('sha256', material, salt, `Content-Encoding: ${info}\0`, length))
  const decipher = createDecipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12))
  decipher.setAuthTag(record.subarray(-16))
  const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()])
  const end = padded.lastIndexOf(2)
  if (end < 0 || padded.subarray(end + 1).some((byte) => byte !== 0))
    throw new Error('The last record has no end')
  return padded.subarray(0, end)
}
