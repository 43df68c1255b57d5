import type { FactSource, Visitor, VisitorCrm } from '../../contracts/visitors.ts'

type GivenField = 'name' | 'jobTitle' | 'email' | 'phone' | 'company'
type Texts<F extends string> = Partial<Record<F, string | null>>

/** Everything that was said of a visitor, by whom. */
export interface Said {
  corrections: Texts<GivenField>
  correctedAt: Texts<GivenField>
  given: Texts<GivenField>
  givenAt: Texts<GivenField>
  emailVerified: boolean
  /** Of the CRMs, as `crm_facts` put it together. */
  facts: CrmFacts | null
  directory: Directory | null
  /** The agent with the owner's address. */
  ownerName: string | null
}

export interface CrmFacts {
  fields: Partial<
    Record<'name' | 'jobTitle' | 'phone' | 'company', { value: string; source: string; readAt: string }>
  >
  standing: {
    source: string | null
    readAt: string
    status: { value: string } | null
    ownerId: string | null
    ownerName: string | null
    ownerEmail: string | null
  } | null
  records: { connector: string; type: string; id: string; url: string | null; readAt: string }[]
}

interface Directory extends Texts<'name' | 'jobTitle' | 'phone' | 'company' | 'crmStatus' | 'ownerEmail'> {
  url: string | null
  at: string
}

export interface CrmRow {
  connector: string
  state: 'active' | 'paused' | 'broken'
  reason: string | null
  askedAt: string | null
  answeredAt: string | null
  found: string | null
  failedAt: string | null
  failure: string | null
}

/** Longer than a question to a CRM may take. */
const askedAtMostMs = 60_000

type Panel = Pick<
  Visitor,
  | 'name'
  | 'jobTitle'
  | 'email'
  | 'emailVerified'
  | 'phone'
  | 'crmStatus'
  | 'company'
  | 'owner'
  | 'sources'
  | 'crm'
  | 'crms'
>

/**
 * Who the visitor is. Of each field the first that is known: what an agent corrected, what the CRMs say in the admin's order,
 * what the visitor gave, what the directory says. The address is what the person was looked up by, so none of a CRM
 * takes its place. Status and owner come from one CRM, and from the directory only if no CRM has either.
 */
export function toPanel(said: Said, crms: CrmRow[], now: Date): Panel {
  const sources: Visitor['sources'] = {}
  const pick = (field: GivenField) => {
    for (const [value, source] of candidates(said, field)) {
      if (!value) continue
      sources[field] = source
      return value
    }
    return null
  }
  const { facts, directory } = said
  const standing = facts?.standing?.source ? facts.standing : null
  const status = (standing ? standing.status?.value : directory?.crmStatus) || null
  const owner = standing
    ? {
        name: said.ownerName ?? standing.ownerName ?? (standing.ownerEmail ? null : standing.ownerId),
        email: standing.ownerEmail,
      }
    : { name: said.ownerName, email: directory?.ownerEmail ?? null }
  const hasOwner = owner.name !== null || owner.email !== null
  const standingSource = standing
    ? { source: standing.source ?? '', at: instant(standing.readAt) }
    : directory && { source: 'directory', at: instant(directory.at) }
  if (status && standingSource) sources.crmStatus = standingSource
  if (hasOwner && standingSource) sources.owner = standingSource
  return {
    name: pick('name'),
    jobTitle: pick('jobTitle'),
    email: pick('email'),
    // what an agent wrote down has been looked at by somebody
    emailVerified: Boolean(said.corrections.email) || (Boolean(said.given.email) && said.emailVerified),
    phone: pick('phone'),
    crmStatus: status,
    company: pick('company'),
    owner: hasOwner ? owner : null,
    sources,
    crm: primary(facts, directory),
    crms: crms.map((crm) => toCrm(crm, facts, now)),
  }
}

function* candidates(
  { corrections, correctedAt, given, givenAt, facts, directory }: Said,
  field: GivenField,
): Generator<[string | null | undefined, FactSource]> {
  yield [corrections[field], { source: 'agent', at: instant(correctedAt[field]) }]
  const crm = field === 'email' ? undefined : facts?.fields[field]
  if (crm) yield [crm.value, { source: crm.source, at: instant(crm.readAt) }]
  yield [given[field], { source: 'visitor', at: instant(givenAt[field]) }]
  if (directory && field !== 'email')
    yield [directory[field], { source: 'directory', at: instant(directory.at) }]
}

function primary(facts: CrmFacts | null, directory: Directory | null): Visitor['crm'] {
  const record = facts?.records[0]
  if (record)
    return {
      source: record.connector,
      url: record.url,
      updatedAt: new Date(record.readAt).toISOString(),
    }
  return directory
    ? { source: 'directory', url: directory.url, updatedAt: new Date(directory.at).toISOString() }
    : null
}

function toCrm(crm: CrmRow, facts: CrmFacts | null, now: Date): VisitorCrm {
  const record = facts?.records.find(({ connector }) => connector === crm.connector)
  const times = [crm.answeredAt, record?.readAt].filter((at) => at !== null && at !== undefined).map(instant)
  const asked = ms(crm.askedAt)
  const heard = Math.max(ms(crm.answeredAt), ms(crm.failedAt))
  return {
    source: crm.connector,
    state: crm.state === 'broken' ? 'reconnect' : crm.state,
    known: record ? true : crm.answeredAt === null ? null : crm.found !== null,
    url: record?.url ?? null,
    readAt: times.sort().at(-1) ?? null,
    refreshing: crm.state === 'active' && asked > heard && now.getTime() - asked < askedAtMostMs,
    problem:
      crm.state === 'active' ? (ms(crm.failedAt) > ms(crm.answeredAt) ? crm.failure : null) : crm.reason,
  }
}

const instant = (at: string | null | undefined) => (at ? new Date(at).toISOString() : null)
const ms = (at: string | null) => (at === null ? Number.NEGATIVE_INFINITY : Date.parse(at))
