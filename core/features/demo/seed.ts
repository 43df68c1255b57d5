import { randomUUIDv7 } from 'node:crypto'
import { hash, verify } from '@node-rs/argon2'
import { sql } from 'kysely'
import type { Profile } from '../../contracts/agents.ts'
import type { Schedule } from '../../contracts/availability.ts'
import type { Tx } from '../../db/pool.ts'
import type { Services } from '../../services.ts'
import * as agents from '../agents/repository.ts'
import { officeHours } from '../agents/service.ts'
import * as cannedReplies from '../canned-replies/repository.ts'
import * as sites from '../sites/repository.ts'
import { addSite } from '../sites/service.ts'
import { openingTime, type SampleAgent, sampleHistory } from './history.ts'
import { type SamplePerson, samplePeople } from './people.ts'
import { Chance } from './random.ts'
import { sampleReplies } from './replies.ts'
import { sampleRouting } from './routing.ts'

export { demoPassword } from './password.ts'

const roundTheClock = (timeZone: string): Schedule => ({
  timeZone,
  blocks: [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ weekday, start: '00:00', end: '24:00' })),
  datesOff: [],
})

const staff: readonly { email: string; name: string; profile: Profile; schedule: Schedule }[] = [
  {
    email: 'dana@foyer.test',
    name: 'Dana Whitfield',
    profile: 'live_agent',
    schedule: roundTheClock('Europe/London'),
  },
  {
    email: 'marco@foyer.test',
    name: 'Marco Bellini',
    profile: 'live_agent',
    schedule: roundTheClock('Europe/Rome'),
  },
  {
    email: 'aiko@foyer.test',
    name: 'Aiko Tanaka',
    profile: 'live_agent',
    schedule: officeHours('Asia/Tokyo'),
  },
  // takes chats only when she says so, so that trying out the settings does not ring
  {
    email: 'admin@foyer.test',
    name: 'Robin Hale',
    profile: 'admin',
    schedule: { timeZone: 'Europe/London', blocks: [], datesOff: [] },
  },
]

/**
 * Fills an empty Foyer with a lighting shop: agents, a directory, and 120 days of chats that end at the clock's now.
 * Called at each start: with an organisation there already it only sees to it that the printed password opens.
 */
export async function seedDemo({ db, clock }: Services, password: string): Promise<void> {
  const passwordHash = await hash(password)
  await db.transaction().execute(async (tx) => {
    const now = clock.now()
    const { rows } = await sql`
      insert into organisation (name, time_zone, created_at) values ('Northlight', 'Europe/London', ${now})
      on conflict (id) do nothing returning id`.execute(tx)
    if (rows.length === 0) return renewPasswords(tx, password, passwordHash)

    const chance = new Chance(40)
    const employed: SampleAgent[] = []
    for (const { schedule, ...agent } of staff) {
      const id = randomUUIDv7()
      await agents.insert(tx, now, { ...agent, id, passwordHash, liveChatSchedule: schedule })
      if (agent.profile === 'live_agent') employed.push({ id, name: agent.name })
    }
    const site = await addSite(tx, now, {
      name: 'Northlight shop',
      companyName: 'Northlight',
      allowedOrigins: [],
      key: 'demo',
      booking: { by: 'owner', agentId: employed[0]?.id },
    })
    await sites.update(tx, site.id, {
      ...site,
      settings: {
        ...site.settings,
        brandColour: '#8a4b14',
        greeting: {
          title: 'Light for your rooms',
          text: 'Questions about a lamp, a plan, an order? Ask away.',
          pokeAfterMs: 12_000,
        },
        // as little as possible stands between a newcomer and the first chat
        fields: [
          { name: 'name', required: false },
          { name: 'email', required: false },
        ],
      },
    })
    const people = samplePeople(chance)
    await insertPeople(
      tx,
      now,
      people.filter(({ isOfCrm }) => !isOfCrm),
    )
    await insertHistory(tx, now, sampleHistory(chance, now, { siteId: site.id, people, agents: employed }))
    for (const reply of sampleReplies) await cannedReplies.save(tx, now, randomUUIDv7(), null, reply)
    const [dana, marco, aiko] = employed.map(({ id }) => id)
    if (dana && marco && aiko) await sampleRouting(tx, now, { dana, marco, aiko })
  })
}

/** FOYER_DEMO_PASSWORD may have changed since the first start, and somebody may have changed it by hand. */
async function renewPasswords(tx: Tx, password: string, passwordHash: string): Promise<void> {
  const emails = staff.map(({ email }) => email)
  const { rows } = await sql<{ id: string; passwordHash: string | null }>`
    select id, password_hash from agents where email = any (${emails}) for update`.execute(tx)
  const isCurrent = new Map<string, boolean>()
  for (const { id, passwordHash: stored } of rows) {
    if (stored === null) continue
    if (!isCurrent.has(stored)) isCurrent.set(stored, await verify(stored, password))
    if (!isCurrent.get(stored)) await agents.update(tx, id, { passwordHash })
  }
}

async function insertPeople(tx: Tx, now: Date, people: SamplePerson[]): Promise<void> {
  const rows = people.map((person) => ({ id: randomUUIDv7(), ...person }))
  await insertAll(
    tx,
    'people',
    peopleColumns,
    rows.map((person) => ({
      id: person.id,
      email: person.email,
      name: person.name,
      job_title: person.jobTitle,
      phone: person.phone,
      crm_status: person.crmStatus,
      company: person.company,
      owner_email: person.ownerEmail,
      updated_at: now,
    })),
  )
  await insertAll(
    tx,
    'activities',
    activityColumns,
    rows.flatMap((person) =>
      person.records.map(({ daysAgo, kind, subject, detail }) => ({
        id: randomUUIDv7(),
        person_id: person.id,
        kind,
        at: new Date(openingTime(now, daysAgo)),
        subject,
        detail,
        source: 'directory',
      })),
    ),
  )
}

async function insertHistory(tx: Tx, now: Date, history: ReturnType<typeof sampleHistory>): Promise<void> {
  // a person of the directory who never came leaves no visitor
  const came = history.visitors.filter(({ seen_at }) => seen_at !== null)
  await insertAll(tx, 'visitors', visitorColumns, came)
  await insertAll(tx, 'visits', visitColumns, history.visits)
  await insertAll(tx, 'conversations', conversationColumns, history.conversations)
  await insertAll(tx, 'entries', entryColumns, history.entries)
  await insertAll(tx, 'notes', noteColumns, history.notes)
  await insertAll(tx, 'offers', offerColumns, history.offers)
  // the search indexer finds them as if they had just been said, 500 at a time
  await sql`
    insert into search_backlog (conversation_ids, seqs, at)
    select array_agg(conversation_id), array_agg(seq), ${now}
    from (select conversation_id, seq, row_number() over (order by at) as n from entries where kind = 'message') said
    group by n / 500 order by n / 500`.execute(tx)
}

const peopleColumns =
  'id uuid, email text, name text, job_title text, phone text, crm_status text, company text, owner_email text, updated_at timestamptz'
const activityColumns =
  'id uuid, person_id uuid, kind text, at timestamptz, subject text, detail text, source text'
const visitorColumns =
  'id uuid, site_id uuid, token_hash bytea, name text, email text, company text, time_zone text, language text, page jsonb, referrer text, utm jsonb, created_at timestamptz, seen_at timestamptz'
const visitColumns =
  'id uuid, visitor_id uuid, started_at timestamptz, last_at timestamptz, pages jsonb, page_count integer'
const conversationColumns =
  'id uuid, site_id uuid, visitor_id uuid, status text, agent_id uuid, previous_id uuid, client_id text, requested_at timestamptz, accepted_at timestamptz, ended_at timestamptz, end_reason text, outcome text, first_text text, page jsonb, last_seq integer, last_at timestamptz, last_text text, last_sender text, waiting_since timestamptz, agent_read_seq integer, visitor_read_seq integer, visitor_received_seq integer, visitor_seen_at timestamptz, message_left boolean'
const entryColumns =
  'conversation_id uuid, seq integer, kind text, sender_type text, sender_id uuid, client_id text, at timestamptz, text text, data jsonb'
const noteColumns =
  'id uuid, conversation_id uuid, agent_id uuid, client_id text, after_seq integer, at timestamptz, text text'
const offerColumns =
  'id uuid, conversation_id uuid, agent_id uuid, state text, offered_at timestamptz, expires_at timestamptz, closed_at timestamptz'

/** All rows in one statement. @param columns names with their types, as `jsonb_to_recordset` wants them. */
async function insertAll(tx: Tx, table: string, columns: string, rows: object[]): Promise<void> {
  const names = sql.raw(columns.replace(/ (\w+)(,|$)/g, '$2'))
  await sql`
    insert into ${sql.table(table)} (${names})
    select ${names} from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as row (${sql.raw(columns)})`.execute(
    tx,
  )
}
