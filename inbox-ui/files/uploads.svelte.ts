import type { Entry } from '../../core/contracts/conversations.ts'
import type { StoredFile } from '../../core/contracts/files.ts'
import { type Api, ApiError, ConnectionError, sentence } from '../app/api.ts'
import type { FileKeep, KeptFile } from './kept-files.ts'

/**
 * A file on its way. States:
 *   sending  `part` of it has left, from 0 to 1        -> gone (stored, or cancelled), failed
 *   failed   refused, or the line broke; `error`       -> sending (Send again, where that may help), gone (Discard)
 */
export interface Upload {
  clientId: string
  conversationId: string
  name: string
  size: number
  part: number
  state: 'sending' | 'failed'
  error: string
  /** Whether it can be sent once more: not what no answer will ever take; and of one that a page before this one had, the
   *  browser may know the name only. */
  maySendAgain: boolean
}

interface Held {
  file: File | null
  abort: AbortController
  /** It is written down for the next page, or can not be. */
  kept: Promise<unknown>
  letGo: () => void
}

export interface UploadOptions {
  api: Pick<Api, 'upload'>
  /** Foyer has it: its line, which may have come over the socket already. */
  onstored: (conversationId: string, entry: Entry) => void
  words: { tooLarge: string; empty: string; lost: string }
  /** Where they outlive the page. */
  keep?: FileKeep
  makeId?: () => string
}

/** As core/features/organisation/settings.ts has it; Foyer decides, this only saves the way. */
const mostBytes = 10 * 1024 * 1024
/** An answer that never came may have been the acknowledgement, so the same client id is sent again. */
const againAfterMs = 2_000
const tries = 3

/** Files that agents send, each under the one client id it was chosen with, so that a repeated send is one file. What was
 *  on its way when a page went is sent by the next one. */
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
      const { tooLarge, empty } = this.#options.words
      const isSendable = size > 0 && size <= mostBytes
      this.#take({ clientId, conversationId, name, size, file }, isSendable)
      if (isSendable) void this.#send(clientId)
      else this.#change(clientId, { state: 'failed', error: size ? tooLarge : empty, maySendAgain: false })
    }
  }

  /** Goes on with what pages before this one left. */
  async restore(): Promise<void> {
    const { keep, words } = this.#options
    for (const one of (await keep?.left()) ?? []) {
      const letGo = this.#held.has(one.clientId) ? null : await keep?.hold(one.clientId)
      // another tab sends it
      if (!letGo) continue
      this.#take(one, false, letGo)
      if (one.file) void this.#send(one.clientId)
      else this.#change(one.clientId, { state: 'failed', error: words.lost })
    }
  }

  /** Whoever signs out leaves nothing behind. */
  async forget(): Promise<void> {
    this.stop()
    await this.#options.keep?.clear()
  }

  #take(
    { clientId, conversationId, name, size, file }: Omit<KeptFile, 'agentId' | 'at'>,
    isToKeep: boolean,
    letGo: () => void = () => {},
  ): void {
    const { keep } = this.#options
    const held: Held = { file, abort: new AbortController(), kept: Promise.resolve(), letGo }
    this.#held.set(clientId, held)
    if (isToKeep && keep)
      held.kept = keep.hold(clientId).then((mine) => {
        held.letGo = mine ?? letGo
        return keep.put({ clientId, conversationId, name, size, file })
      })
    const maySendAgain = file !== null
    const item = {
      clientId,
      conversationId,
      name,
      size,
      part: 0,
      state: 'sending',
      error: '',
      maySendAgain,
    } as const
    this.#items = [...this.#items, item]
  }

  retry(clientId: string): void {
    const held = this.#held.get(clientId)
    if (!held?.file) return
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
    const held = this.#held.get(clientId)
    if (!held) return
    this.#held.delete(clientId)
    void held.kept.then(() => this.#options.keep?.remove(clientId)).then(() => held.letGo())
    this.#items = this.#items.filter((item) => item.clientId !== clientId)
  }

  stop(): void {
    for (const { abort } of this.#held.values()) abort.abort()
  }

  async #send(clientId: string): Promise<void> {
    const held = this.#held.get(clientId)
    const item = this.#items.find((one) => one.clientId === clientId)
    if (!held?.file || !item) return
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
        if (!mayPass(error) || tried === tries)
          return this.#change(clientId, {
            state: 'failed',
            error: sentence(error),
            maySendAgain: !isForGood(error),
          })
        await new Promise((resolve) => setTimeout(resolve, againAfterMs))
      }
    }
  }

  #change(clientId: string, change: Partial<Upload>): void {
    this.#items = this.#items.map((item) => (item.clientId === clientId ? { ...item, ...change } : item))
  }
}

/** Whether the same may go through in a moment; under its id it is stored once, whatever became of it before. */
const mayPass = (error: unknown): boolean =>
  error instanceof ConnectionError || (error instanceof ApiError && error.code === 'unavailable')

/** Whether these bytes are refused, whenever they come. */
const isForGood = (error: unknown): boolean =>
  error instanceof ApiError && (error.code === 'file_type_not_allowed' || error.code === 'too_large')

/** 128 bits of chance. Without TLS a page has no crypto.randomUUID. */
const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-')
