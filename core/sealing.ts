import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

/** Keeps secrets that must be read again: encrypted and authenticated (AES-256-GCM) under a key that is derived from
 *  FOYER_SECRET_KEY, each bound to the place it is kept in, so that one put elsewhere does not open. */
export class Sealing {
  readonly #secretKey: string

  /** @param secretKey FOYER_SECRET_KEY, or what stands for it beside the embedded database. */
  constructor(secretKey: string) {
    this.#secretKey = secretKey
  }

  /** @param place what the secret is and whose, such as `push key`. */
  seal(secret: string, place: string): Buffer {
    const nonce = randomBytes(nonceLength)
    const cipher = createCipheriv('aes-256-gcm', this.#derive('seal'), nonce).setAAD(Buffer.from(place))
    const body = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
    return Buffer.concat([Buffer.of(version), nonce, cipher.getAuthTag(), body])
  }

  /** @throws {UnsealError} sealed under another key, for another place, or changed since. */
  open(sealed: Buffer, place: string): string {
    try {
      if (sealed[0] !== version) throw new UnsealError()
      const nonce = sealed.subarray(1, 1 + nonceLength)
      const tag = sealed.subarray(1 + nonceLength, 1 + nonceLength + tagLength)
      const decipher = createDecipheriv('aes-256-gcm', this.#derive('seal'), nonce, {
        authTagLength: tagLength,
      })
      decipher.setAAD(Buffer.from(place)).setAuthTag(tag)
      const body = decipher.update(sealed.subarray(1 + nonceLength + tagLength))
      return Buffer.concat([body, decipher.final()]).toString('utf8')
    } catch (error) {
      throw new UnsealError({ cause: error })
    }
  }

  /** A token for one thing that only this Foyer can make, and makes the same each time. */
  tokenFor(purpose: string, id: string): string {
    return createHmac('sha256', this.#derive(purpose)).update(id).digest('base64url')
  }

  #derive(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#secretKey, 'foyer', purpose, 32))
  }
}

export class UnsealError extends Error {
  override name = 'UnsealError'
  constructor(options?: ErrorOptions) {
    super('This secret does not open with FOYER_SECRET_KEY', options)
  }
}

const version = 1
const nonceLength = 12
const tagLength = 16
