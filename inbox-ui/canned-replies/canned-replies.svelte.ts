import type { CannedReply, SaveCannedReply } from '../../core/contracts/canned-replies.ts'
import { type Api, sentence } from '../app/api.ts'

/** The canned replies at hand: one's own and everybody's, kept up to date while the inbox is open. */
export class CannedReplies {
  readonly #api: Api
  #list = $state.raw<readonly CannedReply[] | null>(null)
  #error = $state('')

  constructor(api: Api) {
    this.#api = api
  }

  /** By shortcut; null until they have come. */
  get list(): readonly CannedReply[] | null {
    return this.#list
  }
  /** Why there is no list. */
  get error(): string {
    return this.#error
  }

  load = async (): Promise<void> => {
    this.#error = ''
    try {
      this.#list = (await this.#api.get<{ replies: CannedReply[] }>('/canned-replies')).replies
    } catch (error) {
      this.#error = sentence(error)
    }
  }

  /** Something changed elsewhere; what nobody has asked for yet is not read for it. */
  changed(): void {
    if (this.#list) void this.load()
  }

  /** @param replaces the version it was made from, see {@link Api.send}
   *  @throws what Foyer refused */
  async save(id: string | null, reply: SaveCannedReply, replaces?: string): Promise<void> {
    if (id) await this.#api.send('PUT', `/canned-replies/${id}`, reply, replaces)
    else await this.#api.send('POST', '/canned-replies', reply)
    await this.load()
  }

  async remove(id: string): Promise<void> {
    await this.#api.send('DELETE', `/canned-replies/${id}`)
    this.#list = this.#list?.filter((reply) => reply.id !== id) ?? null
  }
}

/** Those that match what was typed: by the beginning of the shortcut, then by a part of it, then by the text. */
export function matching(replies: readonly CannedReply[], query: string): CannedReply[] {
  const wanted = query.trim().toLowerCase()
  if (!wanted) return [...replies]
  const rank = ({ shortcut, text }: CannedReply) => {
    if (shortcut.startsWith(wanted)) return 0
    if (shortcut.includes(wanted)) return 1
    return text.toLowerCase().includes(wanted) ? 2 : 3
  }
  return replies
    .map((reply) => ({ reply, rank: rank(reply) }))
    .filter((one) => one.rank < 3)
    .sort((a, b) => a.rank - b.rank)
    .map(({ reply }) => reply)
}
