import { z } from 'zod'
import { EmailAddress, Id, Instant, PhoneNumber, shortText, Text } from './common.ts'
import { Page } from './conversations.ts'

/** Who said a fact: `visitor`, `agent` (a correction), `directory`, or a connector by its id. */
export const FactSource = z.object({
  source: z.string(),
  /** When it was last said: given, corrected, or read from there. Null: nobody wrote it down. */
  at: Instant.nullable(),
})
export type FactSource = z.infer<typeof FactSource>

export const sourcedFields = ['name', 'jobTitle', 'email', 'phone', 'crmStatus', 'company', 'owner'] as const

/** One connected CRM, as far as this visitor is concerned. */
export const VisitorCrm = z.object({
  /** The connector's id. */
  source: z.string(),
  /** `reconnect`: only an admin can help. `paused`: an admin stopped it. */
  state: z.enum(['active', 'paused', 'reconnect']),
  /** Whether it knows somebody with the visitor's address; null while nobody has asked. */
  known: z.boolean().nullable(),
  url: z.string().nullable(),
  /** When it was last asked about this person. */
  readAt: Instant.nullable(),
  /** It is being asked at this moment. */
  refreshing: z.boolean(),
  /** A sentence: why the last time there was no answer. */
  problem: z.string().nullable(),
})
export type VisitorCrm = z.infer<typeof VisitorCrm>

/** The visitor panel. Unknown is null, shown as a dash. */
export const Visitor = z.object({
  id: Id,
  name: z.string().nullable(),
  jobTitle: z.string().nullable(),
  email: z.string().nullable(),
  /** False: only typed by the visitor, shown as "unverified". */
  emailVerified: z.boolean(),
  phone: z.string().nullable(),
  crmStatus: z.string().nullable(),
  company: z.string().nullable(),
  owner: z.object({ name: z.string().nullable(), email: z.string().nullable() }).nullable(),
  /** Of each fact that is known. */
  sources: z.partialRecord(z.enum(sourcedFields), FactSource),
  /** Those connected, in the admin's order. */
  crms: z.array(VisitorCrm),
  /** Where the facts come from and how fresh they are; null when nobody knows this visitor. */
  crm: z
    .object({
      /** The directory, or a connector by its id. */
      source: z.string(),
      url: z.string().nullable(),
      updatedAt: Instant,
    })
    .nullable(),
  page: Page.nullable(),
  timeZone: z.string().nullable(),
  language: z.string().nullable(),
  referrer: z.string().nullable(),
  utm: z.record(z.string(), z.string()).nullable(),
  visits: z.object({ count: z.number().int(), lastAt: Instant.nullable() }),
  online: z.boolean(),
})
export type Visitor = z.infer<typeof Visitor>

/** What an agent may correct; null clears the correction. Overwrites what the visitor or the directory said. */
export const CorrectVisitor = z
  .strictObject({
    name: shortText(),
    jobTitle: shortText(),
    email: z.union([EmailAddress, z.null(), z.literal('').transform(() => null)]),
    phone: PhoneNumber,
    company: shortText(),
  })
  .partial()

export const ActivityKind = z.enum([
  'visit',
  'chat',
  'email',
  'call',
  'task',
  'meeting',
  'note',
  'campaign',
  'form',
])
export type ActivityKind = z.infer<typeof ActivityKind>

export const Activity = z.object({
  id: z.string(),
  kind: ActivityKind,
  at: Instant,
  /** visit: null (made of `pageCount`); chat: null (made of `agent` and `status`); else the subject line. */
  title: z.string().nullable(),
  detail: z.string().nullable(),
  source: z.string(),
  /** chat: opens the transcript in place. */
  conversationId: Id.nullable(),
  agentName: z.string().nullable(),
  outcome: z.string().nullable(),
  pages: z.array(Page).nullable(),
  /** Of a day, not of an instant: `at` is its noon in UTC. */
  isAllDay: z.boolean(),
  /** The record in the CRM. */
  url: z.string().nullable(),
})
export type Activity = z.infer<typeof Activity>

export const ListActivities = z.object({
  cursor: z.string().max(600).optional(),
  kind: ActivityKind.optional(),
})
/** Newest first, each between 90 × 24 h ago and now, both included. */
export const ActivityPage = z.object({ activities: z.array(Activity), nextCursor: z.string().nullable() })
export type ActivityPage = z.infer<typeof ActivityPage>

/** One row of the built-in people directory. */
export const Person = z.object({
  id: Id,
  email: z.string(),
  name: z.string().nullable(),
  jobTitle: z.string().nullable(),
  phone: z.string().nullable(),
  crmStatus: z.string().nullable(),
  company: z.string().nullable(),
  ownerEmail: z.string().nullable(),
  updatedAt: Instant,
})
export type Person = z.infer<typeof Person>

export const ListPeople = z.object({
  query: Text.pipe(z.string().trim().max(200)).optional(),
  cursor: z.string().max(200).optional(),
})
export const PersonPage = z.object({
  people: z.array(Person),
  total: z.number().int(),
  nextCursor: z.string().nullable(),
})
export type PersonPage = z.infer<typeof PersonPage>

/** What became of an imported CSV file: rows are counted from 2, since line 1 holds the column names. */
export const ImportResult = z.object({
  created: z.number().int(),
  updated: z.number().int(),
  unchanged: z.number().int(),
  failed: z.array(z.object({ row: z.number().int(), message: z.string() })),
})
export type ImportResult = z.infer<typeof ImportResult>
