import type { Entry } from '../../core/contracts/conversations.ts'
import type { StoredFile } from '../../core/contracts/files.ts'
import { type Api, ApiError, ConnectionError, sentence } from '../app/api.ts'

/**
 * A file on its way. States:
 *   sending  `part` of it has left, from 0 to 1        -> gone (stored, or cancelled), failed
 *   failed   refused, or the line broke; `error`       -> sending (Try again), gone (Discard)
 */
export interface Upload {
  clientId: string
  conversationId: string
  name: string
  size: number
  part: number
  state: 'sending' | 'failed'
  error: string
}

interface Held {
  file: File
  abort: AbortController
}

export interface UploadOptions {
  api: Pick<Api, 'upload'>
  /** Foyer has it: its line, which may have come over the socket already. */
  onstored: (conversationId: string, entry: Entry) => void
  words: { tooLarge: string; empty: string }
  makeId?: () => string
}

/** As core/features/organisation/settings.ts has it; Foyer decides, this only saves the way. */
const mostBytes = 10 * 1024 * 1024
/** An answer that never came may have been the acknowledgement, so the same client id is sent again. */
const againAfterMs = 2_000
const tries = 3

/** Files that agents send, each under the one client id it was chosen with, so that a repeated send is one file. They
 *  live as long as the page: a browser gives no file back after a reload. */
export class Uploads {
  readonly #options: UploadOptions
  readonly #held = new Map<string, Held>()
  #items = $state.raw<readonly Upload[]>([])

  constructor(options: UploadOptions) {
    this.#options = options
  }

  get any(): boolean {
    return this.#items.length > 0
  }

  of(conversationId: string): Upload[] {
    return this.#items.filter((item) => item.conversationId === conversationId)
  }

  add(conversationId: string, files: Iterable<File>): void {
    for (const file of files) {
      const { name, size } = file
      const clientId = (this.#options.makeId ?? newId)()
      this.#held.set(clientId, { file, abort: new AbortController() })
      const item: Upload = { clientId, conversationId, name, size, part: 0, state: 'sending', error: '' }
      this.#items = [...this.#items, item]
      const { tooLarge, empty } = this.#options.words
      if (size > mostBytes || size === 0)
        this.#change(clientId, { state: 'failed', error: size ? tooLarge : empty })
      else void this.#send(clientId)
    }
  }

  retry(clientId: string): void {
    const held = this.#held.get(clientId)
    if (!held) return
    held.abort = new AbortController()
    this.#change(clientId, { state: 'sending', part: 0, error: '' })
    void this.#send(clientId)
  }

  /** Cancels what is on its way, and lets go of what failed. */
  discard(clientId: string): void {
    this.#held.get(clientId)?.abort.abort()
    this.settled(clientId)
  }

  /** Its line is in the log. */
  settled(clientId: string): void {
    if (!this.#held.delete(clientId)) return
    this.#items = this.#items.filter((item) => item.clientId !== clientId)
  }

  stop(): void {
    for (const { abort } of this.#held.values()) abort.abort()
  }

  async #send(clientId: string): Promise<void> {
    const held = this.#held.get(clientId)
    const item = this.#items.find((one) => one.clientId === clientId)
    if (!held || !item) return
    const { abort, file } = held
    for (let tried = 1; !abort.signal.aborted; tried++) {
      try {
        const { entry } = await this.#options.api.upload<StoredFile>(
          `/conversations/${item.conversationId}/files`,
          file,
          'application/octet-stream',
          (part) => this.#change(clientId, { part }),
          {
            headers: {
              'foyer-client-id': clientId,
              'foyer-file-name': encodeURIComponent(file.name.toWellFormed()),
            },
            signal: abort.signal,
          },
        )
        this.settled(clientId)
        return this.#options.onstored(item.conversationId, entry)
      } catch (error) {
        const mayPass = error instanceof ConnectionError && !(error instanceof ApiError)
        if (!mayPass || tried === tries)
          return this.#change(clientId, { state: 'failed', error: sentence(error) })
        await new Promise((resolve) => setTimeout(resolve, againAfterMs))
      }
    }
  }

  #change(clientId: string, change: Partial<Upload>): void {
    this.#items = this.#items.map((item) => (item.clientId === clientId ? { ...item, ...change } : item))
  }
}

/** 128 bits of chance. Without TLS a page has no crypto.randomUUID. */
const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-')
