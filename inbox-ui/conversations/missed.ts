import type { Me } from '../../core/contracts/agents.ts'
import type { Conversation } from '../../core/contracts/conversations.ts'
import type { Messages } from '../messages/language.ts'

/** Why a missed request cannot be answered by mail; empty where it can. */
export function noReplyBecause(
  conversation: Conversation,
  me: Pick<Me, 'canMail'>,
  words: Pick<Messages['missed'], 'noMailServer' | 'noAddress'>,
): string {
  if (!me.canMail) return words.noMailServer
  return conversation.visitor.email ? '' : words.noAddress
}
