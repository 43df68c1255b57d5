import { z } from 'zod'
import { Availability, Schedule } from './availability.ts'
import { EmailAddress, Id, Instant, shortText, Text } from './common.ts'

export const Profile = z.enum(['admin', 'live_agent'])
export type Profile = z.infer<typeof Profile>

export const Permission = z.enum([
  'conversations.view',
  'conversations.reply',
  'conversations.supervise',
  'visitors.view',
  'visitors.edit',
  'people.view',
  'people.import',
  'agents.view',
  'agents.manage',
  'availability.manage',
  'calendars.share',
  'meetings.view',
  'meetings.manage',
  'meetings.supervise',
  'teams.view',
  'teams.manage',
  'accounts.manage',
  'sites.view',
  'sites.manage',
  'canned_replies.share',
  'outcomes.manage',
  'visitors.block',
  'rules.view',
  'rules.manage',
  'connections.read',
  'connections.manage',
  'mail.manage',
  'jobs.manage',
  'audit.view',
])
export type Permission = z.infer<typeof Permission>

const Password = Text.pipe(
  z
    .string()
    .min(10, 'A password needs at least 10 characters.')
    .max(200, 'A password has at most 200 characters.'),
)
const PersonName = Text.pipe(z.string().trim().min(1, 'A name is needed.').max(100))

export const SignIn = z.strictObject({ email: z.string().max(254), password: z.string().max(200) })

export const Preferences = z.object({
  theme: z.enum(['system', 'light', 'dark']),
  singleKeys: z.boolean(),
  sounds: z.boolean(),
  /** Which missed chats to be mailed of: those one was asked for, all, or none. */
  missedMail: z.enum(['asked', 'all', 'none']),
  /** Whether an admin is mailed of actions that were given up. */
  failureMail: z.boolean(),
})
export type Preferences = z.infer<typeof Preferences>

/** Who is signed in, and what the browser needs to open the socket. */
export const Me = z.object({
  id: Id,
  email: z.string(),
  name: z.string(),
  profile: Profile,
  permissions: z.array(Permission),
  organisation: z.object({
    name: z.string(),
    timeZone: z.string(),
    /** The path of the sample site, where the data is sample data. */
    sampleSite: z.string().nullable(),
  }),
  availability: Availability,
  preferences: Preferences,
  /** The first frame of /ws/agent carries it; bound to the session. */
  socketToken: z.string(),
  /** Chats at most, active and offered together. */
  cap: z.number().int(),
  /** Whether Foyer has a mail server. */
  canMail: z.boolean(),
})
export type Me = z.infer<typeof Me>

export const Agent = z.object({
  id: Id,
  email: z.string(),
  name: z.string(),
  profile: Profile,
  active: z.boolean(),
  /** May watch active chats of others: a permission of its own, given by an admin. */
  supervises: z.boolean(),
  availability: Availability,
  reachable: z.boolean(),
  liveChatSchedule: Schedule,
  /** What `If-Match` of a change of that schedule is compared with. */
  liveChatScheduleVersion: z.string(),
})
export type Agent = z.infer<typeof Agent>
export const AgentList = z.object({ agents: z.array(Agent) })
export type AgentList = z.infer<typeof AgentList>

export const CreateAgent = z.strictObject({
  email: EmailAddress,
  name: PersonName,
  profile: Profile,
  password: Password,
})
export const ChangeAgent = z
  .strictObject({
    name: PersonName,
    profile: Profile,
    active: z.boolean(),
    supervises: z.boolean(),
    password: Password,
  })
  .partial()

export const SetUp = z.strictObject({
  token: z.string().max(200),
  organisationName: PersonName,
  timeZone: z.string().max(100),
  name: PersonName,
  email: EmailAddress,
  password: Password,
  siteName: PersonName,
  /** Where the widget will stand, such as https://www.example.com; empty allows any site until one is named. */
  siteOrigin: shortText(300).optional(),
})
export const SetUpState = z.object({ needed: z.boolean() })

export const AuditEntry = z.object({
  at: Instant,
  actor: z.string().nullable(),
  action: z.string(),
  object: z.string().nullable(),
  detail: z.unknown(),
})
/** Newest first. */
export const AuditPage = z.object({ entries: z.array(AuditEntry), nextCursor: z.string().nullable() })
