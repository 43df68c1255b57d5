import type { Entry } from '#core/contracts/conversations.ts'
import type { WidgetConversation, WidgetSession } from '#core/contracts/widget.ts'

export const anEntry = (seq: number, changes: Partial<Entry> = {}): Entry => ({
  seq,
  kind: 'message',
  sender: { type: 'agent', id: '01a00000-0000-7000-8000-00000000000a' },
  at: new Date(Date.UTC(2026, 10, 22, 12, 0, seq)).toISOString(),
  text: `line ${seq}`,
  data: null,
  clientId: null,
  ...changes,
})

export const aConversation = (changes: Partial<WidgetConversation> = {}): WidgetConversation => ({
  id: '01a00000-0000-7000-8000-000000000001',
  status: 'active',
  agent: { id: '01a00000-0000-7000-8000-00000000000a', name: 'Dana Whitfield' },
  requestedAt: '2026-11-22T12:00:00.000Z',
  routedAt: '2026-11-22T12:00:00.000Z',
  endedAt: null,
  endReason: null,
  lastSeq: 0,
  lastAt: '2026-11-22T12:00:00.000Z',
  lastText: null,
  agentReadSeq: 0,
  visitorReadSeq: 0,
  unread: 0,
  messageLeft: false,
  ...changes,
})

export const aSession = (changes: Partial<WidgetSession> = {}): WidgetSession => ({
  token: 'token',
  visitorId: '01a00000-0000-7000-8000-0000000000ff',
  now: '2026-11-22T12:00:00.000Z',
  site: {
    companyName: 'Northlight',
    brandColour: '#1d5143',
    position: 'right',
    launcherLabel: 'Open chat',
    greeting: { title: 'How can we help?', text: 'Ask away.', pokeAfterMs: null },
    fields: [
      { name: 'name', required: false },
      { name: 'email', required: true },
    ],
    privacy: { notice: '', url: null, tick: false },
    fallbackText: 'Nobody could answer.',
    theme: 'system',
    booking: null,
  },
  known: { name: null, email: null, jobTitle: null, phone: null, company: null },
  reachability: { open: true, backAt: null },
  faces: [],
  canMail: true,
  conversation: null,
  ...changes,
})
