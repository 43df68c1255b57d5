// @module-tag first-try
import type { Pool, PoolClient } from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { migrate } from '#core/db/migrate.ts'
import { aDataDir, start } from '#tests/support/embedded.ts'
import { waitFor } from '#tests/support/wait.ts'
import { type Chat, from, LogBench, openBench } from './log-bench.ts'

let bench: LogBench

beforeAll(async () => {
  bench = await openBench()
})

test('connections that break in the middle lose and double nothing', async () => {
  const log = bench.log()
  const chats = await Promise.all([bench.chat(), bench.chat(), bench.chat(), bench.chat()])
  let cut = 0
  const talk = talkIn(chats, log.append.bind(log), () => cut < 8)
  while (cut < 8) {
    const before = await linesIn(bench, chats)
    await waitFor('they talk again', async () => (await linesIn(bench, chats)) > before, { everyMs: 2 })
    const { rows } = await bench.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'foyer messages' and datname = current_database()`,
    )
    cut += rows.length
  }
  expectAllStored(await talk, chats, await linesOf(bench, chats))
  await log.close()
})

test('a commit whose answer is lost is found again and answered', async () => {
  let lost = 0
  const log = bench.log((pool) => losingAnswers(pool, () => ++lost % 2 === 1))
  const chats = await Promise.all([bench.chat(), bench.chat()])
  expectAllStored(
    await talkIn(chats, log.append.bind(log), (said) => said < 20),
    chats,
    await linesOf(bench, chats),
  )
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
  let back = false
  const talk = talkIn(chats, log.append.bind(log), () => !back)
  await waitFor('some of it is stored', async () => (await other.lastSeq(chats[0]?.id ?? '')) > 20)
  const { pid } = server
  process.kill(pid, 'SIGKILL')
  await waitFor('PostgreSQL is another one', () => server.pid !== pid)
  const before = await waitFor('it answers', () => linesIn(other, chats))
  await waitFor('they talk again', async () => (await linesIn(other, chats)) > before)
  back = true
  const answers = await talk
  expectAllStored(answers, chats, await linesOf(other, chats))
  await log.close()
  await other.close()
})

test('what was said after a message that could not be stored does not overtake it', async () => {
  const down = { now: true, tries: 0 }
  const log = bench.log((pool) => unreachableWhile(pool, down), 400)
  const chat = await bench.chat()
  const [first, second] = ['first', 'second'].map((text) => from(chat, 'visitor', text))
  if (!first || !second) throw new Error('Two messages were made')
  const answers = [log.append(first)]
  await waitFor('the first one was tried again', () => down.tries > 1)
  answers.push(log.append(second))
  // the database is back the moment the first one is given up, long before the second one's time is over
  await expect(answers[0]).rejects.toMatchObject({ code: 'unavailable' })
  down.now = false
  await expect(answers[1]).rejects.toMatchObject({ code: 'unavailable' })
  await Promise.all([log.append(first), log.append(second)])
  expect((await bench.lines(chat.id)).map(({ text }) => text)).toEqual(['first', 'second'])
  await log.close()
})

interface Said {
  text: string
  chat: number
  answer: PromiseSettledResult<{ seq: number }>
}

type Append = (message: ReturnType<typeof from>) => Promise<{ seq: number }>

/** A visitor and an agent in each chat, in two tabs each, who write one line after the other while they may, and send
 *  again what was refused, as clients do. */
async function talkIn(
  chats: Chat[],
  append: Append,
  goesOn: (linesBegun: number) => boolean,
): Promise<Said[]> {
  const said: Said[] = []
  let begun = 0
  const writes = async (place: number, chat: Chat, sender: 'visitor' | 'agent') => {
    while (goesOn(begun)) {
      const message = from(chat, sender, `line ${begun++}`)
      const stored = waitFor('it is stored', () => append(message))
      const [answer] = await Promise.allSettled([stored])
      said.push({ text: message.text, chat: place, answer })
    }
  }
  await Promise.all(
    chats.flatMap((chat, place) =>
      (['visitor', 'agent', 'visitor', 'agent'] as const).map((sender) => writes(place, chat, sender)),
    ),
  )
  return said
}

const linesIn = async (bench: LogBench, chats: Chat[]) =>
  (await Promise.all(chats.map(({ id }) => bench.lastSeq(id)))).reduce((sum, seq) => sum + seq, 0)
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

function unreachableWhile(pool: Pool, down: { now: boolean; tries: number }): Pool {
  const connect = async (): Promise<PoolClient> => {
    down.tries++
    if (down.now) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    return pool.connect()
  }
  return Object.assign(Object.create(pool) as Pool, { connect })
}
