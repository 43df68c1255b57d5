import type { Conversation, Entry } from '../../core/contracts/conversations.ts'

/** Characters of the last message that a row carries, as append_messages() keeps them. */
const previewLength = 200

/** A list row after one more line of its log, the way the server will tell it to a client that loads afresh. A line
 *  the row already knows changes nothing. */
export function withEntry(conversation: Conversation, entry: Entry): Conversation {
  if (entry.seq <= conversation.lastSeq) return conversation
  const isMessage = entry.kind === 'message' || entry.kind === 'file'
  const next: Conversation = { ...conversation, lastSeq: entry.seq, lastAt: entry.at }
  if (!isMessage) return next
  next.lastText = entry.text === null ? null : [...entry.text].slice(0, previewLength).join('')
  next.lastSender = entry.sender.type
  if (entry.sender.type === 'visitor') {
    next.waitingSince = conversation.waitingSince ?? entry.at
    if (entry.seq > conversation.agentReadSeq) next.unread = conversation.unread + 1
  } else if (entry.sender.type === 'agent') {
    next.waitingSince = null
  }
  return next
}

/** After the agent has read up to `readSeq`, which covers the whole log or changes nothing about the count. */
export function withRead(conversation: Conversation, readSeq: number): Conversation {
  if (readSeq <= conversation.agentReadSeq) return conversation
  const unread = readSeq >= conversation.lastSeq ? 0 : conversation.unread
  return { ...conversation, agentReadSeq: readSeq, unread }
}

/** Whoever has waited longest for an answer comes first; then the chats that moved last. */
export function byWaiting(a: Conversation, b: Conversation): number {
  if (a.waitingSince && b.waitingSince) return a.waitingSince < b.waitingSince ? -1 : 1
  if (a.waitingSince || b.waitingSince) return a.waitingSince ? -1 : 1
  return a.lastAt < b.lastAt ? 1 : a.lastAt > b.lastAt ? -1 : a.id < b.id ? -1 : 1
}

export type WaitTone = 'plain' | 'late' | 'bad'

/** Plain for two minutes, then amber, from five on red. */
export function waitTone(waitedMs: number): WaitTone {
  if (waitedMs >= 5 * 60_000) return 'bad'
  return waitedMs >= 2 * 60_000 ? 'late' : 'plain'
}
