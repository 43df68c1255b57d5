import { z } from 'zod'
import { Cursor, Id, Instant, shortText, Text } from './common.ts'
import { normaliseDomain } from './domains.ts'

/** Who looks after a company. */
export const Account = z.object({
  id: Id,
  /** In ASCII and lower case; what lies under it belongs to it too, unless it has an account of its own. */
  domain: z.string(),
  company: z.string().nullable(),
  agent: z.object({ id: Id, name: z.string(), email: z.string(), active: z.boolean() }),
  updatedAt: Instant,
  /** Of what a change replaces; see `If-Match`. */
  version: z.string(),
})
export type Account = z.infer<typeof Account>

/** As people write it: Northwind.test, @northwind.test, https://www.northwind.test/contact, bücher.test. */
export const Domain = Text.pipe(z.string().max(300)).transform((text, context) => {
  const { domain, problem } = normaliseDomain(text)
  if (problem !== null) {
    context.addIssue({ code: 'custom', message: problem })
    return z.NEVER
  }
  return domain
})

export const SaveAccount = z.strictObject({ domain: Domain, company: shortText(), agentId: Id })

export const ListAccounts = z.object({
  query: Text.pipe(z.string().trim().max(200)).optional(),
  cursor: Cursor.optional(),
})
/** In the order of domains. */
export const AccountPage = z.object({
  accounts: z.array(Account),
  total: z.number().int(),
  nextCursor: z.string().nullable(),
})
export type AccountPage = z.infer<typeof AccountPage>

/** Whoever owns people or companies in a CRM, or in Foyer's directory, and which agent that is. */
export const CrmUser = z.object({
  connector: z.string(),
  /** By what the CRM knows them. */
  user: z.string(),
  email: z.string().nullable(),
  /** A queue, or somebody not active any more, is nobody to ask. */
  active: z.boolean(),
  isQueue: z.boolean(),
  /** People and companies that they own. */
  records: z.number().int(),
  agent: z.object({ id: Id, name: z.string(), active: z.boolean() }).nullable(),
  /** Whether an admin said which agent it is, or whether it is nobody; else it is the one with the same address. */
  byHand: z.boolean(),
  /** Of what an admin said; see `If-Match`. */
  version: z.string(),
})
export type CrmUser = z.infer<typeof CrmUser>
/** Those with the most records first; at most 500. */
export const CrmUserList = z.object({ users: z.array(CrmUser) })

export const SetCrmUser = z.strictObject({
  connector: z.string().min(1).max(100),
  user: Text.pipe(z.string().min(1).max(300)),
  agent: z.discriminatedUnion('by', [
    z.strictObject({ by: z.literal('email') }),
    /** Null: nobody. */
    z.strictObject({ by: z.literal('hand'), agentId: Id.nullable() }),
  ]),
})
