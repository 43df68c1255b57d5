import type { WidgetConversation } from '#core/contracts/widget.ts'
import { asksForChat, type Unsent } from './outbox.ts'

/** Of the chat that is shown. `starting`, `leaving`: a request, or a message for later, is on its way to Foyer;
 *  `refused`: Foyer did not take it. */
export type Phase =
  | 'starting'
  | 'leaving'
  | 'refused'
  | 'waiting'
  | 'active'
  | 'ended'
  | 'fallback'
  | 'left'
  | 'cancelled'

/** Waiting or active. */
export const goesOn = (conversation: WidgetConversation | null) =>
  conversation?.status === 'waiting' || conversation?.status === 'active'

/** @param unsent what of this chat has not been acknowledged. */
export const phaseOf = (conversation: WidgetConversation | null, unsent: readonly Unsent[]): Phase => {
  if (conversation?.status === 'waiting' || conversation?.status === 'active') return conversation.status
  const pending = unsent.filter(({ refused }) => !refused)
  if (pending.some(asksForChat)) return 'starting'
  if (pending.some(({ left }) => left)) return 'leaving'
  if (!conversation) return unsent.length > 0 ? 'refused' : 'starting'
  if (conversation.status === 'ended') return 'ended'
  if (conversation.messageLeft) return 'left'
  const { endReason } = conversation
  return endReason === 'cancelled' || endReason === 'visitor_left' ? 'cancelled' : 'fallback'
}
