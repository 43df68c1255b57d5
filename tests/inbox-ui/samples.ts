import type { Conversation, Entry, Note, Offer } from '../../core/contracts/conversations.ts'

/** Rows and lines for tests; only what a test is about has to be given. */

export const me = { id: 'agent-1', name: 'Dana Whitfield' }

const start = Date.parse('2026-11-22T09:00:00Z')
export const instant = (seconds: number) => new Date(start + seconds * 1000).toISOString()

export function anEntry(seq: number, change: Partial<Entry> = {}): Entry {
  return {
    seq,
    kind: 'message',
    sender: { type: 'visitor', id: 'visitor-1' },
    at: instant(seq),
    text: `line ${seq}`,
    data: null,
    clientId: null,
    ...change,
  }
}

export const byAgent = { type: 'agent' as const, id: me.id }

export function aNote(afterSeq: number, clientId: string, text = clientId): Note {
  return { id: `note-${clientId}`, afterSeq, agent: me, at: instant(afterSeq), text, clientId }
}

export function aConversation(id: string, change: Partial<Conversation> = {}): Conversation {
  return {
    id,
    status: 'active',
    visitor: { id: `visitor-of-${id}`, name: 'Sofia Ricci', email: null, company: null, online: true },
    agent: me,
    site: { id: 'site-1', name: 'Main site' },
    previousId: null,
    requestedAt: instant(0),
    acceptedAt: instant(0),
    endedAt: null,
    endReason: null,
    outcome: null,
    page: null,
    firstText: 'Hello',
    lastSeq: 0,
    lastAt: instant(0),
    lastText: null,
    lastSender: null,
    waitingSince: null,
    idleAt: null,
    unread: 0,
    agentReadSeq: 0,
    visitorReadSeq: 0,
    visitorReceivedSeq: 0,
    mailedSeq: 0,
    claimedBy: null,
    repliedAt: null,
    handover: null,
    ...change,
  }
}

export function anOffer(id: string, change: Partial<Offer> = {}): Offer {
  return {
    id,
    conversationId: `conversation-of-${id}`,
    state: 'pending',
    offeredAt: instant(0),
    expiresAt: instant(100),
    visitor: { name: 'Tom Becker', company: 'Contoso', crmStatus: null },
    page: null,
    firstText: 'Is anybody there?',
    handover: null,
    ...change,
  }
}
