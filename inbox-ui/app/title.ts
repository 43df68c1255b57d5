import type { Offer } from '../../core/contracts/conversations.ts'
import type { Messages } from '../messages/language.ts'

/** The tab's title: the page and what is unread; while offers wait it changes with every other second. */
export function titleOf(state: {
  page: string
  unread: number
  offers: readonly Offer[]
  /** Server time in ms. */
  tick: number
  text: Messages
}): string {
  const { page, unread, offers, tick, text } = state
  const first = offers[0]
  if (first && Math.floor(tick / 1000) % 2 === 0)
    return `● ${text.offers.title(offers.length, first.visitor.name ?? text.common.visitor)}`
  return text.title(unread, page)
}
