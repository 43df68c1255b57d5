import type { Conversation, Offer } from '../../core/contracts/conversations.ts'
import type { OfferOutcome } from '../../core/contracts/push.ts'
import { type Api, ApiError, isMissing, sentence, withReason } from '../app/api.ts'
import type { Messages } from '../messages/language.ts'

export interface OfferNotice {
  offerId: string
  text: string
}

const noticeMs = 6_000
/** Clicks this soon after content has moved were meant for what stood there before. */
const settleMs = 300
export const maxRows = 3

/** Chats put to this agent. */
export class Offers {
  readonly #api: Api
  readonly #text: Messages
  readonly #onaccepted: (conversation: Conversation) => void
  #pending = $state.raw<Offer[]>([])
  #notices = $state.raw<OfferNotice[]>([])
  /** Offers whose answer is on its way. */
  #answering = $state.raw<ReadonlySet<string>>(new Set())
  #settling = $state(false)
  #settled: ReturnType<typeof setTimeout> | undefined
  #noticeTimers = new Set<ReturnType<typeof setTimeout>>()

  readonly rows: Offer[] = $derived(this.#pending.slice(0, maxRows))
  readonly more: number = $derived(Math.max(0, this.#pending.length - maxRows))

  constructor(options: { api: Api; text: Messages; onaccepted: (conversation: Conversation) => void }) {
    this.#api = options.api
    this.#text = options.text
    this.#onaccepted = options.onaccepted
  }

  /** Oldest first. */
  get pending(): readonly Offer[] {
    return this.#pending
  }
  get notices(): readonly OfferNotice[] {
    return this.#notices
  }
  /** True while content is moving because the banner grew or shrank. */
  get settling(): boolean {
    return this.#settling
  }
  isAnswering(offerId: string): boolean {
    return this.#answering.has(offerId)
  }

  /** A fresh snapshot. */
  replace(offers: Offer[]): void {
    this.#show(offers.filter(({ state }) => state === 'pending'))
  }

  made(offer: Offer): void {
    this.#show([...this.#pending.filter(({ id }) => id !== offer.id), offer])
  }

  closed(offerId: string): void {
    this.#show(this.#pending.filter(({ id }) => id !== offerId))
  }

  async accept(offer: Offer): Promise<void> {
    if (this.#answering.has(offer.id)) return
    this.#answer(offer.id, true)
    try {
      const conversation = await this.#api.send<Conversation>('POST', `/offers/${offer.id}/accept`)
      this.closed(offer.id)
      this.#onaccepted(conversation)
    } catch (error) {
      this.#explain(offer, error, this.#text.offers.notices.failed)
    } finally {
      this.#answer(offer.id, false)
    }
  }

  async decline(offer: Offer): Promise<void> {
    if (this.#answering.has(offer.id)) return
    this.#answer(offer.id, true)
    try {
      await this.#api.send('POST', `/offers/${offer.id}/decline`)
      this.closed(offer.id)
    } catch (error) {
      this.#explain(offer, error, this.#text.offers.notices.declineFailed)
    } finally {
      this.#answer(offer.id, false)
    }
  }

  dismiss(offerId: string): void {
    this.#move()
    this.#notices = this.#notices.filter((notice) => notice.offerId !== offerId)
  }

  stop(): void {
    clearTimeout(this.#settled)
    for (const timer of this.#noticeTimers) clearTimeout(timer)
  }

  /** A lost race, said in words: the offer is over. Anything else leaves the row, to be tried again. */
  #explain(offer: Offer, error: unknown, otherwise: (who: string, why: string) => string): void {
    const who = offer.visitor.name ?? this.#text.common.visitor
    const { notices } = this.#text.offers
    let text = withReason((why) => otherwise(who, why), error)
    if (error instanceof ApiError && (error.status === 409 || isMissing(error))) {
      this.closed(offer.id)
      if (error.code === 'offer_taken' || error.code === 'offer_expired' || error.code === 'offer_withdrawn')
        text = notices[error.code](who)
    }
    this.#say(offer.id, text)
  }

  /** Somebody came by a notification: the offer stands in the banner, or is over, and how is said.
   *  @returns the conversation, where it is the agent's own by now */
  async land(offerId: string): Promise<string | null> {
    if (this.#pending.some(({ id }) => id === offerId)) return null
    const { notices, goneWithoutWord } = this.#text.offers
    try {
      const outcome = await this.#api.get<OfferOutcome>(`/offers/${offerId}`)
      if (outcome.isOwn) return outcome.conversationId
      // just made: it comes by the socket
      if (outcome.state === 'pending') return null
      const who = outcome.visitor ?? this.#text.common.visitor
      if (outcome.takenBy) this.#say(offerId, this.#text.notifications.takenBy(who, outcome.takenBy))
      else if (outcome.state === 'expired') this.#say(offerId, notices.offer_expired(who))
      else this.#say(offerId, notices.offer_withdrawn(who))
    } catch (error) {
      // of another agent of this browser, or of a conversation that is deleted
      this.#say(offerId, isMissing(error) ? goneWithoutWord : sentence(error))
    }
    return null
  }

  #say(offerId: string, text: string): void {
    this.#move()
    this.#notices = [...this.#notices.filter((notice) => notice.offerId !== offerId), { offerId, text }]
    const timer = setTimeout(() => {
      this.#noticeTimers.delete(timer)
      this.dismiss(offerId)
    }, noticeMs)
    this.#noticeTimers.add(timer)
  }

  #show(offers: Offer[]): void {
    if (offers.length !== this.#pending.length) this.#move()
    this.#pending = [...offers].sort((a, b) =>
      a.offeredAt < b.offeredAt ? -1 : a.offeredAt > b.offeredAt ? 1 : 0,
    )
  }

  #move(): void {
    this.#settling = true
    clearTimeout(this.#settled)
    this.#settled = setTimeout(() => {
      this.#settling = false
    }, settleMs)
  }

  #answer(offerId: string, isAnswering: boolean): void {
    const next = new Set(this.#answering)
    if (isAnswering) next.add(offerId)
    else next.delete(offerId)
    this.#answering = next
  }
}
