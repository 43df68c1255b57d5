import { randomUUID } from 'node:crypto'
import type { Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createPool } from '#core/db/pool.ts'
import { findContradictions } from '#core/verify/contradictions.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import {
  type AnAgent,
  type ASite,
  aConversation,
  anAgent,
  anOrganisation,
  aSite,
  aVisitor,
} from '#tests/support/factories.ts'
import { ServerProcess } from '#tests/support/server-process.ts'

/** Every rule of `npm run verify` is kept by what Foyer writes, and finds what breaks it. */

const now = new Date()
const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000)
let database: ScratchDatabase
let pool: Pool
let site: ASite
let agent: AnAgent

beforeAll(async () => {
  database = await scratchDatabase()
  pool = createPool(database.url, 2, 'verify test')
  await anOrganisation(pool, now)
  site = await aSite(pool, now)
  agent = await anAgent(pool, now)
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})

async function aChat(status: 'waiting' | 'active' | 'ended' = 'active', at = now): Promise<string> {
  const visitor = await aVisitor(pool, at, { siteId: site.id })
  const agentId = status === 'waiting' ? null : agent.id
  return aConversation(pool, now, { siteId: site.id, visitorId: visitor.id, agentId, status, at })
}

async function anOffer(
  conversationId: string,
  { state = 'pending', expiresAt = minutesAgo(-1), agentId = agent.id } = {},
): Promise<string> {
  const id = randomUUID()
  await pool.query(
    `insert into offers (id, conversation_id, agent_id, state, offered_at, expires_at, closed_at)
     values ($1, $2, $3, $4, $5, $6, case when $4 = 'pending' then null else $5::timestamptz end)`,
    [id, conversationId, agentId, state, now, expiresAt],
  )
  return id
}

let meetings = 0
async function aMeeting(state: 'held' | 'booked' | 'cancelled', eventDue: string | null = null) {
  const id = randomUUID()
  const start = minutesAgo(-60 * ++meetings)
  await pool.query(
    `insert into meetings (id, agent_id, state, name, email, start_at, end_at, time_zone, wall_time, agent_time_zone,
       agent_wall_time, title, event_id, event_due, held_at, booked_at, cancelled_at, changed_at, buffer_after_minutes)
     values ($1, $2, $3, 'Ada', 'ada@northwind.test', $4, $4::timestamptz + interval '30 minutes', 'UTC', '', 'UTC', '', 'Demo', $5,
       $6, $7, case when $3 = 'booked' then $7::timestamptz end, case when $3 = 'cancelled' then $7::timestamptz end, $7, 15)`,
    [id, agent.id, state, start, id, eventDue, now],
  )
  return { id, start }
}

async function takes({ id, start }: { id: string; start: Date }, minutes = 45, agentId = agent.id) {
  await pool.query(`insert into taken_times values ($1, $2, tstzrange($3, $4))`, [
    id,
    agentId,
    start,
    new Date(start.getTime() + minutes * 60_000),
  ])
}

const found = () => findContradictions(pool, minutesAgo(5))

test('what Foyer writes breaks no rule', async () => {
  await Promise.all([aChat('active'), aChat('ended')])
  await anOffer(await aChat('waiting'))
  await takes(await aMeeting('booked'))
  await takes(await aMeeting('held', 'insert'))
  await aMeeting('cancelled', 'cancel')
  await pool.query(`insert into outbox (task, payload, run_at, created_at) values ('x', '{}', $1, $1)`, [now])
  expect(await found()).toEqual([])
})

const update = (sql: string) => async (id: string) => void (await pool.query(sql, [id]))

/** What breaks a rule, and the id it is found by. */
const damages: Record<string, { breaks: string; does: () => Promise<string> }> = {
  'a line is missing': {
    breaks: 'A chat’s log has no gap, and its head is the last line',
    async does() {
      const id = await aChat()
      await pool.query('update conversations set last_seq = 2 where id = $1', [id])
      return id
    },
  },
  'a line is of no chat': {
    breaks: 'Every line belongs to a chat',
    async does() {
      const id = randomUUID()
      await pool.query(
        `insert into entries (conversation_id, seq, kind, sender_type, at) values ($1, 1, 'message', 'system', $2)`,
        [id, now],
      )
      return id
    },
  },
  'more was read than written': {
    breaks: 'Nobody has read or received lines that were not written',
    async does() {
      const id = await aChat()
      await update('update conversations set visitor_read_seq = 7 where id = $1')(id)
      return id
    },
  },
  'two accepted': {
    breaks: 'One agent at most has accepted a request in one round',
    async does() {
      const id = await aChat()
      const other = await anAgent(pool, now)
      await anOffer(id, { state: 'accepted' })
      await anOffer(id, { state: 'accepted', agentId: other.id })
      return id
    },
  },
  'an ended chat is offered': {
    breaks: 'Only what waits is put to agents, and only what is active is handed over',
    does: async () => anOffer(await aChat('ended')),
  },
  'an offer goes on for ever': {
    breaks: 'An offer nobody answers ends in time',
    does: async () => anOffer(await aChat('waiting'), { expiresAt: minutesAgo(6) }),
  },
  'nobody is asked': {
    breaks: 'Somebody is being asked for whoever waits',
    does: () => aChat('waiting', minutesAgo(6)),
  },
  'a chat never ends': {
    breaks: 'A chat without a message ends in time',
    does: () => aChat('active', minutesAgo(16)),
  },
  'the agent is gone for good': {
    breaks: 'No active chat is with an agent who is deactivated',
    async does() {
      const gone = await anAgent(pool, now)
      const id = await aChat()
      await pool.query('update conversations set agent_id = $2 where id = $1', [id, gone.id])
      await update('update agents set active = false where id = $1')(gone.id)
      return id
    },
  },
  'a cancelled meeting keeps its time': {
    breaks: 'A meeting has a time only while it is held or booked, and it is its agent’s',
    async does() {
      const meeting = await aMeeting('cancelled')
      await takes(meeting)
      return meeting.id
    },
  },
  'a held meeting has no time': {
    breaks: 'A meeting has a time only while it is held or booked, and it is its agent’s',
    does: async () => (await aMeeting('held', 'insert')).id,
  },
  'another time is taken': {
    breaks: 'The time of a meeting that is not being moved is the one that is taken',
    async does() {
      const meeting = await aMeeting('booked')
      await takes(meeting, 30)
      return meeting.id
    },
  },
  'a booked meeting has lost its time': {
    breaks: 'A meeting that is booked has its time, unless another one has some of it',
    does: async () => (await aMeeting('booked')).id,
  },
  'a held meeting is not put into the calendar': {
    breaks: 'What a calendar has still to be told is what became of the meeting',
    async does() {
      const meeting = await aMeeting('held')
      await takes(meeting)
      return meeting.id
    },
  },
  'a promise lies about': {
    breaks: 'What is promised is worked on in time, or given up with a reason',
    async does() {
      const { rows } = await pool.query(
        `insert into outbox (task, payload, run_at, created_at) values ('x', '{}', $1, $1) returning id::text`,
        [minutesAgo(6)],
      )
      return rows[0].id
    },
  },
  'nobody indexes': {
    breaks: 'What is said becomes searchable',
    async does() {
      const { rows } = await pool.query(
        `insert into search_backlog (conversation_ids, seqs, at) values ('{}', '{}', $1) returning id::text`,
        [minutesAgo(6)],
      )
      return rows[0].id
    },
  },
  'a write is of nobody': {
    breaks: 'What is written to a CRM is of a visitor there is',
    async does() {
      const connection = randomUUID()
      await pool.query(
        `insert into connections (id, connector, state, precedence, created_at, changed_at) values ($1, 'acme', 'active', 1, $2, $2)`,
        [connection, now],
      )
      const { rows } = await pool.query(
        `insert into crm_writes (id, connection_id, key, visitor_id, kind, created_at, changed_at)
         values ($2, $1, 'x', $2, 'person', $3, $3) returning id`,
        [connection, randomUUID(), minutesAgo(6)],
      )
      return rows[0].id
    },
  },
}

test.each(Object.entries(damages))('%s: found', async (_name, { breaks, does }) => {
  const before = await found()
  const id = await does()
  const after = await found()
  const broken = after.find(({ rule }) => rule === breaks)
  expect(broken?.count).toBe((before.find(({ rule }) => rule === breaks)?.count ?? 0) + 1)
  if (broken && broken.count <= 5) expect(broken.ids).toContain(id)
})

test('every rule was broken once, and the command names them and changes nothing', async () => {
  const broken = await found()
  const command = ServerProcess.spawn(['core/verify/main.ts'], { FOYER_DATABASE_URL: database.url })
  expect(await command.ended()).toBe(1)
  for (const { rule } of broken) expect(command.output).toContain(`BROKEN ${rule}: `)
  expect(command.output).toContain(`${broken.length} of ${broken.length} rules are broken.`)
  expect(await found()).toEqual(broken)
})
