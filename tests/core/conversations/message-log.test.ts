// @module-tag first-try
import fc from 'fast-check'
import { sql } from 'kysely'
import type { Pool } from 'pg'
import { beforeAll, expect, test } from 'vitest'
import { readEntries } from '#core/features/conversations/entries.ts'
import * as conversations from '#core/features/conversations/repository.ts'
import { atLeast, runs } from '#tests/support/soak.ts'
import { type Chat, from, type LogBench, openBench } from './log-bench.ts'

let bench: LogBench

beforeAll(async () => {
  bench = await openBench()
})

type Step =
  /** Says something over one of two processes; a key said before is a repeated send. */
  | { kind: 'say'; log: number; chat: number; sender: 'visitor' | 'agent'; key: number }
  /** Another change holds the conversation for a moment and writes a line of its own. */
  | { kind: 'change'; chat: number; looks: number }
  /** Everything before is settled first. */
  | { kind: 'settle' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('say' as const),
      log: fc.nat(1),
      chat: fc.nat(2),
      sender: fc.constantFrom('visitor' as const, 'agent' as const),
      key: fc.nat(30),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('change' as const), chat: fc.nat(2), looks: fc.nat(15) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
)

test('whoever sends what over which process, each log is one order without gaps or doubles', async () => {
  const logs = [bench.log(), bench.log()]
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 120 }),
      atLeast(5, 15_000, async (steps) => {
        const chats = await Promise.all([bench.chat(), bench.chat(), bench.chat()])
        const sent: { step: Step & { kind: 'say' }; answer: Promise<{ seq: number; isNew: boolean }> }[] = []
        const changes: Promise<void>[] = []
        const readers = chats.map((chat) => new Reader(chat.id))
        for (const one of steps) {
          if (one.kind === 'settle') await Promise.all([...sent.map(({ answer }) => answer), ...changes])
          else if (one.kind === 'change') changes.push(writeLine(chatAt(chats, one.chat), one.looks))
          else {
            const message = from(chatAt(chats, one.chat), one.sender, `text ${one.key}`, `key-${one.key}`)
            const log = logs[one.log]
            if (log) sent.push({ step: one, answer: log.append(message) })
          }
        }
        const answers = await Promise.all(
          sent.map(async ({ step, answer }) => ({ ...step, ...(await answer) })),
        )
        await Promise.all(changes)
        for (const [index, chat] of chats.entries()) {
          const said = answers.filter((answer) => answer.chat === index)
          const lines = await bench.lines(chat.id)
          // without gaps, and time never runs backwards in it
          expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, place) => place + 1))
          expect(await bench.lastSeq(chat.id)).toBe(lines.length)
          expect(lines.map(({ at }) => at)).toEqual(lines.map(({ at }) => at).sort((a, b) => +a - +b))
          // each send stands where its acknowledgement says, once, and one of its copies was the first
          const stored = lines.filter(({ clientId }) => clientId !== null)
          const places = new Map(stored.map((line) => [`${line.senderType} ${line.clientId}`, line.seq]))
          expect(places.size).toBe(stored.length)
          expect(new Set(said.map(nameOf))).toEqual(new Set(places.keys()))
          for (const answer of said) expect(answer.seq).toBe(places.get(nameOf(answer)))
          for (const name of places.keys())
            expect(said.filter((answer) => nameOf(answer) === name && answer.isNew)).toHaveLength(1)
          // what went over one process stands in the order in which it went
          for (const log of [0, 1]) {
            const elsewhere = new Set(said.filter((answer) => answer.log !== log).map(nameOf))
            const own = said.filter((answer) => answer.log === log && !elsewhere.has(nameOf(answer)))
            const seqs = [...new Set(own.map(({ seq }) => seq))]
            expect(seqs).toEqual([...seqs].sort((a, b) => a - b))
          }
        }
        // a reader who only ever asked for what is new has all of it
        for (const [index, reader] of readers.entries()) {
          const lines = await bench.lines(chatAt(chats, index).id)
          expect(await reader.finish()).toEqual(lines.map(({ seq }) => seq))
        }
      }),
    ),
    { numRuns: runs(12, 25) },
  )
  await Promise.all(logs.map((log) => log.close()))
})

/** Reads on and on after the last line it has, as a client that resumes does. */
class Reader {
  readonly seqs: number[] = []
  readonly #chatId: string
  readonly #reading: Promise<void>
  #stopped = false

  constructor(chatId: string) {
    this.#chatId = chatId
    this.#reading = this.#read()
  }

  async finish(): Promise<number[]> {
    this.#stopped = true
    await this.#reading
    await this.#page()
    return this.seqs
  }

  async #read(): Promise<void> {
    while (!this.#stopped) await this.#page()
  }

  async #page(): Promise<void> {
    const page = await readEntries(bench.db, this.#chatId, { afterSeq: this.seqs.at(-1) ?? 0 })
    this.seqs.push(...page.entries.map(({ seq }) => seq))
  }
}

/** @param looks how often it asks the database something while it holds the conversation. */
async function writeLine(chat: Chat, looks: number): Promise<void> {
  await bench.db.transaction().execute(async (tx) => {
    const row = await conversations.lock(tx, chat.id)
    for (let look = 0; look < looks; look++) await sql`select`.execute(tx)
    const sender = { type: 'system', id: null } as const
    await conversations.append(tx, row, bench.clock.now(), { kind: 'warning', sender })
  })
}

const nameOf = ({ sender, key }: { sender: string; key: number }) => `${sender} key-${key}`

function chatAt(chats: Chat[], index: number): Chat {
  const chat = chats[index]
  if (!chat) throw new Error(`There is no chat ${index}`)
  return chat
}

test('conversations that somebody holds keep no other one waiting, however much is said in them', async () => {
  const log = bench.log()
  // one for each connection of the log
  const held = await Promise.all([bench.chat(), bench.chat()])
  const other = await bench.chat()
  const releases = await Promise.all(held.map(({ id }) => bench.hold(id)))
  const texts = Array.from({ length: 900 }, (_, n) => `line ${n}`)
  const bursts = held.map((chat) => texts.map((text) => log.append(from(chat, 'visitor', text))))
  // stored while the bursts have to wait
  expect((await log.append(from(other, 'visitor', 'Hello'))).seq).toBe(1)
  expect((await log.append(from(other, 'agent', 'Hi'))).seq).toBe(2)
  await Promise.all(releases.map((release) => release()))
  for (const [index, burst] of bursts.entries()) {
    expect((await Promise.all(burst)).map(({ seq }) => seq)).toEqual(burst.map((_, n) => n + 1))
    expect((await bench.lines(chatAt(held, index).id)).map(({ text }) => text)).toEqual(texts)
  }
  expect(log.backlog).toBe(0)
  await log.close()
})

/** What PostgreSQL refuses to store; no client's text gets this far. */
const impossible = 'NUL \0 here'

test('who only keeps a conversation from being deleted, such as the search indexer, holds no message up', async () => {
  const log = bench.log()
  const chat = await bench.chat()
  const letGo = await bench.hold(chat.id, 'key share')
  await expect(log.append(from(chat, 'visitor', 'Hello'))).resolves.toMatchObject({ seq: 1 })
  await letGo()
  await log.close()
})

test('one message that cannot be stored harms none of the others in its group', async () => {
  const log = bench.log()
  const chats = await Promise.all([bench.chat(), bench.chat(), bench.chat()])
  const texts = Array.from({ length: 60 }, (_, n) => (n === 17 || n === 40 ? impossible : `line ${n}`))
  const answers = await Promise.allSettled(
    texts.map((text, n) => log.append(from(chatAt(chats, n % 3), 'visitor', text))),
  )
  expect(answers.map(({ status }) => status)).toEqual(
    texts.map((text) => (text === impossible ? 'rejected' : 'fulfilled')),
  )
  for (const [index, chat] of chats.entries())
    expect((await bench.lines(chat.id)).map(({ text }) => text)).toEqual(
      texts.filter((text, n) => n % 3 === index && text !== impossible),
    )
  await log.close()
})

test('a burst keeps its order when its group is split while somebody lets go of the conversation', async () => {
  const chat = await bench.chat()
  const release = await bench.hold(chat.id)
  let tries = 0
  // the whole group, then [first], then [impossible, second], then each of these two: free before the last try
  const log = bench.log((pool) => beforeEach(pool, async () => void (++tries === 5 && (await release()))))
  const answers = await Promise.allSettled([
    log.append(from(chat, 'visitor', 'first')),
    log.append(from(chat, 'visitor', impossible)),
    log.append(from(chat, 'visitor', 'second')),
  ])
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect((await bench.lines(chat.id)).map(({ text }) => text)).toEqual(['first', 'second'])
  await log.close()
})

/** A pool that does something before it gives out a connection. */
function beforeEach(pool: Pool, run: () => Promise<void>): Pool {
  const connect = async () => {
    await run()
    return pool.connect()
  }
  return Object.assign(Object.create(pool) as Pool, { connect })
}

test('a message goes only where its sender may speak', async () => {
  const log = bench.log()
  const [chat, other] = await Promise.all([bench.chat(), bench.chat()])
  const foreign = { ...from(other, 'visitor', 'Not mine'), conversationId: chat.id }
  await expect(log.append(foreign)).rejects.toThrow('no such conversation')
  await expect(log.append({ ...foreign, conversationId: crypto.randomUUID() })).rejects.toThrow('no such')
  const stranger = { ...from(chat, 'agent', 'Not my chat'), senderId: crypto.randomUUID() }
  await expect(log.append(stranger)).rejects.toThrow('no such conversation')
  await bench.pool.query(`update conversations set status = 'ended', ended_at = $2 where id = $1`, [
    chat.id,
    bench.clock.now(),
  ])
  await expect(log.append(from(chat, 'visitor', 'Too late'))).rejects.toThrow('ended')
  expect(await bench.lines(chat.id)).toEqual([])
  await log.close()
})
