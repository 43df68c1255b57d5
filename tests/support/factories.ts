import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { hash } from '@node-rs/argon2'
import type { Pool } from 'pg'
import type { Profile } from '#core/contracts/agents.ts'
import type { Schedule } from '#core/contracts/availability.ts'
import type { ConversationStatus } from '#core/contracts/conversations.ts'
import type { SiteSettings } from '#core/contracts/sites.ts'

/** Rows as Foyer itself would have written them; each factory takes only what a test is about. */

export const password = 'correct horse battery staple'
// parameters are part of the hash: this one is as cheap as it gets, so that signing in costs tests nothing
const cheapHash = hash(password, { memoryCost: 8, timeCost: 1, parallelism: 1 })

export const roundTheClock: Schedule = {
  timeZone: 'UTC',
  blocks: [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ weekday, start: '00:00', end: '24:00' })),
  datesOff: [],
}
export const never: Schedule = { timeZone: 'UTC', blocks: [], datesOff: [] }

export async function anOrganisation(pool: Pool, now: Date, settings: object = {}): Promise<void> {
  await pool.query(
    'insert into organisation (name, time_zone, settings, created_at) values ($1, $2, $3, $4)',
    ['Meridian Industries', 'Europe/Rome', JSON.stringify(settings), now],
  )
}

export interface ASite {
  id: string
  key: string
  identitySecret: string
}

export async function aSite(
  pool: Pool,
  now: Date,
  { name = 'Main site', allowedOrigins = [] as string[], settings = {} as Partial<SiteSettings> } = {},
): Promise<ASite> {
  const site = {
    id: randomUUID(),
    key: randomBytes(8).toString('hex'),
    identitySecret: randomBytes(32).toString('hex'),
  }
  const complete: SiteSettings = {
    companyName: 'Meridian Industries',
    brandColour: '#1d4f3f',
    position: 'right',
    launcherLabel: 'Open chat',
    greeting: { title: 'Hello', text: 'Ask us anything.', pokeAfterMs: null },
    fields: [],
    privacy: { notice: '', url: null, tick: false },
    fallbackText: 'Nobody is free right now. Leave a message and we will write to you.',
    theme: 'system',
    booking: null,
    ...settings,
  }
  await pool.query(
    `insert into sites (id, name, key, allowed_origins, settings, identity_secret, created_at)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [site.id, name, site.key, allowedOrigins, JSON.stringify(complete), site.identitySecret, now],
  )
  return site
}

export interface AnAgent {
  id: string
  email: string
  name: string
  password: string
}

let agents = 0

const addresses = new WeakMap<Pool, Set<string>>()

/** `dana.whitfield@foyer.test`; another one where a test that is tried again makes the same agent once more. */
function addressFor(pool: Pool, name: string): string {
  const given = addresses.get(pool) ?? new Set()
  addresses.set(pool, given)
  const local = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '.')
  const address = given.has(local) ? `${local}.${++agents}@foyer.test` : `${local}@foyer.test`
  given.add(local)
  return address
}

export async function anAgent(
  pool: Pool,
  now: Date,
  options: {
    name?: string
    email?: string
    profile?: Profile
    schedule?: Schedule
    supervises?: boolean
  } = {},
): Promise<AnAgent> {
  const {
    name = `Agent ${++agents}`,
    profile = 'live_agent',
    schedule = roundTheClock,
    supervises = false,
  } = options
  const email = options.email ?? addressFor(pool, name)
  const agent = { id: randomUUID(), email, name, password }
  await pool.query(
    `insert into agents (id, email, name, password_hash, profile, live_chat_schedule, created_at)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [agent.id, email, name, await cheapHash, profile, JSON.stringify(schedule), now],
  )
  // databases of an older Foyer have no such column
  if (supervises) await pool.query('update agents set supervises = true where id = $1', [agent.id])
  return agent
}

export interface AVisitor {
  id: string
  /** Opens a session as this visitor. */
  token: string
}

export async function aVisitor(
  pool: Pool,
  now: Date,
  { siteId, name = null, email = null, company = null }: { siteId: string } & Record<string, string | null>,
): Promise<AVisitor> {
  const visitor = { id: randomUUID(), token: randomBytes(32).toString('base64url') }
  await pool.query(
    `insert into visitors (id, site_id, token_hash, name, email, company, created_at, seen_at)
     values ($1, $2, $3, $4, $5, $6, $7, $7)`,
    [visitor.id, siteId, createHash('sha256').update(visitor.token).digest(), name, email, company, now],
  )
  return visitor
}

export interface AConversation {
  siteId: string
  visitorId: string
  agentId?: string | null
  status?: ConversationStatus
  /** What visitor and agent said, in turn, the visitor first. */
  texts?: string[]
  at?: Date
}

/** A conversation as it would stand after this was said. Without a first text nobody asked anything. */
export async function aConversation(pool: Pool, now: Date, options: AConversation): Promise<string> {
  const {
    siteId,
    visitorId,
    agentId = null,
    status = agentId ? 'active' : 'waiting',
    texts = ['Hello'],
  } = options
  const at = options.at ?? now
  const closed = status === 'ended' || status === 'missed'
  const id = randomUUID()
  await pool.query(
    `insert into conversations (id, site_id, visitor_id, status, agent_id, client_id, requested_at, accepted_at, ended_at,
       end_reason, first_text, last_seq, last_at, last_text, last_sender, idle_at, visitor_seen_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $7, $13, $14, $15, $7)`,
    [
      id,
      siteId,
      visitorId,
      status,
      agentId,
      randomUUID(),
      at,
      agentId ? at : null,
      closed ? at : null,
      closed ? (agentId ? 'agent' : 'no_answer') : null,
      texts[0] ?? '',
      texts.length,
      texts.at(-1) ?? null,
      texts.length === 0 ? null : texts.length % 2 === 1 ? 'visitor' : 'agent',
      status === 'active' ? new Date(at.getTime() + 600_000) : null,
    ],
  )
  await pool.query(
    `insert into entries (conversation_id, seq, kind, sender_type, sender_id, client_id, at, text)
     select $1, place, 'message', case when place % 2 = 1 then 'visitor' else 'agent' end,
       case when place % 2 = 1 then $2::uuid else $3::uuid end, 'made-' || place, $4, said
     from unnest($5::text[]) with ordinality as lines (said, place)`,
    [id, visitorId, agentId, at, texts],
  )
  return id
}
