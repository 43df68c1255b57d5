import { z } from 'zod'
import { EmailAddress, Id, Instant, PhoneNumber, shortText, Text } from './common.ts'
import { Page } from './conversations.ts'

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
  owner: z.object({ name: z.string().nullable(), email: z.string() }).nullable(),
  /** Where the facts come from and how fresh they are; null when nobody knows this visitor. */
  crm: z
    .object({
      source: z.enum(['directory', 'salesforce', 'hubspot']),
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
})
export type Activity = z.infer<typeof Activity>

export const ListActivities = z.object({
  cursor: z.string().max(200).optional(),
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
