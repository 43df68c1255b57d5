import { sql } from 'kysely'
import type { Page } from '../../contracts/conversations.ts'
import { typeOfFact } from '../../contracts/routing-facts.ts'
import { type Facts, FactValue } from '../../contracts/routing-rules.ts'
import { plannedOnce } from '../../db/planned-once.ts'
import type { Db, Tx } from '../../db/pool.ts'
import { joinKnown, knownEmail, knownField, knownStatus } from '../visitors/known.ts'
import { sameVisitor } from '../visitors/repository.ts'

/** A request, or one that a visitor might make now. */
export interface RequestOf {
  /** Null: there is none yet. */
  id: string | null
  siteId: string
  visitorId: string
  page: Page | null
}

interface Row {
  name: string | null
  email: string | null
  verified: boolean
  jobTitle: string | null
  phone: string | null
  company: string | null
  language: string | null
  visitorTimeZone: string | null
  page: Page | null
  referrer: string | null
  utm: Record<string, string> | null
  crmStatus: string | null
  ownerEmail: string | null
  people: Mirrored[] | null
  companies: Mirrored[] | null
  ownerNames: string[] | null
  pastChats: number
  visits: number
  timeZone: string
}

/** What a connector said of a person or a company. */
interface Mirrored {
  fields: Record<string, { value?: unknown; at?: string }>
  owner: string | null
}

/** Beyond this many a count is only "many", so that it costs the same for the most faithful visitor. */
const countedAtMost = 100
/** Records of one person, or of one company, in the CRMs. */
const mirroredAtMost = 5
const fieldsAtMost = 60

/** What is known of a request at this moment, for rules to ask about. One query. */
export async function gatherFacts(db: Db | Tx, now: Date, request: RequestOf): Promise<Facts> {
  const { rows } = await sql<Row>`${plannedOnce}
    select ${knownField('name')} as name,
           ${knownEmail()} as email,
           v.corrections ? 'email' or (v.email is not null and v.email_verified) as verified,
           ${knownField('jobTitle')} as job_title,
           ${knownField('phone')} as phone,
           ${knownField('company')} as company,
           v.language, v.time_zone as visitor_time_zone, v.page, v.referrer, v.utm,
           ${knownStatus} as crm_status, p.owner_email, mirror.people, mirror.companies,
           (select array_agg(a.name) from agents a where a.email = p.owner_email or a.email in (
              select one ->> 'owner' from jsonb_array_elements(mirror.people) one)) as owner_names,
           (select count(*) from (
              select from (${sameVisitor()}) same (id) cross join lateral (
                -- the limit keeps PostgreSQL from reading every chat there is, as it did until it had counted them
                select from conversations c
                where c.visitor_id = same.id and c.id is distinct from ${request.id}::uuid
                limit ${countedAtMost}) of_one
              limit ${countedAtMost}) chats) as past_chats,
           (select count(*) from (
              select from (${sameVisitor()}) same (id) cross join lateral (
                select from visits s where s.visitor_id = same.id limit 2) of_one
              limit 2) visits) as visits,
           o.time_zone
    from visitors v
    cross join organisation o
    ${joinKnown}
    cross join lateral (select
      (select jsonb_agg(jsonb_build_object('fields', m.fields, 'owner', m.owner_email)) from (
         select r.fields, r.owner_email from people_mirror_emails e join people_mirror r using (connector, external_id)
         where e.email = ${knownEmail()} limit ${mirroredAtMost}) m) as people,
      (select jsonb_agg(jsonb_build_object('fields', m.fields, 'owner', m.owner_email)) from (
         select fields, owner_email from companies_mirror
         where domain = split_part(${knownEmail()}, '@', 2) limit ${mirroredAtMost}) m) as companies
    ) mirror
    where v.id = ${request.visitorId}`.execute(db)
  const row = rows[0]
  if (!row) return {}
  const page = request.page ?? row.page
  return onlyKnown({
    'visitor.name': row.name,
    'visitor.email': row.email,
    'visitor.emailDomain': row.email?.split('@').at(-1),
    'visitor.verified': row.verified,
    'visitor.jobTitle': row.jobTitle,
    'visitor.phone': row.phone,
    'visitor.company': row.company,
    'visitor.language': languages(row.language),
    'visitor.timeZone': row.visitorTimeZone,
    'visitor.returning': row.pastChats > 0 || row.visits > 1,
    'visitor.pastChats': row.pastChats,
    ...pageFacts(page, row.referrer),
    ...campaignFacts(row.utm),
    site: request.siteId,
    ...localTime(now, row.timeZone),
    ...crmFacts('crm.', row.people),
    ...crmFacts('crm.company.', row.companies),
    'crm.status': row.crmStatus ?? newestField(row.people, 'crmStatus'),
    'crm.owner': owners(row),
  })
}

/** By address and by name, so that a rule may name an owner either way. */
const owners = ({ ownerEmail, people, ownerNames }: Row): string[] => [
  ...new Set(
    [ownerEmail, ...(people ?? []).map(({ owner }) => owner), ...(ownerNames ?? [])].filter(
      (one) => one !== null,
    ),
  ),
]

/** Fields of the mirror that are facts of their own already. */
export const elsewhere = new Set(['name', 'jobTitle', 'phone', 'company', 'crmStatus', 'email'])

/** Each field of the mirror as the newest record has it. */
function crmFacts(prefix: string, mirrored: Mirrored[] | null): Facts {
  const names = new Set((mirrored ?? []).flatMap(({ fields }) => Object.keys(fields)))
  const facts: Facts = {}
  for (const name of [...names].sort().slice(0, fieldsAtMost)) {
    const fact = prefix + name
    if (elsewhere.has(name) && prefix === 'crm.') continue
    const value = newestField(mirrored, name)
    if (value !== null && typeOfFact(fact) !== undefined) facts[fact] = value
  }
  return facts
}

function newestField(mirrored: Mirrored[] | null, name: string): FactValue | null {
  const known = (mirrored ?? [])
    .map(({ fields }) => fields[name])
    .filter((field) => field !== undefined && FactValue.safeParse(field.value).success)
    .sort((one, other) => (other?.at ?? '').localeCompare(one?.at ?? ''))
  return FactValue.safeParse(known[0]?.value).data ?? null
}

/** "de-CH" is also "de": a rule for German need not name every country. */
const languages = (language: string | null): string[] | null =>
  language === null ? null : [...new Set([language, language.split('-')[0] ?? language])]

function pageFacts(page: Page | null, referrer: string | null): Facts {
  const url = page ? URL.parse(page.url) : null
  return onlyKnown({
    'page.url': page?.url,
    'page.path': url?.pathname,
    'page.host': url?.hostname,
    'page.title': page?.title,
    'page.referrer': referrer,
  })
}

/** Kept by the names campaigns use in addresses, such as utm_source. */
const campaignFacts = (utm: Record<string, string> | null): Facts =>
  onlyKnown(
    Object.fromEntries(
      Object.entries(utm ?? {})
        .filter(([name]) => /^utm_[\w-]{1,60}$/.test(name))
        .map(([name, value]) => [`utm.${name.slice('utm_'.length)}`, value]),
    ),
  )

/** Weekday from 1 (Monday), time of day and date as a clock in this zone shows them. */
export function localTime(at: Date, timeZone: string): Facts {
  const local = Temporal.Instant.fromEpochMilliseconds(at.getTime()).toZonedDateTimeISO(timeZone)
  return {
    'local.weekday': local.dayOfWeek,
    'local.time': local.toPlainTime().toString({ smallestUnit: 'minute' }),
    'local.date': local.toPlainDate().toString(),
  }
}

/** Texts of a length that a rule could ever ask about; what is empty is left out. */
function onlyKnown(facts: Record<string, FactValue | null | undefined>): Facts {
  const known: Facts = {}
  for (const [fact, value] of Object.entries(facts)) {
    if (value === null || value === undefined || value === '') continue
    if (Array.isArray(value) && value.length === 0) continue
    known[fact] = typeof value === 'string' ? value.slice(0, 2_000).toWellFormed() : value
  }
  return known
}

/**
 * The facts a request is routed by. The first time they are gathered and kept, so that whoever is asked after a decline
 * is chosen by the same ones; a chat that is routed again later has those of that later moment.
 */
export async function factsOf(
  tx: Tx,
  now: Date,
  request: RequestOf & { id: string; round: number },
): Promise<Facts> {
  if (request.round > 1) return gatherFacts(tx, now, request)
  const { rows } = await sql<{ facts: Facts }>`${plannedOnce}
    select facts from routing_requests where conversation_id = ${request.id}`.execute(tx)
  if (rows[0]) return rows[0].facts
  const facts = await gatherFacts(tx, now, request)
  await keepFacts(tx, request.id, now, facts)
  return facts
}

/** Keeps what was known of a request; what was kept of it before stays. */
export async function keepFacts(tx: Tx, conversationId: string, at: Date, facts: Facts): Promise<void> {
  await sql`${plannedOnce}
    insert into routing_requests (conversation_id, at, facts)
    values (${conversationId}, ${at}, ${JSON.stringify(facts)}::jsonb)
    on conflict (conversation_id) do nothing`.execute(tx)
}
