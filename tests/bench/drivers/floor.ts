import pg from 'pg'
import { ServerProcess } from '#tests/support/server-process.ts'
import { type Load, numberAfter, open, type Server, text } from './driver.ts'

const schema = `
  create table conversations (id integer primary key, last_seq integer not null default 0, last_at timestamptz) with (fillfactor = 70);
  create table messages (conversation_id integer not null, seq integer not null, client_id text not null, text text not null,
    at timestamptz not null default clock_timestamp(), primary key (conversation_id, seq));`

/** Starts the bare server on an empty database. */
export async function startFloor(databaseUrl: string, load: Load): Promise<Server> {
  const database = new pg.Client({ connectionString: databaseUrl })
  // without a listener PostgreSQL's end would hide why it ended
  database.on('error', () => undefined)
  await database.connect()
  await database.query(schema)
  await database.query('insert into conversations (id) select generate_series(0, $1::int - 1)', [
    load.visitors,
  ])

  const server = await ServerProcess.start(['tests/bench/floor/server.ts'], {
    FLOOR_DATABASE_URL: databaseUrl,
  })
  const url = `ws://127.0.0.1:${server.port}/`
  return {
    name: 'bare server',
    pid: server.pid,
    openVisitor: (n) => open(url, JSON.stringify({ hello: 'visitor', n }), 'welcome'),
    openAgent: (n) => open(url, JSON.stringify({ hello: 'agent', n }), 'welcome'),
    sendFrame: (conversation, message) => `{"c":${conversation},"m":"m${message}","x":"${text}"}`,
    readAck: (frame) =>
      frame.startsWith('{"a"')
        ? { message: numberAfter(frame, '"a":"m'), seq: numberAfter(frame, '"s":') }
        : undefined,
    readDelivery: (frame) =>
      frame.startsWith('{"c"')
        ? { message: numberAfter(frame, '"m":"m'), seq: numberAfter(frame, '"s":') }
        : undefined,
    storedMessages: async () => {
      const { rows } = await database.query<{ count: number }>('select count(*)::int as count from messages')
      return rows[0]?.count ?? 0
    },
    stop: async () => {
      await server.stop()
      await database.end()
    },
  }
}
