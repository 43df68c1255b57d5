import type { WidgetConversation } from '#core/contracts/widget.ts'

const longMs = 20_000

/** Whether nobody has come for a while. */
export class LongWait {
  #timer: ReturnType<typeof setTimeout> | undefined
  #isLong = $state(false)

  get isLong() {
    return this.#isLong
  }

  /** Looks at the conversation as it is at `now`, Foyer's time in ms. */
  watch(conversation: WidgetConversation | null, now: number) {
    clearTimeout(this.#timer)
    const waits = conversation?.status === 'waiting'
    const leftMs = waits ? Date.parse(conversation.routedAt) + longMs - now : 0
    this.#isLong = waits && leftMs <= 0
    if (leftMs > 0) {
      this.#timer = setTimeout(() => {
        this.#isLong = true
      }, leftMs)
    }
  }
}
