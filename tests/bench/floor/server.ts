import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { type WebSocket, WebSocketServer } from 'ws'

/** The least a chat server can do and still keep its word: take a message, make it durable together with what else
 *  waits, acknowledge it after the commit and hand it to the other side. No sessions, rights, limits or logs; Foyer
 *  is measured against this. Tables: see tests/bench/drivers/floor.ts.
 *
 *  Frames: {hello: "visitor" | "agent", n} first, answered {welcome: true}; {c, m, x} sends text x under client id m
 *  in conversation c; {a: m, s: seq} acknowledges, {c, m, s, x} delivers. Agent n has conversations 5n to 5n + 4. */
interface Waiting {
  conversation: number
  clientId: string
  text: string
  sender: WebSocket
}

const conversationsAnAgent = 5
const connections = 2
const largestGroup = 2_000

const visitors: (WebSocket | undefined)[] = []
const agents: (WebSocket | undefined)[] = []
const free: pg.Client[] = []
const inFlight = new Set<number>()
let waiting: Waiting[] = []

const storeGroup = {
  name: 'store-group',
  text: `
    with said as (
      select * from unnest($1::int[], $2::text[], $3::text[]) with ordinality as said (conversation_id, client_id, text, place)
    ), locked as (
      select id from conversations where id in (select conversation_id from said) order by id for update
    ), numbered as (
      update conversations c set last_seq = c.last_seq + counted.messages, last_at = clock_timestamp()
      from (select conversation_id, count(*) as messages from said group by conversation_id) counted, locked
      where c.id = locked.id and counted.conversation_id = c.id
      returning c.id, c.last_seq - counted.messages as before
    )
    insert into messages (conversation_id, seq, client_id, text)
    select conversation_id, before + row_number() over (partition by conversation_id order by place), client_id, text
    from said join numbered on numbered.id = said.conversation_id
    returning conversation_id, seq, client_id`,
}

async function storeWaiting(): Promise<void> {
  const connection = free.pop()
  if (!connection) return
  const group = takeGroup()
  if (group.length === 0) {
    free.push(connection)
    return
  }
  const { rows } = await connection.query<[number, number, string]>({
    ...storeGroup,
    rowMode: 'array',
    values: [
      group.map((one) => one.conversation),
      group.map((one) => one.clientId),
      group.map((one) => one.text),
    ],
  })
  const seqs = new Map(rows.map(([conversation, seq, clientId]) => [`${conversation} ${clientId}`, seq]))
  for (const { conversation, clientId, text, sender } of group) {
    inFlight.delete(conversation)
    const seq = seqs.get(`${conversation} ${clientId}`)
    sender.send(JSON.stringify({ a: clientId, s: seq }))
    const agent = agents[Math.floor(conversation / conversationsAnAgent)]
    const reader = sender === agent ? visitors[conversation] : agent
    reader?.send(JSON.stringify({ c: conversation, m: clientId, s: seq, x: text }))
  }
  free.push(connection)
  return storeWaiting()
}

/** All that waits, but for conversations which the other connection is storing: those would make it wait for their
 *  row, and could overtake. */
function takeGroup(): Waiting[] {
  const group: Waiting[] = []
  const later: Waiting[] = []
  for (const one of waiting)
    (group.length < largestGroup && !inFlight.has(one.conversation) ? group : later).push(one)
  for (const one of group) inFlight.add(one.conversation)
  waiting = later
  return group
}

function onConnection(socket: WebSocket): void {
  socket.once('message', (hello) => {
    const { hello: kind, n } = JSON.parse(String(hello))
    const sockets = kind === 'agent' ? agents : visitors
    sockets[n] = socket
    socket.on('close', () => {
      if (sockets[n] === socket) sockets[n] = undefined
    })
    socket.on('message', (frame) => {
      const { c, m, x } = JSON.parse(String(frame))
      waiting.push({ conversation: c, clientId: m, text: x, sender: socket })
      if (free.length > 0) storeWaiting().catch(fail)
    })
    socket.send('{"welcome":true}')
  })
}

function fail(error: unknown): never {
  console.error(error)
  process.exit(1)
}

for (let n = 0; n < connections; n++) {
  const client = new pg.Client({ connectionString: process.env.FLOOR_DATABASE_URL })
  await client.connect()
  free.push(client)
}
const http = createServer()
new WebSocketServer({ server: http, perMessageDeflate: false }).on('connection', onConnection)
http.listen(0, '127.0.0.1', 4_096, () => {
  console.log(JSON.stringify({ port: (http.address() as AddressInfo).port }))
})
