import type { VisitorFields } from '#core/contracts/widget.ts'
import type { Keep } from '../keep.ts'

/** Something the visitor has sent that Foyer has not acknowledged yet. */
export type Unsent = {
  clientId: string
  /** Its place among the unsent; ties go by client id. */
  place: number
  text: string
  /** The conversation it belongs to; null: it asks for a new one. */
  to: string | null
  /** What was filled in with a request for a new one, or with a message for later. */
  fields?: VisitorFields
  consent?: boolean
  /** For later: nobody need be there to take it. Its text may be empty where `to` has one already. */
  left?: true
  /** Why Foyer will not take it. */
  refused?: { code: string; message: string }
}

/** Waits for a conversation that it begins, or that others before it begin. */
export const asksForChat = ({ to, left }: Unsent) => to === null && !left

/** Its conversation takes no more; only a new one can. */
export const isOver = ({ refused }: Unsent) =>
  refused?.code === 'conversation_ended' || refused?.code === 'not_found'

const prefix = 'out:'

/** 128 bits of chance. A page without TLS has no crypto.randomUUID, nor has any frame in it. */
export const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-')

/** What is not yet acknowledged, kept on the device one text each, so that tabs never overwrite each other's and a
 *  reload or crash loses nothing. Any tab may send any of it: Foyer takes a client id once. To keep their order, a tab
 *  that sends one has to send all before it first. */
export class Outbox {
  #keep: Keep
  #newId: () => string
  /** Those this tab answers for: its own, and those it took over. They stay even if the device loses them. */
  #own = new Map<string, Unsent>()

  constructor(keep: Keep, makeId: () => string = newId) {
    this.#keep = keep
    this.#newId = makeId
  }

  /** All, in the order of sending. */
  get all(): Unsent[] {
    const all = new Map(this.#own)
    for (const name of this.#keep.names()) {
      const clientId = name.slice(prefix.length)
      if (!name.startsWith(prefix) || all.has(clientId)) continue
      const unsent = parse(this.#keep.get(name))
      if (unsent) all.set(clientId, unsent)
    }
    return [...all.values()].sort((a, b) => a.place - b.place || (a.clientId < b.clientId ? -1 : 1))
  }

  /** Those this tab sends itself. */
  get own(): Unsent[] {
    return this.all.filter(({ clientId }) => this.#own.has(clientId))
  }

  add(text: string, to: string | null, form: Pick<Unsent, 'fields' | 'consent' | 'left'> = {}): Unsent {
    const unsent = { clientId: this.#newId(), place: this.#lastPlace() + 1, text, to, ...form }
    this.#put(unsent)
    return unsent
  }

  /** Takes over what other tabs have left, such as one that is closed by now. */
  adopt() {
    for (const unsent of this.all) this.#own.set(unsent.clientId, unsent)
  }

  /** Acknowledged, found in the log, or given up by the visitor. */
  settle(clientId: string) {
    this.#own.delete(clientId)
    this.#keep.set(prefix + clientId, null)
  }

  refuse(clientId: string, refused: { code: string; message: string }) {
    this.#change(clientId, { refused })
  }

  /** Again, after everything that was sent since, to `to`. */
  retry(clientId: string, to: string | null) {
    this.#change(clientId, { refused: undefined, place: this.#lastPlace() + 1, to })
  }

  /** A new conversation has begun: what asked for one now belongs to it. */
  address(to: string) {
    for (const unsent of this.own) {
      if (asksForChat(unsent)) this.#change(unsent.clientId, { to, fields: undefined, consent: undefined })
    }
  }

  #change(clientId: string, change: Partial<Unsent>) {
    const unsent = this.all.find((one) => one.clientId === clientId)
    if (unsent) this.#put({ ...unsent, ...change })
  }

  #put(unsent: Unsent) {
    this.#own.set(unsent.clientId, unsent)
    this.#keep.set(prefix + unsent.clientId, JSON.stringify(unsent))
  }

  #lastPlace() {
    return this.all.at(-1)?.place ?? 0
  }
}

const parse = (text: string | null): Unsent | null => {
  try {
    const unsent = JSON.parse(text ?? 'null')
    return typeof unsent?.clientId === 'string' && typeof unsent.text === 'string' ? unsent : null
  } catch {
    return null
  }
}
