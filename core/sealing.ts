import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import type { Config } from './config.ts'

/**
 * Keeps secrets that must be read again: encrypted and authenticated (AES-256-GCM) under a key that is derived from
 * FOYER_SECRET_KEY, each bound to the place it is kept in, so that one put elsewhere does not open. Each says under which
 * key it was sealed; those under an old key open as long as that key is given, and are sealed anew at the next start.
 */
export class Sealing {
  readonly #secretKey: string
  readonly #keys: SealingKey[]

  /** @param secretKey FOYER_SECRET_KEY, or what stands for it beside the embedded database.
   *  @param oldKeys what it was before, for what is still sealed under that. */
  constructor(secretKey: string, oldKeys: readonly string[] = []) {
    this.#secretKey = secretKey
    this.#keys = [secretKey, ...oldKeys].map((key) => ({
      id: derive(key, 'seal key id', keyIdLength),
      key: derive(key, 'seal', 32),
    }))
  }

  /** @param place what the secret is and whose, such as `push key`. */
  seal(secret: string, place: string): Buffer {
    const { id, key } = this.#current
    const nonce = randomBytes(nonceLength)
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place))
    const body = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
    return Buffer.concat([Buffer.of(version), id, nonce, cipher.getAuthTag(), body])
  }

  /** @throws {UnsealError} sealed under another key, for another place, or changed since. */
  open(sealed: Buffer, place: string): string {
    if (sealed[0] === version) {
      const id = sealed.subarray(1, 1 + keyIdLength)
      const known = this.#keys.find((key) => key.id.equals(id))
      if (known) return decipher(sealed.subarray(1 + keyIdLength), known.key, place)
    }
    // of a Foyer that had one key and did not name it
    if (sealed[0] === 1)
      for (const { key } of this.#keys)
        try {
          return decipher(sealed.subarray(1), key, place)
        } catch {
          // the next key may be the one
        }
    throw new UnsealError()
  }

  /** Whether it was sealed under the key that secrets are sealed under today. */
  isCurrent(sealed: Buffer): boolean {
    return sealed[0] === version && sealed.subarray(1, 1 + keyIdLength).equals(this.#current.id)
  }

  /** A token for one thing that only this Foyer can make, and makes the same each time. */
  tokenFor(purpose: string, id: string): string {
    return createHmac('sha256', derive(this.#secretKey, purpose, 32))
      .update(id)
      .digest('base64url')
  }

  get #current(): SealingKey {
    const [current] = this.#keys
    if (!current) throw new Error('There is no key')
    return current
  }
}

export class UnsealError extends Error {
  override name = 'UnsealError'
  constructor(options?: ErrorOptions) {
    super('This secret does not open with FOYER_SECRET_KEY', options)
  }
}

interface SealingKey {
  id: Buffer
  key: Buffer
}

const version = 2
const keyIdLength = 4
const nonceLength = 12
const tagLength = 16

const derive = (secretKey: string, purpose: string, length: number): Buffer =>
  Buffer.from(hkdfSync('sha256', secretKey, 'foyer', purpose, length))

/** @param sealed nonce, tag and body. @throws {UnsealError} */
function decipher(sealed: Buffer, key: Buffer, place: string): string {
  try {
    const nonce = sealed.subarray(0, nonceLength)
    const tag = sealed.subarray(nonceLength, nonceLength + tagLength)
    const opener = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength })
    opener.setAAD(Buffer.from(place)).setAuthTag(tag)
    const body = opener.update(sealed.subarray(nonceLength + tagLength))
    return Buffer.concat([body, opener.final()]).toString('utf8')
  } catch (error) {
    throw new UnsealError({ cause: error })
  }
}

/** What only this Foyer can seal, open and sign. @throws without a secret key, which every entry point brings. */
export function sealingOf({ config }: { config: Config }): Sealing {
  if (!config.secretKey) throw new Error('There is no secret key')
  return new Sealing(config.secretKey, config.oldSecretKeys)
}
