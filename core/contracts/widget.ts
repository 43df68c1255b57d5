import { z } from 'zod'
import { ClientId, EmailAddress, Id, Instant, MessageText, PhoneNumber, shortText, Text } from './common.ts'
import { ConversationStatus, EndReason, Entry } from './conversations.ts'
import { SiteSettings } from './sites.ts'

/** What the loader needs to draw the launcher. Public, the same for everybody, cacheable: no identifier in it. */
export const LauncherConfig = z.object({
  brandColour: z.string(),
  position: z.enum(['right', 'left']),
  launcherLabel: z.string(),
  theme: z.enum(['system', 'light', 'dark']),
  poke: z.object({ text: z.string(), afterMs: z.number().int() }).nullable(),
})
export type LauncherConfig = z.infer<typeof LauncherConfig>

/** A page's address as the browser gives it. Mostly http or https; what would run instead of load is refused, so that it
 *  never gets where somebody may click it. */
const PageAddress = Text.pipe(
  z
    .string()
    .max(2_000)
    .refine(
      (url) => !/^(javascript|data|vbscript):$/.test(URL.parse(url)?.protocol ?? ''),
      'This is no page’s address.',
    ),
)

export const PageView = z.strictObject({
  url: PageAddress,
  title: Text.pipe(z.string().max(300)).nullable().default(null),
  referrer: PageAddress.nullable().default(null),
})
export type PageView = z.infer<typeof PageView>

export const OpenSession = z.strictObject({
  siteKey: z.string().max(64),
  /** From an earlier session in this browser. */
  token: z.string().max(200).optional(),
  /** A JWT (HS256, the site's secret) with sub, email?, name?, exp; at most an hour old. */
  identity: z.string().max(4_000).optional(),
  /** From the link of a mail: shows the conversation that mail was about. */
  resume: z.string().max(200).optional(),
  page: PageView.optional(),
  timeZone: z.string().max(100).optional(),
  language: Text.pipe(z.string().max(35)).optional(),
})

/** Whether somebody can be reached now, and if not, when somebody will be back (null: nobody knows). */
export const Reachability = z.object({ open: z.boolean(), backAt: Instant.nullable() })
export type Reachability = z.infer<typeof Reachability>

/** A conversation as its visitor sees it. */
export const WidgetConversation = z.object({
  id: Id,
  status: ConversationStatus,
  /** The agent who joined last; stays after the end. */
  agent: z.object({ id: Id, name: z.string() }).nullable(),
  requestedAt: Instant,
  /** Since when somebody is being found for it: again, where it was with an agent. */
  routedAt: Instant,
  endedAt: Instant.nullable(),
  endReason: EndReason.nullable(),
  lastSeq: z.number().int(),
  lastAt: Instant,
  lastText: z.string().nullable(),
  agentReadSeq: z.number().int(),
  visitorReadSeq: z.number().int(),
  /** Agent messages after visitorReadSeq. */
  unread: z.number().int(),
  /** Whether the visitor has left a message for later in it. */
  messageLeft: z.boolean(),
})
export type WidgetConversation = z.infer<typeof WidgetConversation>

export const VisitorFields = z
  .strictObject({
    name: shortText(100),
    email: z.union([EmailAddress, z.literal('').transform(() => null), z.null()]),
    jobTitle: shortText(100),
    phone: PhoneNumber,
    company: shortText(100),
  })
  .partial()
export type VisitorFields = z.infer<typeof VisitorFields>

/** What this visitor gave before, in this browser or signed. Never what only the CRM knows. */
export const KnownFields = z.object({
  name: z.string().nullable(),
  email: z.string().nullable(),
  jobTitle: z.string().nullable(),
  phone: z.string().nullable(),
  company: z.string().nullable(),
})
export type KnownFields = z.infer<typeof KnownFields>

export const WidgetSession = z.object({
  /** Bearer token of every further call and of the socket's first frame. */
  token: z.string(),
  visitorId: Id,
  now: Instant,
  site: SiteSettings,
  known: KnownFields,
  reachability: Reachability,
  /** First names of agents who may answer, for the faces on the first screen; at most three. */
  faces: z.array(z.object({ id: Id, name: z.string() })),
  /** Whether Foyer can send mail at all: without, no answer is promised by mail. */
  canMail: z.boolean(),
  /** The open one, or the latest ended one if there is none; null for a newcomer. */
  conversation: WidgetConversation.nullable(),
})
export type WidgetSession = z.infer<typeof WidgetSession>

export const StartConversation = z.strictObject({
  fields: VisitorFields.default({}),
  text: MessageText,
  clientId: ClientId,
  page: PageView.optional(),
  /** The privacy notice's tick, where the site asks for one. */
  consent: z.boolean().optional(),
})
export type StartConversation = z.input<typeof StartConversation>

/** Left for later: in a waiting conversation it keeps its place; otherwise it becomes (or joins) a missed one. */
export const LeaveMessage = z.strictObject({
  conversationId: Id.optional(),
  fields: VisitorFields.and(z.object({ email: EmailAddress })),
  text: MessageText.optional(),
  clientId: ClientId,
  consent: z.boolean().optional(),
})
export type LeaveMessage = z.input<typeof LeaveMessage>

/** The open one, then the latest; at most 20. */
export const WidgetConversationList = z.object({ conversations: z.array(WidgetConversation) })
export const WidgetEntries = z.object({
  entries: z.array(Entry),
  lastSeq: z.number().int(),
  hasMore: z.boolean(),
})
