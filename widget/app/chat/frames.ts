import type { ToVisitor } from '#core/contracts/sockets.ts'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import type { Sending } from './sending.svelte.ts'
import type { Thread } from './thread.svelte.ts'
import type { Typing } from './typing.svelte.ts'
import type { Unread } from './unread.ts'
import type { Visit } from './visit.svelte.ts'

type Listeners = {
  visit: Visit
  thread: Thread
  sending: Sending
  typing: Typing
  unread: Unread
  onconversation: (conversation: WidgetConversation) => void
  onmeeting: () => void
}

/** Takes what Foyer says over the line to those concerned. */
export const applyFrame = (frame: ToVisitor, listeners: Listeners) => {
  const { visit, thread, sending, typing, unread, onconversation, onmeeting } = listeners
  switch (frame.type) {
    case 'welcome':
      visit.clockIs(frame.now)
      visit.reachable(frame.reachability)
      unread.welcomed()
      sending.adopt()
      if (frame.conversation) onconversation(frame.conversation)
      if (!thread.catchUp()) sending.flush()
      return
    case 'conversation':
      return onconversation(frame.conversation)
    case 'reachability':
      return visit.reachable(frame.reachability)
    case 'seen':
      return thread.agentRead(frame.conversationId, frame.readSeq)
    case 'ack':
      return sending.acknowledged(frame)
    case 'refused':
      if (frame.clientId === null) thread.refused(frame.retryAfterMs)
      else sending.refused(frame.clientId, frame)
      return
    case 'entry':
      if (frame.conversationId !== thread.conversation?.id) return
      if (frame.entry.sender.type === 'agent') typing.peer(false)
      return thread.add(frame.entry)
    case 'entries':
      return thread.caughtUp(frame)
    case 'typing':
      if (frame.conversationId === thread.conversation?.id) typing.peer(frame.typing)
      return
    case 'meeting':
      return onmeeting()
    default:
      // A newer server may say more than this app knows.
      frame satisfies never
  }
}
