import { randomBytes, randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import pg from 'pg'
import { migrate } from '#core/db/migrate.ts'
import { hashToken, newToken, socketTokenOf } from '#core/features/sign-in/tokens.ts'
import { anOrganisation, aSite, roundTheClock } from '#tests/support/factories.ts'
import { startFoyerProcess } from '#tests/support/foyer-process.ts'
import { conversationsAnAgent, type Load, numberAfter, open, type Server, text } from './driver.ts'

/** Far above what the load does: limits are for people, and every visitor here comes from one address. */
export const limits = {
  visitorBurst: 1_000_000,
  visitorPerSecond: 1_000_000,
  addressBurst: 10_000_000,
  addressPerSecond: 10_000_000,
  visitorHelloBurst: 1_000_000,
  addressHelloBurst: 1_000_000,
  addressSockets: 1_000_000,
  sessionsPerMinute: 1_000_000,
}

/** Starts Foyer as `npm start` does, web and workers in one process, on a database with active conversations. */
export async function startFoyerServer(databaseUrl: string, load: Load): Promise<Server> {
  await migrate(databaseUrl)
  const database = new pg.Pool({ connectionString: databaseUrl, max: 1 })
  // without a listener PostgreSQL's end would hide why it ended
  database.on('error', () => undefined)
  const people = await fill(database, load)
  const server = await startFoyerProcess('start', {
    FOYER_DATABASE_URL: databaseUrl,
    FOYER_SECRET_KEY: randomBytes(32).toString('hex'),
    FOYER_DATA_DIR: tmpdir(),
  })
  const socketUrl = `ws://127.0.0.1:${server.port}/ws`
  const headOf = people.conversations.map((id) => `{"type":"send","conversationId":"${id}","clientId":"m`)
  return {
    name: 'Foyer',
    pid: server.pid,
    openVisitor: (n) => {
      const hello = { type: 'hello', token: people.visitorTokens[n] }
      return open(`${socketUrl}/visitor`, JSON.stringify(hello), '"welcome"')
    },
    openAgent: (n) => {
      const token = people.agentTokens[n] ?? ''
      const hello = { type: 'hello', token: socketTokenOf(token) }
      return open(`${socketUrl}/agent`, JSON.stringify(hello), '"welcome"', {
        origin: server.origin,
        cookie: `foyer_session=${token}`,
      })
    },
    sendFrame: (conversation, message) => `${headOf[conversation]}${message}","text":"${text}"}`,
    readAck: (frame) => {
      // counts as lost in the end; the reason should not get lost with it
      if (frame.startsWith('{"type":"refused"')) console.error(`Foyer refused a message: ${frame}`)
      return frame.startsWith('{"type":"ack"') ? receipt(frame) : undefined
    },
    readDelivery: (frame) => (frame.startsWith('{"type":"entry"') ? receipt(frame) : undefined),
    storedMessages: async () => {
      const { rows } = await database.query<{ count: number }>(
        `select count(*)::int as count from entries where client_id like 'm%'`,
      )
      return rows[0]?.count ?? 0
    },
    stop: async () => {
      await server.stop()
      await database.end()
    },
  }
}

function receipt(frame: string) {
  return { message: numberAfter(frame, '"clientId":"m'), seq: numberAfter(frame, '"seq":') }
}

interface People {
  visitorTokens: string[]
  agentTokens: string[]
  /** Of the first visitors, as many as the agents can have. */
  conversations: string[]
}

/** Signed-in agents, visitors with tokens, and active conversations between them, written in bulk. */
export async function fill(database: pg.Pool, load: Load): Promise<People> {
  const now = new Date()
  await anOrganisation(database, now, { agentCap: 1_000, limits })
  const site = await aSite(database, now)

  const agents = Array.from({ length: load.agents }, () => ({ id: randomUUID(), token: newToken() }))
  await database.query(
    `insert into agents (id, email, name, profile, live_chat_schedule, created_at)
     select id, 'agent' || n || '@foyer.test', 'Agent ' || n, 'live_agent', $2, $3
     from unnest($1::uuid[]) with ordinality as agents (id, n)`,
    [agents.map((agent) => agent.id), JSON.stringify(roundTheClock), now],
  )
  await database.query(
    `insert into sessions (token_hash, agent_id, created_at, expires_at)
     select hash, id, $3::timestamptz, $3::timestamptz + interval '1 day' from unnest($1::bytea[], $2::uuid[]) as sessions (hash, id)`,
    [agents.map((agent) => hashToken(agent.token)), agents.map((agent) => agent.id), now],
  )

  const visitors = Array.from({ length: load.visitors }, () => ({ id: randomUUID(), token: newToken() }))
  await database.query(
    `insert into visitors (id, site_id, token_hash, created_at, seen_at)
     select id, $3, hash, $4, $4 from unnest($1::uuid[], $2::bytea[]) as visitors (id, hash)`,
    [
      visitors.map((visitor) => visitor.id),
      visitors.map((visitor) => hashToken(visitor.token)),
      site.id,
      now,
    ],
  )

  const chatting = visitors.slice(0, load.agents * conversationsAnAgent)
  const conversations = chatting.map((visitor, n) => ({
    id: randomUUID(),
    visitorId: visitor.id,
    agentId: agents[Math.floor(n / conversationsAnAgent)]?.id,
  }))
  await database.query(
    `insert into conversations (id, site_id, visitor_id, status, agent_id, client_id, requested_at, accepted_at,
       first_text, last_at, idle_at, visitor_seen_at)
     select id, $4, visitor, 'active', agent, 'first', $5, $5, 'Hello', $5, $5::timestamptz + interval '1 hour', $5
     from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as conversations (id, visitor, agent)`,
    [
      conversations.map((one) => one.id),
      conversations.map((one) => one.visitorId),
      conversations.map((one) => one.agentId),
      site.id,
      now,
    ],
  )
  return {
    visitorTokens: visitors.map((visitor) => visitor.token),
    agentTokens: agents.map((agent) => agent.token),
    conversations: conversations.map((one) => one.id),
  }
}
