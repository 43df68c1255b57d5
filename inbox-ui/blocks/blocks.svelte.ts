import type { Block, BlockedVisitor } from '../../core/contracts/blocks.ts'
import type { Conversation } from '../../core/contracts/conversations.ts'
import type { Api } from '../app/api.ts'

/** Blocking visitors from their chats, and taking the last one back. */
export class Blocks {
  readonly #api: Api
  #last = $state.raw<{ block: Block; conversationId: string } | null>(null)

  constructor(api: Api) {
    this.#api = api
  }

  /** The block made from this chat, as long as it can be undone with a click. */
  madeIn(conversationId: string): Block | null {
    return this.#last?.conversationId === conversationId ? this.#last.block : null
  }

  /** @throws what Foyer refused */
  async block(conversationId: string, email: boolean): Promise<Conversation> {
    const made = await this.#api.send<BlockedVisitor>('POST', `/conversations/${conversationId}/block`, {
      email,
    })
    this.#last = { block: made.block, conversationId }
    return made.conversation
  }

  /** @throws what Foyer refused */
  async lift(id: string): Promise<void> {
    await this.#api.send('DELETE', `/blocks/${id}`)
    if (this.#last?.block.id === id) this.#last = null
  }
}
