import { z } from 'zod'
import { Availability } from './availability.ts'
import { ClientId, Id, Instant, MessageText, Seq } from './common.ts'
import { Conversation, Entry, Note, Offer } from './conversations.ts'
import { Meeting, MeetingState } from './meetings.ts'
import { Visitor } from './visitors.ts'
import { PageView, Reachability, WidgetConversation } from './widget.ts'

/** Both sockets speak JSON frames with `type`. The story is told in docs/protocol.md. */

/** The largest frame a client may send, in bytes; a message of 10,000 characters fits however it is escaped. */
export const maxFrameBytes = 64 * 1024

const Send = z.strictObject({
  type: z.literal('send'),
  conversationId: Id,
  clientId: ClientId,
  text: MessageText,
})
const Typing = z.strictObject({ type: z.literal('typing'), conversationId: Id, typing: z.boolean() })
/** Read up to `readSeq` by a person, received up to `receivedSeq` by the browser. */
const Seen = z.strictObject({
  type: z.literal('seen'),
  conversationId: Id,
  readSeq: Seq,
  receivedSeq: Seq,
})
/** "I have applied everything up to afterSeq": answered with `entries`. */
const Resume = z.strictObject({
  type: z.literal('resume'),
  conversationId: Id,
  afterSeq: Seq,
})

// --- from the browser ---------------------------------------------------------------------------------------------

export const VisitorHello = z.strictObject({
  type: z.literal('hello'),
  token: z.string().max(200),
  page: PageView.optional(),
})
/** A page change while the socket is open. */
const Visited = z.strictObject({ type: z.literal('page'), page: PageView })
export const VisitorFrame = z.discriminatedUnion('type', [Send, Typing, Seen, Resume, Visited])
export type VisitorFrame = z.infer<typeof VisitorFrame>

export const AgentHello = z.strictObject({
  type: z.literal('hello'),
  token: z.string().max(200),
  /** Whether somebody can see the page; left out, it counts as seen. */
  visible: z.boolean().optional(),
})
/** The page has come into view, or gone out of it. */
const Visible = z.strictObject({ type: z.literal('visible'), visible: z.boolean() })
const SendNote = z.strictObject({
  type: z.literal('note'),
  conversationId: Id,
  clientId: ClientId,
  text: MessageText,
})
export const AgentFrame = z.discriminatedUnion('type', [Send, SendNote, Typing, Seen, Resume, Visible])
export type AgentFrame = z.infer<typeof AgentFrame>

// --- to the browser -----------------------------------------------------------------------------------------------

/** Stored: it will never be lost, and its place in the log is `seq`. For a note, the seq it stands after. */
const Ack = z.object({
  type: z.literal('ack'),
  conversationId: Id,
  clientId: z.string(),
  seq: z.number().int(),
  at: Instant,
})
/** Not stored, and will not be. `clientId` is there when a send was refused. `code` as in HTTP problems. */
const Refused = z.object({
  type: z.literal('refused'),
  clientId: z.string().nullable(),
  code: z.string(),
  message: z.string(),
  /** Present where a later try may go through. */
  retryAfterMs: z.number().int().optional(),
})
/** The next line of a log. A `seq` beyond the next one means frames were lost: send `resume`. */
const EntryFrame = z.object({ type: z.literal('entry'), conversationId: Id, entry: Entry })
/** The answer to `resume`. While `hasMore`, resume again after the last one. */
const Entries = z.object({
  type: z.literal('entries'),
  conversationId: Id,
  entries: z.array(Entry),
  lastSeq: z.number().int(),
  hasMore: z.boolean(),
})
const PeerTyping = z.object({ type: z.literal('typing'), conversationId: Id, typing: z.boolean() })

const VisitorWelcome = z.object({
  type: z.literal('welcome'),
  now: Instant,
  reachability: Reachability,
  conversation: WidgetConversation.nullable(),
})
const VisitorConversation = z.object({ type: z.literal('conversation'), conversation: WidgetConversation })
const ReachabilityChanged = z.object({ type: z.literal('reachability'), reachability: Reachability })
/** The agent has read up to here. */
const AgentSeen = z.object({ type: z.literal('seen'), conversationId: Id, readSeq: z.number().int() })
/** Booked, moved, cancelled or failed: to be read again by its token. */
const VisitorMeeting = z.object({ type: z.literal('meeting'), meetingId: Id, state: MeetingState })
export type ToVisitor = z.infer<
  | typeof VisitorWelcome
  | typeof VisitorConversation
  | typeof ReachabilityChanged
  | typeof AgentSeen
  | typeof VisitorMeeting
  | typeof Ack
  | typeof Refused
  | typeof EntryFrame
  | typeof Entries
  | typeof PeerTyping
>

const Counts = z.object({ missed: z.number().int() })
/** Everything about an inbox but the logs; replaces whatever the client had. */
const AgentWelcome = z.object({
  type: z.literal('welcome'),
  now: Instant,
  availability: Availability,
  offers: z.array(Offer),
  conversations: z.array(Conversation),
  counts: Counts,
})
const OfferMade = z.object({ type: z.literal('offer'), offer: Offer })
/** Gone from the banner: taken here or in another tab, declined, expired, withdrawn. */
const OfferClosed = z.object({
  type: z.literal('offer_closed'),
  offerId: Id,
  conversationId: Id,
  state: z.enum(['accepted', 'declined', 'expired', 'withdrawn']),
})
/** A conversation of one's own changed, or became visible by its end. Replaces the one with this id. */
const ConversationChanged = z.object({ type: z.literal('conversation'), conversation: Conversation })
/** An active chat is no longer one's own, and nothing more of it comes: somebody took it over, or it is routed again. */
const ConversationLeft = z.object({
  type: z.literal('conversation_left'),
  conversationId: Id,
  /** Whoever has it now; null while somebody is being found. */
  to: z.string().nullable(),
})
const NoteAdded = z.object({ type: z.literal('note'), conversationId: Id, note: Note })
const AvailabilityChanged = z.object({ type: z.literal('availability'), availability: Availability })
/** Somebody's availability was changed, for lists of agents; what time alone changes, `until` has said before. */
const AgentAvailabilityChanged = z.object({
  type: z.literal('agent_availability'),
  agentId: Id,
  availability: Availability,
})
const CountsChanged = z.object({ type: z.literal('counts'), counts: Counts })
/** Something an inbox keeps a copy of is different now: read it again. */
const SettingsChanged = z.object({
  type: z.literal('settings_changed'),
  what: z.enum(['canned_replies', 'outcomes']),
})
/** The visitor of one's active chat has read and received up to here. */
const VisitorSeen = z.object({
  type: z.literal('seen'),
  conversationId: Id,
  readSeq: z.number().int(),
  receivedSeq: z.number().int(),
})
const VisitorPresence = z.object({ type: z.literal('presence'), visitorId: Id, online: z.boolean() })
const VisitorChanged = z.object({ type: z.literal('visitor'), visitor: Visitor })
/** One of one's own meetings, as it is now. */
const MeetingChanged = z.object({ type: z.literal('meeting'), meeting: Meeting })
export type ToAgent = z.infer<
  | typeof AgentWelcome
  | typeof OfferMade
  | typeof OfferClosed
  | typeof ConversationChanged
  | typeof ConversationLeft
  | typeof NoteAdded
  | typeof AvailabilityChanged
  | typeof AgentAvailabilityChanged
  | typeof SettingsChanged
  | typeof CountsChanged
  | typeof VisitorSeen
  | typeof VisitorPresence
  | typeof VisitorChanged
  | typeof MeetingChanged
  | typeof Ack
  | typeof Refused
  | typeof EntryFrame
  | typeof Entries
  | typeof PeerTyping
>

/** Close codes beyond RFC 6455's. */
export const closeCodes = {
  /** No valid hello within 5 s, or a token that means nobody: ask for a new one before coming back. */
  notSignedIn: 4401,
  /** The session was revoked. */
  revoked: 4403,
  /** Too slow to follow: reconnect and resume. */
  tooSlow: 4408,
  /** More than ten broken frames, or a first frame that is no JSON object. */
  badFrames: 4400,
  /** Too many sockets, or unknown tokens, of one address, visitor or agent. */
  tooMany: 4429,
} as const
