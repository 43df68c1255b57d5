import { setTimeout as delay } from 'node:timers/promises'
import type { Pool, PoolClient } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrate } from '#core/db/migrate.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { aDataDir, start } from '#tests/support/embedded.ts'
import { waitFor } from '#tests/support/wait.ts'
import { type Chat, from, LogBench } from './log-bench.ts'

let database: ScratchDatabase
let bench: LogBench

beforeAll(async () => {
  database = await scratchDatabase()
  bench = await LogBench.open(database.url)
})
afterAll(async () => {
  await bench.close()
  await database.drop()
})

test('connections that break in the middle lose and double nothing', async () => {
  const log = bench.log()
  const chats = await Promise.all([bench.chat(), bench.chat(), bench.chat(), bench.chat()])
  const talk = talkIn(chats, log.append.bind(log), 300)
  let cut = 0
  for (let round = 0; round < 8; round++) {
    await delay(25)
    const { rows } = await bench.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'foyer messages' and datname = current_database()`,
    )
    cut += rows.length
  }
  expect(cut).toBeGreaterThan(0)
  expectAllStored(await talk, chats, await linesOf(bench, chats))
  await log.close()
})

test('a commit whose answer is lost is found again and answered', async () => {
  let lost = 0
  const log = bench.log((pool) => losingAnswers(pool, () => ++lost % 2 === 1))
  const chats = await Promise.all([bench.chat(), bench.chat()])
  expectAllStored(await talkIn(chats, log.append.bind(log), 20), chats, await linesOf(bench, chats))
  expect(lost).toBeGreaterThan(1)
  await log.close()
})

test('a PostgreSQL that is killed and comes back loses and doubles nothing that was acknowledged', async () => {
  const server = await start({ dataDir: await aDataDir() })
  await migrate(server.url)
  server.supervise()
  const other = await LogBench.open(server.url)
  const log = other.log()
  const chats = await Promise.all([other.chat(), other.chat(), other.chat()])
  const talk = talkIn(chats, log.append.bind(log), 400)
  await waitFor('some of it is stored', async () => (await other.lastSeq(chats[0]?.id ?? '')) > 20)
  const { pid } = server
  process.kill(pid, 'SIGKILL')
  const answers = await talk
  expect(server.pid).not.toBe(pid)
  expectAllStored(answers, chats, await linesOf(other, chats))
  await log.close()
  await other.close()
})

interface Said {
  text: string
  chat: number
  answer: PromiseSettledResult<{ seq: number }>
}

type Append = (message: ReturnType<typeof from>) => Promise<{ seq: number }>

/** Visitors and agents who write a line every few milliseconds, and send again what was refused, as clients do. */
async function talkIn(chats: Chat[], append: Append, lines: number): Promise<Said[]> {
  const said: Promise<Said>[] = []
  for (let n = 0; n < lines; n++) {
    const place = n % chats.length
    const chat = chats[place]
    if (!chat) continue
    const message = from(chat, n % 2 === 0 ? 'visitor' : 'agent', `line ${n}`)
    const send = (): Promise<{ seq: number }> => append(message).catch(() => delay(50).then(send))
    said.push(Promise.allSettled([send()]).then(([answer]) => ({ text: message.text, chat: place, answer })))
    if (n % 4 === 3) await delay(2)
  }
  return Promise.all(said)
}

const linesOf = (bench: LogBench, chats: Chat[]) => Promise.all(chats.map(({ id }) => bench.lines(id)))

function expectAllStored(said: Said[], chats: Chat[], logs: Awaited<ReturnType<typeof linesOf>>): void {
  for (const [place, lines] of logs.entries()) {
    const own = said.filter(({ chat }) => chat === place)
    expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, n) => n + 1))
    expect(lines.map(({ text }) => text).sort()).toEqual(own.map(({ text }) => text).sort())
    for (const { text, answer } of own) {
      const seq = answer.status === 'fulfilled' ? answer.value.seq : answer.reason
      expect({ text, seq }).toEqual({ text, seq: lines.find((line) => line.text === text)?.seq })
    }
  }
  expect(logs).toHaveLength(chats.length)
}

/** A pool whose connections do what they are asked, and sometimes break before they can say so. */
function losingAnswers(pool: Pool, isLost: () => boolean): Pool {
  const connect = async (): Promise<PoolClient> => {
    const client = await pool.connect()
    const query = async (config: { text: string; values: unknown[] }) => {
      const result = await client.query(config)
      if (isLost()) throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
      return result
    }
    return Object.assign(Object.create(client) as PoolClient, {
      query,
      release: (broken?: boolean) => client.release(broken),
    })
  }
  return Object.assign(Object.create(pool) as Pool, { connect })
}
