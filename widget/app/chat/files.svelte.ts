import type { Entry } from '#core/contracts/conversations.ts'
import type { StoredFile } from '#core/contracts/files.ts'
import { words } from '../words.ts'
import type { Chat } from './chat.svelte.ts'
import { newId } from './outbox.ts'

/** A file on its way: `part` of it has left, from 0 to 1, or it is known why not. Without `file` the page that had it is
 *  gone, and only its name is known: it can be chosen again. */
export type Sending = {
  clientId: string
  name: string
  to: string
  part: number
  file?: File
  refused?: string
  /** These bytes are refused, whenever they come. */
  never?: boolean
}

/** As Foyer has it by default; it decides, this only saves the way. */
const mostBytes = 10 * 1024 * 1024
const tries = 3
const againMs = 2_000

const filesAt = (conversationId: string) => `/api/v1/widget/conversations/${conversationId}/files`

/** Kept under this and the client id until it is stored. */
const prefix = 'file:'

/** Files on their way, each under the one client id it was chosen with: sent again, it is still one file. They live as
 *  long as the page, since a browser gives no file back afterwards; the next page says which ones did not leave. */
export class Files {
  #chat: Chat
  #requests = new Map<string, XMLHttpRequest>()

  sending = $state.raw<readonly Sending[]>([])

  /** Call where a component begins. */
  constructor(chat: Chat) {
    this.#chat = chat
    const { keep } = chat
    const to = chat.conversation?.id
    for (const name of keep.names().filter((one) => one.startsWith(prefix))) {
      const one = parse<Sending>(keep.get(name) ?? '')
      if (one && one.to === to) this.sending = [...this.sending, { ...one, refused: words.fileGone }]
      else if (to) keep.set(name, null)
    }
    // its line may come before the answer, from another tab, or have come just before the last page went
    $effect(() => {
      const stored = chat.entries.map(({ clientId }) => clientId)
      for (const one of this.sending) if (stored.includes(one.clientId)) this.#away(one.clientId)
    })
  }

  add(files: Iterable<File>) {
    const to = this.#chat.conversation?.id
    if (!to) return
    for (const file of files) {
      const one = { clientId: newId(), name: file.name, file, to, part: 0 }
      this.sending = [...this.sending, one]
      const { clientId, name } = one
      this.#chat.keep.set(prefix + clientId, JSON.stringify({ clientId, name, to, part: 0 }))
      this.again(one)
    }
  }

  again({ clientId, file, to }: Sending) {
    if (!file) return
    const never = file.size === 0 || file.size > mostBytes
    const refused = never ? words.fileSize : undefined
    this.#change(clientId, { part: 0, refused, never })
    if (!refused) this.#send(clientId, file, to, 1)
  }

  /** Has a file that the last page had chosen once more. Under the id it had it stays one, whatever still came of it. */
  choose(one: Sending) {
    const from = document.createElement('input')
    from.type = 'file'
    from.onchange = () => {
      const file = from.files?.[0]
      if (!file) return
      const { clientId, name } = one
      if (file.name === name) {
        this.#change(clientId, { file })
        return this.again({ ...one, file })
      }
      this.drop(one)
      this.add([file])
    }
    from.click()
  }

  drop({ clientId }: Sending) {
    const request = this.#requests.get(clientId)
    this.#away(clientId)
    request?.abort()
  }

  /** An address, for this page only, of a file that others can not read. */
  async fetch(conversationId: string, id: string): Promise<string> {
    const answer = await fetch(`${filesAt(conversationId)}/${id}`, {
      credentials: 'omit',
      headers: { authorization: `Bearer ${this.#chat.session?.token}` },
    })
    if (!answer.ok) throw new Error(`Foyer answered ${answer.status}`)
    return URL.createObjectURL(await answer.blob())
  }

  // fetch cannot tell how far an upload is
  #send(clientId: string, file: File, to: string, tried: number) {
    const request = new XMLHttpRequest()
    this.#requests.set(clientId, request)
    request.open('POST', filesAt(to))
    request.setRequestHeader('authorization', `Bearer ${this.#chat.session?.token}`)
    request.setRequestHeader('content-type', 'application/octet-stream')
    request.setRequestHeader('foyer-client-id', clientId)
    request.setRequestHeader('foyer-file-name', encodeURIComponent(file.name.toWellFormed()))
    request.upload.onprogress = ({ loaded, total }) => this.#change(clientId, { part: loaded / total })
    request.onloadend = () => {
      if (this.#requests.get(clientId) !== request) return
      const answer = parse<StoredFile | { detail: string }>(request.responseText)
      if (answer && 'entry' in answer) return this.#stored(clientId, to, answer.entry)
      if (answer && request.status < 500)
        return this.#change(clientId, { refused: answer.detail, never: isForGood(request.status) })
      if (tried === tries) return this.#change(clientId, { refused: words.noAnswer })
      setTimeout(() => this.#requests.has(clientId) && this.#send(clientId, file, to, tried + 1), againMs)
    }
    request.send(file)
  }

  #stored(clientId: string, to: string, entry: Entry) {
    this.#away(clientId)
    if (this.#chat.conversation?.id === to) this.#chat.thread.add(entry)
  }

  #change(clientId: string, change: Partial<Sending>) {
    this.sending = this.sending.map((one) => (one.clientId === clientId ? { ...one, ...change } : one))
  }

  #away(clientId: string) {
    this.sending = this.sending.filter((one) => one.clientId !== clientId)
    this.#requests.delete(clientId)
    this.#chat.keep.set(prefix + clientId, null)
  }
}

/** The type is not allowed, or it is too large. */
const isForGood = (status: number) => status === 413 || status === 415

const parse = <T>(text: string): T | null => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
