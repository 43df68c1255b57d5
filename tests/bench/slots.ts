/** What slots cost: the one agent a visitor looks at, and 50 of a team, counted out from what is in memory, and from what is mirrored of
 *  their calendars in PostgreSQL. Beside it, in the same run, the least that it could be: a loop over epoch milliseconds that knows its
 *  windows, and every busy time by heart and in order; and the same with the windows found by `Temporal`, one at a time. */
import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import type { Schedule } from '#core/contracts/availability.ts'
import { startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { migrate } from '#core/db/migrate.ts'
import { createDb, createPool } from '#core/db/pool.ts'
import { readBookables, startsOf } from '#core/features/meetings/bookable.ts'
import { type BusyTime, freeStarts, type SlotRules } from '#core/features/meetings/slots.ts'
import { anAgent, anOrganisation } from '#tests/support/factories.ts'
import { describeMachine, median } from './report.ts'

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
const days = 60
const agentCount = 50
const rounds = process.argv.includes('--quick') ? 20 : 100
const now = Date.parse('2026-03-02T00:00:00Z')
const to = now + days * day
const zones = [
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
]

/** Half-hour slots from nine to five of weekdays, and three appointments on each of them. */
const agents = Array.from({ length: agentCount }, (_, place) => {
  const schedule: Schedule = {
    timeZone: zones[place % zones.length] ?? null,
    blocks: [1, 2, 3, 4, 5].flatMap((weekday) => [
      { weekday, start: '09:00', end: '12:30' },
      { weekday, start: '13:00', end: '17:00' },
    ]),
    datesOff: ['2026-04-06'],
  }
  const rules: SlotRules = {
    schedule,
    durationMinutes: 30,
    stepMinutes: 15,
    bufferBeforeMinutes: 0,
    bufferAfterMinutes: 5,
    noticeMinutes: 120,
    daysAhead: 90,
    dailyMax: null,
  }
  const busy: BusyTime[] = Array.from({ length: 3 * days }, (_, one) => {
    const start = now + Math.floor(one / 3) * day + (8 + ((one * 7 + place) % 9)) * hour
    return { start, end: start + ((one % 3) + 1) * (hour / 2) }
  })
  return { rules, busy }
})
type BenchAgent = (typeof agents)[number]

const slotsOf = ({ rules, busy }: BenchAgent) => freeStarts(rules, { now, from: now, to, busy })

/** The starts in these windows, nothing being looked up. */
function bareLoop(windows: readonly BusyTime[], busy: readonly BusyTime[]): number[] {
  const starts: number[] = []
  let next = 0
  for (const { start, end } of windows)
    for (let at = Math.max(start, now + 2 * hour); at + hour / 2 <= end && at < to; at += hour / 4) {
      while (next < busy.length && (busy[next] as BusyTime).end <= at) next++
      const stands = busy[next]
      if (!stands || stands.start >= at + 35 * minute) starts.push(at)
    }
  return starts
}

/** The working windows of somebody, as `Temporal` finds each of them. */
function windowsByTemporal({ blocks, datesOff, timeZone }: Schedule): BusyTime[] {
  const windows: BusyTime[] = []
  const first = Temporal.Instant.fromEpochMilliseconds(now)
    .toZonedDateTimeISO(timeZone ?? 'UTC')
    .toPlainDate()
  for (let place = 0; place <= days; place++) {
    const date = first.add({ days: place })
    if (datesOff.includes(date.toString())) continue
    for (const { weekday, start, end } of blocks) {
      if (weekday !== date.dayOfWeek) continue
      const at = (time: string) =>
        date.toZonedDateTime({ timeZone: timeZone ?? 'UTC', plainTime: time }).epochMilliseconds
      windows.push({ start: at(start), end: at(end) })
    }
  }
  return windows
}

const known = agents.map(({ rules, busy }) => ({
  windows: windowsByTemporal(rules.schedule),
  busy: busy.toSorted((a, b) => a.start - b.start),
}))
const slotsByTemporal = ({ rules, busy }: BenchAgent) =>
  bareLoop(
    windowsByTemporal(rules.schedule),
    busy.toSorted((a, b) => a.start - b.start),
  )

interface Took {
  ms: number
  slots: number
}

async function time(count: () => number | Promise<number>): Promise<Took> {
  let slots = 0
  const took: number[] = []
  for (let round = 0; round < rounds; round++) {
    const began = performance.now()
    slots = await count()
    took.push(performance.now() - began)
  }
  return { ms: median(took), slots }
}
const sumOf = <T>(of: readonly T[], starts: (one: T) => number[]) =>
  of.reduce((sum, one) => sum + starts(one).length, 0)

const folder = await mkdtemp(join(tmpdir(), 'foyer-slots-'))
await chmod(folder, 0o711)
const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), settings: { fsync: 'off' } })
const pool = createPool(postgres.url, 1, 'bench')
const db = createDb(pool)

/** What is known of those agents in PostgreSQL: their calendars' busy times, every third of which is a meeting of Foyer's. */
async function mirrorAgents(): Promise<string[]> {
  await anOrganisation(pool, new Date(now))
  const ids: string[] = []
  for (const { rules, busy } of agents) {
    const { id } = await anAgent(pool, new Date(now))
    ids.push(id)
    const { schedule, ...settings } = rules
    const connectionId = randomUUID()
    await pool.query(`insert into meeting_settings (agent_id, settings, changed_at) values ($1, $2, $3)`, [
      id,
      JSON.stringify({ ...schedule, ...settings }),
      new Date(now),
    ])
    await pool.query(
      `insert into connections (id, connector, state, precedence, created_at, changed_at, agent_id)
       values ($1, 'bench', 'active', 9, $2, $2, $3)`,
      [connectionId, new Date(now), id],
    )
    await pool.query(
      `insert into calendars (agent_id, connection_id, state, calendar_id, name, time_zone, busy_from, busy_until, busy_read_at, changed_at)
       values ($1, $2, 'ok', 'main', 'Main', 'UTC', $3, $4, $3, $3)`,
      [id, connectionId, new Date(now), new Date(now + 100 * day)],
    )
    const rows = [
      id,
      busy.map(({ start }) => new Date(start)),
      busy.map(({ end }) => new Date(end)),
      busy.map((_, place) => eventIdAt(place)),
    ]
    await pool.query(
      `insert into calendar_busy (agent_id, calendar_id, event_id, start_at, end_at)
       select $1, 'main', event, start_at, end_at from unnest($2::timestamptz[], $3::timestamptz[], $4::text[]) t (start_at, end_at, event)`,
      rows,
    )
    await pool.query(
      `with made as (
         insert into meetings (id, agent_id, connection_id, calendar_id, state, name, email, start_at, end_at, time_zone, wall_time,
           agent_time_zone, agent_wall_time, title, event_id, held_at, booked_at, changed_at)
         select gen_random_uuid(), $1, $5, 'main', 'booked', 'Somebody', 'somebody@bench.test', start_at, end_at, 'UTC', '',
           'UTC', '', 'A meeting', event, start_at, start_at, start_at
         from unnest($2::timestamptz[], $3::timestamptz[], $4::text[]) with ordinality t (start_at, end_at, event, place)
         where place % 3 = 0 returning id, start_at, end_at)
       insert into taken_times (meeting_id, agent_id, taken) select id, $1, tstzrange(start_at, end_at) from made`,
      [...rows, connectionId],
    )
  }
  await pool.query('vacuum analyze')
  return ids
}

/** Every third one is formed as Foyer's are, the others as Google's. */
const eventIdAt = (place: number) =>
  randomUUID()
    .replaceAll('-', '')
    .slice(0, place % 3 === 2 ? 32 : 26)

const line = (what: string, { ms, slots }: Took, rest = '') =>
  console.log(`${what.padEnd(56)} ${ms.toFixed(2).padStart(7)} ms  ${slots} slots  ${rest}`)

let isKept = true
const keep = (what: string, took: Took, most: number, floor?: Took) => {
  const isIn = took.ms <= most
  isKept &&= isIn
  const ratio = floor ? `, ${(took.ms / floor.ms).toFixed(1)} × the bare loop` : ''
  line(what, took, `limit ≤ ${most} ms  ${isIn ? 'kept' : 'BROKEN'}${ratio}`)
}

try {
  console.log(describeMachine())
  const coldBegan = performance.now()
  const coldSlots = sumOf(agents, slotsOf)
  const cold = { ms: performance.now() - coldBegan, slots: coldSlots }

  const bare = await time(() => sumOf(known, ({ windows, busy }) => bareLoop(windows, busy)))
  const bareOne = await time(() => sumOf(known.slice(0, 1), ({ windows, busy }) => bareLoop(windows, busy)))
  const byTemporal = await time(() => sumOf(agents, slotsByTemporal))
  line(`${agentCount} agents, bare epoch loop over known windows`, bare)
  line(
    `${agentCount} agents, windows by Temporal, one at a time`,
    byTemporal,
    `${(byTemporal.ms / bare.ms).toFixed(1)} × the bare loop`,
  )
  keep(`one agent, ${days} days`, await time(() => sumOf(agents.slice(0, 1), slotsOf)), 3, bareOne)
  keep(`${agentCount} agents, ${days} days`, await time(() => sumOf(agents, slotsOf)), 60, bare)
  keep(`${agentCount} agents, the first time in a process`, cold, 60, bare)

  await migrate(postgres.url)
  const ids = await mirrorAgents()
  const stretch = { now: new Date(now), from: now, to }
  const read = (of: readonly string[]) => readBookables(db, stretch, sql`a.id = any (${of}::uuid[])`)
  const mirrored = async (of: readonly string[]) => sumOf(await read(of), (one) => startsOf(one, stretch))
  const reading = async (of: readonly string[]) => (await read(of)).length
  // a connection has its plans after some times
  await time(() => reading(ids))
  const { ms: readOneMs } = await time(() => reading(ids.slice(0, 1)))
  const { ms: readAllMs } = await time(() => reading(ids))
  console.log(
    `of it reading from PostgreSQL: one agent ${readOneMs.toFixed(2)} ms, ${agentCount} agents ${readAllMs.toFixed(2)}`,
  )
  const fromMirror = await time(() => mirrored(ids))
  keep(`one agent, ${days} days, from the mirror`, await time(() => mirrored(ids.slice(0, 1))), 3, bareOne)
  keep(`${agentCount} agents, ${days} days, from the mirror`, fromMirror, 60, bare)
  // or it would be quick at something else
  const counts = [coldSlots, bare.slots, byTemporal.slots, fromMirror.slots]
  if (new Set(counts).size > 1) throw new Error(`Not the same slots were counted: ${counts.join(', ')}`)
} finally {
  await db.destroy()
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}
process.exit(isKept ? 0 : 1)
