import { z } from 'zod'
import { InstantInput } from './availability.ts'
import { ClientId, Cursor, Id, Instant, MessageText, Seq, Text } from './common.ts'
import { OutcomeKey } from './outcomes.ts'

/**
 * waiting  requested, and being routed      -> active (an offer accepted), missed (nobody took it, or the visitor left)
 * active   has exactly one agent            -> ended, waiting (the agent was deactivated: it is routed again)
 * ended    had an agent; read-only
 * missed   ended without an agent; a left message is one too
 */
export const ConversationStatus = z.enum(['waiting', 'active', 'ended', 'missed'])
export type ConversationStatus = z.infer<typeof ConversationStatus>

export const EndReason = z.enum([
  'agent',
  'visitor',
  'timeout',
  'no_answer',
  'nobody_available',
  'visitor_left',
  'cancelled',
  'left_message',
])
export type EndReason = z.infer<typeof EndReason>

/** The key of one of the organisation's outcomes, `GET /outcomes`. */
export const Outcome = OutcomeKey
export type Outcome = z.infer<typeof Outcome>

export const EntryKind = z.enum([
  'message',
  'file',
  'joined',
  'calendar_shared',
  'meeting_booked',
  'handed_over',
  'warning',
  'ended',
])
export type EntryKind = z.infer<typeof EntryKind>

/** One line of a conversation's log. `seq` counts from 1 without gaps and is the order for every reader. */
export const Entry = z.object({
  seq: z.number().int().positive(),
  kind: EntryKind,
  sender: z.object({ type: z.enum(['visitor', 'agent', 'system']), id: Id.nullable() }),
  at: Instant,
  text: z.string().nullable(),
  /** joined: {name}; ended: {reason, by: agent's name or null}; warning: {endsAt}; handed_over: {name: whoever takes
   *  over, or null while somebody is being found; from: whose it was, where somebody handed it over}; file: SentFile in files.ts, `text` is
   *  its name. Messages: null, or {channel: 'mail'} for an answer that went by mail. */
  data: z.record(z.string(), z.unknown()).nullable(),
  /** The sender's own id for it, so that what it still shows as "sending" meets its stored self. */
  clientId: z.string().nullable(),
})
export type Entry = z.infer<typeof Entry>

/** Agents only. Stands after the entry `afterSeq`. */
export const Note = z.object({
  id: Id,
  afterSeq: z.number().int().nonnegative(),
  agent: z.object({ id: Id, name: z.string() }),
  at: Instant,
  text: z.string(),
  clientId: z.string(),
})
export type Note = z.infer<typeof Note>

export const Page = z.object({ url: z.string(), title: z.string().nullable() })
export type Page = z.infer<typeof Page>

/** An active chat put to somebody else by its agent, whose it stays until then. */
export const Handover = z.object({
  offerId: Id,
  state: z.enum(['pending', 'accepted', 'declined', 'expired', 'withdrawn']),
  /** Whoever is, or was last, asked. */
  to: z.object({ id: Id, name: z.string() }),
  /** The team it was put to, if it was one. */
  team: z.string().nullable(),
  expiresAt: Instant,
  closedAt: Instant.nullable(),
})
export type Handover = z.infer<typeof Handover>

/** A conversation as an agent who may see it sees it: a list row and the head of the chat. */
export const Conversation = z.object({
  id: Id,
  status: ConversationStatus,
  visitor: z.object({
    id: Id,
    name: z.string().nullable(),
    email: z.string().nullable(),
    company: z.string().nullable(),
    /** Has a chat open on some page right now. */
    online: z.boolean(),
  }),
  agent: z.object({ id: Id, name: z.string() }).nullable(),
  /** Where the visitor wrote. */
  site: z.object({ id: Id, name: z.string() }),
  previousId: Id.nullable(),
  requestedAt: Instant,
  acceptedAt: Instant.nullable(),
  endedAt: Instant.nullable(),
  endReason: EndReason.nullable(),
  outcome: Outcome.nullable(),
  page: Page.nullable(),
  firstText: z.string(),
  lastSeq: z.number().int(),
  lastAt: Instant,
  lastText: z.string().nullable(),
  lastSender: z.enum(['visitor', 'agent', 'system']).nullable(),
  /** The instant of the visitor's oldest message that nobody has answered. */
  waitingSince: Instant.nullable(),
  /** When it ends by itself if nobody writes; null unless active. */
  idleAt: Instant.nullable(),
  /** The visitor's messages after agentReadSeq. */
  unread: z.number().int(),
  agentReadSeq: z.number().int(),
  visitorReadSeq: z.number().int(),
  visitorReceivedSeq: z.number().int(),
  /** The last line that was mailed to the visitor, who had left. */
  mailedSeq: z.number().int(),
  /** Missed: who has taken it on themselves. */
  claimedBy: z.object({ id: Id, name: z.string() }).nullable(),
  /** Missed: when it was first answered by mail. */
  repliedAt: Instant.nullable(),
  /** The latest handover of an active chat: on offer, or how it ended. */
  handover: Handover.nullable(),
})
export type Conversation = z.infer<typeof Conversation>

export const ConversationView = z.enum(['active', 'all', 'missed'])
export type ConversationView = z.infer<typeof ConversationView>

export const ListConversations = z.object({
  view: ConversationView.default('active'),
  /** Words in messages, or a part of a visitor's name, e-mail or company. */
  query: Text.pipe(z.string().trim().max(200)).optional(),
  agentId: Id.optional(),
  outcome: Outcome.optional(),
  /** Ended in this time, or still open and last written in then; `to` is the instant after it. */
  from: InstantInput.optional(),
  to: InstantInput.optional(),
  cursor: Cursor.optional(),
})
/** A line in which a searched word was said, cut around it. */
export const FoundWords = z.object({ before: z.string(), word: z.string(), after: z.string() })
export type FoundWords = z.infer<typeof FoundWords>

/** `found`, of a search: by the conversation's id, where it was said; not of those found by their visitor. */
export const ConversationPage = z.object({
  conversations: z.array(Conversation),
  nextCursor: z.string().nullable(),
  found: z.record(Id, FoundWords).optional(),
})
export type ConversationPage = z.infer<typeof ConversationPage>

export const ReadEntries = z.object({
  afterSeq: z.coerce.number().pipe(Seq).optional(),
  beforeSeq: z.coerce.number().pipe(Seq.positive()).optional(),
})
/** At most 200 entries: the oldest after `afterSeq`, else the newest (before `beforeSeq`); always ascending.
 *  `notes` are those standing after any of them; visitors' answers have no such key. */
export const EntryPage = z.object({
  entries: z.array(Entry),
  lastSeq: z.number().int(),
  hasMore: z.boolean(),
  notes: z.array(Note).optional(),
})
export type EntryPage = z.infer<typeof EntryPage>

export const SendMessage = z.strictObject({ clientId: ClientId, text: MessageText })
export type SendMessage = z.infer<typeof SendMessage>
export const SentMessage = z.object({ clientId: z.string(), seq: z.number().int(), at: Instant })
export type SentMessage = z.infer<typeof SentMessage>

/** No body at all is one without an outcome. */
export const EndConversation = z.strictObject({ outcome: Outcome.optional() }).nullish()
export const SetOutcome = z.strictObject({ outcome: Outcome.nullable() })

/** An answer to a missed request, by mail. Sent again with the same client id it is the same one. */
export const ReplyByMail = z.strictObject({ clientId: ClientId, text: MessageText })

/** To whom: one agent, or whoever of a team can. */
export const HandOver = z
  .strictObject({
    agentId: Id.optional(),
    teamId: Id.optional(),
    note: Text.pipe(z.string().trim().max(1_000)).optional(),
  })
  .refine(
    ({ agentId, teamId }) => (agentId === undefined) !== (teamId === undefined),
    'Name an agent or a team.',
  )

/** A chat put to the signed-in agent, with what the banner shows. */
export const Offer = z.object({
  id: Id,
  conversationId: Id,
  state: z.enum(['pending', 'accepted', 'declined', 'expired', 'withdrawn']),
  offeredAt: Instant,
  expiresAt: Instant,
  visitor: z.object({
    name: z.string().nullable(),
    company: z.string().nullable(),
    crmStatus: z.string().nullable(),
  }),
  page: Page.nullable(),
  firstText: z.string(),
  /** Of a chat that a colleague hands over. */
  handover: z.object({ from: z.string(), note: z.string().nullable() }).nullable(),
})
export type Offer = z.infer<typeof Offer>

export const OfferList = z.object({ offers: z.array(Offer) })

/** The transcript as JSON: no notes, the same lines as the .txt. */
export const Transcript = z.object({
  conversationId: Id,
  startedAt: Instant,
  endedAt: Instant.nullable(),
  visitor: z.object({ name: z.string().nullable(), email: z.string().nullable() }),
  agent: z.object({ name: z.string() }).nullable(),
  outcome: Outcome.nullable(),
  entries: z.array(Entry.omit({ clientId: true }).extend({ name: z.string() })),
})

/** To which address the visitor's copy is on its way. */
export const MailedTranscript = z.object({ to: z.string() })
export type MailedTranscript = z.infer<typeof MailedTranscript>
