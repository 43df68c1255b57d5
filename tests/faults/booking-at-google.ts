import { randomBytes, randomUUID } from 'node:crypto'
import type { Pool } from 'pg'
import { expect } from 'vitest'
import { createGoogleStandIn } from '#connectors/google-calendar/stand-in/index.ts'
import { serveStandIn } from '#connectors/sdk/stand-in.ts'
import type { FreeSlots, GuestMeeting } from '#core/contracts/meetings.ts'
import { createPool } from '#core/db/pool.ts'
import { connectGoogle, enterApp } from '#tests/core/calendars/a-calendar.ts'
import { everyDay, Guest, setMeetingSettings } from '#tests/core/meetings/a-booking.ts'
import { AgentActor } from '#tests/support/agent-actor.ts'
import { expectNoContradictions } from '#tests/support/contradictions.ts'
import { scratchDatabase } from '#tests/support/database.ts'
import { anAgent, anOrganisation } from '#tests/support/factories.ts'
import { folderForFile } from '#tests/support/folder.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import type { ServerProcess } from '#tests/support/server-process.ts'
import { waitFor } from '#tests/support/wait.ts'
import { startRedis } from '#tests/workers/support/redis.ts'

type Mode = 'web' | 'worker'

/** What Google is asked for, as far as a meeting goes. */
type Call = 'live check' | 'insert' | 'move' | 'cancel' | 'other'

/** What becomes of a request to Google. */
type Around = (asked: { by: Mode; call: Call }, answer: () => Promise<Response>) => Promise<Response>
const asItComes: Around = (_asked, answer) => answer()

/** A step at which a process is killed: it is there when `reached` is. */
export interface Step {
  reached: Promise<unknown>
  letGo(): Promise<void>
}

type Wish = ReturnType<Guest['wish']>

/** What a meeting is to be once somebody has had their way with it. */
interface Outcome {
  state: 'booked' | 'cancelled'
  start: string
  /** Of the host's mail about it. */
  subject: string
}

/**
 * Processes of Foyer, and a host with a calendar at Google. Each step of a booking can be held up: those in the database by a lock of
 * the test's, those at Google by an answer that does not come.
 */
export class BookingsAtGoogle {
  readonly pool: Pool
  readonly #google = createGoogleStandIn()
  readonly #running = new Set<ServerProcess>()
  readonly #undo: (() => Promise<unknown>)[] = []
  readonly #environment: NodeJS.ProcessEnv
  #googleOf: Record<Mode, string> = { web: '', worker: '' }
  #host = { id: '', email: '' }
  #token = ''
  #around = asItComes
  #away: Mode | null = null
  #aheadMs = 0

  private constructor(pool: Pool, environment: NodeJS.ProcessEnv) {
    this.pool = pool
    this.#environment = environment
  }

  /** With the web process through which the host's calendar was connected. */
  static async start(name: string): Promise<{ bookings: BookingsAtGoogle; web: ServerProcess }> {
    const database = await scratchDatabase()
    const redis = await startRedis()
    const pool = createPool(database.url, 4, name)
    const bookings = new BookingsAtGoogle(pool, {
      FOYER_DATABASE_URL: database.url,
      FOYER_REDIS_URL: redis.url,
      FOYER_SECRET_KEY: randomBytes(32).toString('hex'),
      FOYER_DATA_DIR: await folderForFile(name),
      FOYER_PUBLIC_URL: 'https://foyer.example.com',
      FOYER_SMTP_URL: 'smtp://127.0.0.1:1',
      FOYER_LOG_LEVEL: 'fatal',
    })
    bookings.#undo.push(
      () => redis.stop(),
      () => pool.end(),
      () => database.drop(),
    )
    await bookings.#serveGoogle()
    return { bookings, web: await bookings.#connectHost() }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((server) => server.kill()))
    for (const undo of this.#undo) await undo()
  }

  /** An address for each mode, so that it is known who asks. */
  async #serveGoogle(): Promise<void> {
    for (const by of ['web', 'worker'] as const) {
      const { origin, close } = await serveStandIn((request) =>
        by === this.#away
          ? Promise.resolve(Response.json({ error: { code: 503, message: 'Away.' } }, { status: 503 }))
          : this.#around({ by, call: callOf(request) }, () => this.#google.handle(request)),
      )
      this.#googleOf[by] = origin
      this.#undo.unshift(close)
    }
  }

  async #connectHost(): Promise<ServerProcess> {
    const { pool } = this
    await anOrganisation(pool, new Date())
    const admin = await anAgent(pool, new Date(), { profile: 'admin' })
    const dana = await anAgent(pool, new Date(), { name: 'Dana' })
    const web = await this.run('web')
    const signIn = (row: Awaited<ReturnType<typeof anAgent>>) =>
      AgentActor.signIn(web.origin, row.email, row.password, { online: false })
    await enterApp(await signIn(admin))
    const agent = await signIn(dana)
    const { email } = agent.me
    this.#google.store.addCalendar({ id: email, owner: email, timeZone: 'UTC' })
    await connectGoogle(web, agent)
    await setMeetingSettings(agent, { blocks: everyDay('00:00', '24:00') })
    this.#host = { id: agent.id, email }
    return web
  }

  /** A new process. It begins later than what the one before it has held for itself. */
  async run(mode: Mode): Promise<ServerProcess> {
    this.#aheadMs += 60_000
    const server = await startFoyerProcess(mode, {
      ...this.#environment,
      FOYER_GOOGLE_URL: this.#googleOf[mode],
      FOYER_TEST_CLOCK: new Date(Date.now() + this.#aheadMs).toISOString(),
    })
    this.#running.add(server)
    return server
  }

  async kill(server: ServerProcess): Promise<void> {
    await server.kill()
    this.#running.delete(server)
  }

  /** For a test: nothing is held up, and there is a link of its own, for only so many meetings may be ahead by one. */
  async begin(): Promise<void> {
    this.#around = asItComes
    this.#away = null
    this.#token = randomUUID()
    await this.pool.query(
      'insert into calendar_shares (id, token, agent_id, created_at) values ($1, $2, $3, now())',
      [randomUUID(), this.#token, this.#host.id],
    )
    // as if it had been read a moment ago
    await this.pool.query(
      `update calendars set busy_from = now(), busy_until = now() + interval '100 days', busy_read_at = now() + interval '1 day'`,
    )
  }

  async wish(web: ServerProcess): Promise<Wish> {
    const guest = new Guest(web.origin, this.#token)
    const { slots } = (await guest.slots()) as FreeSlots
    // no two tests meet: each leaves a gap behind
    const [slot] = slots.slice(4)
    return guest.wish(slot?.start, { email: `${randomUUID()}@northwind.test` })
  }

  async sends(web: ServerProcess, wish: Wish) {
    const answer = await new Guest(web.origin, this.#token).raw(String(wish.start), wish)
    return { status: answer.status, body: (await answer.json()) as GuestMeeting }
  }

  /** As a visitor does who reads "not certain yet". */
  sendsUntilCertain(web: ServerProcess, wish: Wish) {
    return waitFor('the answer is certain', async () => {
      const answer = await this.sends(web, wish)
      return answer.status !== 202 && answer
    })
  }

  /** Google is away for all processes of this kind. */
  awayFor(mode: Mode): void {
    this.#away = mode
  }

  /** Whoever writes into a table. */
  async atTable(table: string): Promise<Step> {
    const { isReached, letGo } = await this.#hinder(table, '')
    return { reached: isReached(), letGo }
  }

  /** @param when whether Google does what it was asked for before its answer is lost */
  async atGoogle(call: Call, when: 'before' | 'after', by: Mode = 'web'): Promise<Step> {
    const reached = Promise.withResolvers<void>()
    this.#around = async (asked, answer) => {
      if (asked.call !== call || asked.by !== by) return answer()
      if (when === 'after') await answer()
      this.#around = asItComes
      reached.resolve()
      return new Promise<never>(() => undefined)
    }
    return { reached: reached.promise, letGo: async () => undefined }
  }

  /** The event is made, and what has still to be written down of it is held up at this table. */
  afterEvent(table: string, by: Mode = 'web'): Promise<Step> {
    return this.afterGoogle('insert', table, by)
  }

  /** Google has done what it was asked for, and what has still to be written down of it is held up at this table.
   *  @param holding the table of which whoever is meant has locked a row */
  async afterGoogle(call: Call, table: string, by: Mode = 'web', holding = 'meetings'): Promise<Step> {
    const reached = Promise.withResolvers<void>()
    let letGo: Step['letGo'] = async () => undefined
    this.#around = async (asked, answer) => {
      if (asked.call !== call || asked.by !== by) return answer()
      this.#around = asItComes
      const hindrance = await this.#hinder(table, holding)
      letGo = hindrance.letGo
      hindrance.isReached().then(() => reached.resolve(), reached.reject)
      return answer()
    }
    return { reached: reached.promise, letGo: () => letGo() }
  }

  /** It is booked and committed; the answer may be on its way. */
  atAnswer(): Promise<Step> {
    return this.onceMoreAre(`state = 'booked'`)
  }

  /** More meetings than now are so, by an SQL condition. */
  async onceMoreAre(so: string): Promise<Step> {
    const count = async () => {
      const { rows } = await this.pool.query<{ count: number }>(
        `select count(*) as count from meetings where ${so}`,
      )
      return rows[0]?.count ?? 0
    }
    const before = await count()
    const reached = waitFor(so, async () => (await count()) > before, { everyMs: 1 })
    return { reached, letGo: async () => undefined }
  }

  /** Holds up whoever writes into a table, until it is let go; reading goes on.
   *  @param holding counts only who has locked a row of this table */
  async #hinder(table: string, holding: string) {
    const client = await this.pool.connect()
    await client.query('begin')
    await client.query(`lock table ${table} in share mode`)
    return {
      isReached: () =>
        waitFor(`somebody waits to write into ${table}`, async () => {
          const { rows } = await this.pool.query(
            `select from pg_locks w where not granted and relation = $1::regclass
               and database = (select oid from pg_database where datname = current_database())
               and ($2 = '' or exists (select from pg_locks h
                 where h.pid = w.pid and h.granted and h.relation = to_regclass($2) and h.mode = 'RowShareLock'))`,
            [table, holding],
          )
          return rows.length > 0
        }),
      async letGo() {
        await client.query('rollback')
        client.release()
      },
    }
  }

  /** A meeting that is booked, and what is free beside it. */
  async booked(web: ServerProcess) {
    const wish = await this.wish(web)
    const { body } = await this.sends(web, wish)
    expect(body.state).toBe('booked')
    const { slots } = (await new Guest(web.origin, this.#token).slots()) as FreeSlots
    return { meeting: body, elsewhere: slots[4]?.start ?? '' }
  }

  /** As its guest, by the link. */
  async changes(web: ServerProcess, { token }: GuestMeeting, path: 'reschedule' | 'cancel', body?: object) {
    const answer = await new HttpClient(web.origin).raw('POST', `/meeting/${token}/${path}`, body)
    return { status: answer.status, body: (await answer.json()) as GuestMeeting }
  }

  /** One event, one meeting and one mail, all of which say the same, whatever was lost on the way. */
  async expectOutcome({ id }: GuestMeeting, { state, start, subject }: Outcome): Promise<void> {
    const { email } = this.#host
    const eventId = id.replaceAll('-', '')
    await waitFor('the calendar has been told', async () => {
      const { rows } = await this.pool.query('select event_due from meetings where id = $1', [id])
      return rows[0]?.event_due === null
    })
    const event = this.#google.store.calendars.get(email)?.events.get(eventId)
    expect(event).toMatchObject({ status: state === 'booked' ? 'confirmed' : 'cancelled' })
    if (state === 'booked' && event && 'dateTime' in event.start)
      expect(new Date(event.start.dateTime).toISOString()).toBe(start)
    const { rows } = await this.pool.query(
      `select m.state, m.start_at as start, m.moving_to as "movingTo",
         (select count(*) from taken_times t where t.meeting_id = m.id) as taken,
         (select count(*) from mails x where x.subject = $2 and x.to_address = $3 and x.reply_to = m.email) as mails
       from meetings m where m.id = $1`,
      [id, subject, email],
    )
    expect(rows).toEqual([
      { state, start: new Date(start), movingTo: null, taken: state === 'booked' ? 1 : 0, mails: 1 },
    ])
  }

  /** What is left is done by a worker, and then nothing that is stored contradicts itself. */
  async expectNoContradictions(): Promise<void> {
    await this.begin()
    await this.run('worker')
    await expectNoContradictions(this.pool)
  }

  /** One of everything, whatever was lost on the way. */
  async expectOne(wish: Wish, answer: GuestMeeting): Promise<void> {
    const { email } = this.#host
    const events = [...(this.#google.store.calendars.get(email)?.events.values() ?? [])].filter(
      ({ start }) => 'dateTime' in start && Date.parse(start.dateTime) === Date.parse(String(wish.start)),
    )
    expect(events.map(({ status }) => status)).toEqual(['confirmed'])
    const { rows } = await this.pool.query(
      `select m.id, m.state, m.event_id as "eventId", m.event_due as "eventDue",
         (select count(*) from taken_times t where t.meeting_id = m.id) as taken,
         (select count(*) from mails x where x.subject = 'Sofia Ricci has booked a meeting with you'
            and x.to_address = $2 and x.invitation is null and x.reply_to = $3) as mails
       from meetings m where m.start_at = $1`,
      [wish.start, email, wish.email],
    )
    expect(rows).toEqual([
      { id: answer.id, state: 'booked', eventId: events[0]?.id, eventDue: null, taken: 1, mails: 1 },
    ])
  }
}

const longestMeetingMs = 3 * 60 * 60_000

function callOf({ method, url }: Request): Call {
  const { pathname, searchParams } = new URL(url)
  const isOfOne = /\/events\/[^/]+$/.test(pathname)
  if (isOfOne && method === 'PATCH') return 'move'
  if (isOfOne && method === 'DELETE') return 'cancel'
  if (!pathname.endsWith('/events')) return 'other'
  if (method === 'POST') return 'insert'
  const [from, to] = [searchParams.get('timeMin'), searchParams.get('timeMax')]
  // whoever reads what is busy asks for weeks
  return from && to && Date.parse(to) - Date.parse(from) < longestMeetingMs ? 'live check' : 'other'
}
