import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#core/db/embedded/embedded-postgres.ts'
import { backlog, enqueue, listDead, retryDead } from '#core/features/outbox/outbox.ts'
import { folderForFile } from '#tests/support/folder.ts'
import { patienceMs } from '#tests/support/patience.ts'
import type { QueueConfig } from '#workers/queue.ts'
import { startRedis, type TestRedis } from './support/redis.ts'
import { note, noteOutside } from './support/tasks.ts'
import { clock, createDatabase, World, withClient } from './support/world.ts'

let server: EmbeddedPostgres
let redis: TestRedis

beforeAll(async () => {
  const folder = await folderForFile('jobs')
  ;[server, redis] = await Promise.all([
    startEmbeddedPostgres({ dataDir: folder, settings: { fsync: 'off', full_page_writes: 'off' } }),
    startRedis(),
  ])
  // PostgreSQL comes back after the tests that kill it
  server.supervise()
})

afterAll(async () => {
  await redis?.stop()
  await server?.stop()
})

interface Form {
  name: string
  config: (databaseUrl: string) => QueueConfig
  loseEverything: (databaseUrl: string) => Promise<unknown>
}

const forms: Form[] = [
  {
    name: 'PostgreSQL',
    config: (databaseUrl) => ({ databaseUrl, schema: 'jobs' }),
    loseEverything: (databaseUrl) =>
      withClient(databaseUrl, (client) => client.query('delete from jobs.job')),
  },
  {
    name: 'Redis',
    config: () => ({ redisUrl: redis.url }),
    loseEverything: () => redis.flushAll(),
  },
]

describe.each(forms)('jobs through BullMQ on $name', ({ name, config, loseEverything }) => {
  let world: World

  beforeAll(async () => {
    const databaseUrl = await createDatabase(server.url, `jobs_${name.toLowerCase()}`)
    world = new World(databaseUrl, config(databaseUrl))
    await world.prepare()
  })
  afterEach(({ task }) => {
    if (task.result?.state === 'fail') console.log(world.logged.join('\n'))
    return world.clear()
  })
  afterAll(() => world?.close())

  const seconds = (n: number) => new Date(Date.now() + n * 1_000)
  const soon = { timeout: patienceMs, interval: 30 }
  const allQuiet = () => expect.poll(() => backlog(world.db, clock), soon).toMatchObject({ open: 0 })
  const queueEmpty = () =>
    expect.poll(() => world.queue.counts(), soon).toEqual({ waiting: 0, active: 0, delayed: 0 })

  test('what a transaction ordered is done once; what it took back never', async () => {
    const workers = await world.start()
    await world.start()
    await expect(
      world.db.transaction().execute(async (tx) => {
        await enqueue(tx, clock, { task: note, payload: { key: 'taken back' } })
        throw new Error('changed my mind')
      }),
    ).rejects.toThrow('changed my mind')
    const ids = await Promise.all(['a', 'b', 'c'].map((key) => world.order(key)))
    await world.order('outside', { task: noteOutside })
    workers.wake()
    await allQuiet()
    expect((await world.keys()).sort()).toEqual(['a', 'b', 'c', 'outside'])
    expect(await world.row(ids[0] ?? 0)).toMatchObject({ state: 'done', attempts: 0, lastError: null })
    await queueEmpty()
  })

  test('a payload that is not the contract’s is refused before it is written', async () => {
    await expect(
      world.db
        .transaction()
        .execute((tx) =>
          enqueue(tx, clock, { task: note, payload: { key: 'x', row: 'a whole row' } as { key: string } }),
        ),
    ).rejects.toThrow('row')
    expect(await backlog(world.db, clock)).toMatchObject({ open: 0 })
  })

  test.each([note, noteOutside])(
    'a job whose worker is killed in the middle is done by another: $name',
    async (task) => {
      await world.order('survivor', { task })
      const doomed = await world.startDoomed('survivor')
      await world.start({ worker: 'the other' })
      expect(await world.keys()).toEqual([])
      await doomed.kill()
      await allQuiet()
      expect(await world.effects()).toMatchObject([{ key: 'survivor', worker: 'the other' }])
    },
  )

  test('work that kills every worker that touches it ends dead', async () => {
    const id = await world.order('poison', { task: noteOutside })
    for (const _ of [1, 2, 3]) {
      const doomed = await world.startDoomed('poison')
      await doomed.kill()
    }
    await world.start()
    await expect
      .poll(() => world.row(id), soon)
      .toMatchObject({
        state: 'dead',
        attempts: 3,
        lastError: 'The worker stopped in the middle of it.',
      })
    expect(await world.keys()).toEqual([])
  })

  test('a delayed job is done on time', async () => {
    const due = seconds(4)
    await world.start()
    await world.order('punctual', { runAt: due })
    await expect.poll(() => world.queue.counts(), soon).toMatchObject({ delayed: 1 })
    await allQuiet()
    const [effect] = await world.effects()
    const lateMs = (effect?.at?.getTime() ?? 0) - due.getTime()
    expect(lateMs).toBeGreaterThanOrEqual(0)
    expect(lateMs).toBeLessThan(5_000)
  })

  test('a job far in the future stays out of the queue', async () => {
    const workers = await world.start()
    const id = await world.order('tomorrow', { runAt: seconds(86_400) })
    await world.order('now')
    workers.wake()
    await expect.poll(() => world.keys(), soon).toEqual(['now'])
    expect(await world.row(id)).toMatchObject({ state: 'open', relayedAt: null })
  })

  test('jobs the queue loses after it was given them are done all the same', async () => {
    await world.start()
    await Promise.all(['a', 'b', 'c'].map((key) => world.order(key, { runAt: seconds(4) })))
    await expect.poll(() => world.queue.counts(), soon).toMatchObject({ delayed: 3 })
    await loseEverything(world.databaseUrl)
    expect(await world.queue.counts()).toMatchObject({ delayed: 0 })
    await allQuiet()
    expect((await world.keys()).sort()).toEqual(['a', 'b', 'c'])
  })

  test('a job the queue holds back for too long, as when the machine’s clock is set back, is done', async () => {
    const row = await world.order('held back')
    await world.queue.add([{ row, delayMs: 3_600_000 }])
    await world.start()
    await allQuiet()
    expect(await world.keys()).toEqual(['held back'])
  })

  test('handing a job over again and again changes nothing', async () => {
    const handOver = (row: number, delayMs = 0) =>
      Promise.all(Array.from({ length: 5 }, () => world.queue.add([{ row, delayMs }])))
    const delayed = await world.order('delayed', { runAt: seconds(4) })
    const waiting = await world.order('waiting')
    await handOver(delayed, 4_000)
    await handOver(waiting)
    expect(await world.queue.counts()).toEqual({ waiting: 1, active: 0, delayed: 1 })

    const middle = Promise.withResolvers<void>()
    const begun: string[] = []
    const workers = await world.start({
      inTheMiddle: async (key) => {
        begun.push(key)
        if (key === 'waiting') await middle.promise
      },
    })
    await expect.poll(() => begun, soon).toContain('waiting')
    await handOver(waiting)
    // a second worker finds the row held by the first, and the delayed job not due
    await handOver(delayed)
    await world.start()
    middle.resolve()
    await allQuiet()
    await handOver(waiting)
    await handOver(delayed)
    workers.wake()
    await queueEmpty()
    expect((await world.keys()).sort()).toEqual(['delayed', 'waiting'])
    const [, due] = await world.effects()
    expect(due?.key).toBe('delayed')
  })

  test('a job that fails is tried again later and ends dead; retried by hand it is done', async () => {
    let broken = true
    const triedAt: number[] = []
    const inTheMiddle = async () => {
      triedAt.push(performance.now())
      if (broken) throw new Error('The CRM is closed')
    }
    await world.start({ inTheMiddle })
    const id = await world.order('stubborn')
    await expect
      .poll(() => world.row(id), soon)
      .toMatchObject({
        state: 'dead',
        attempts: 3,
        lastError: 'The CRM is closed',
      })
    expect(triedAt).toHaveLength(3)
    const [first = 0, second = 0, third = 0] = triedAt
    expect(second - first).toBeGreaterThanOrEqual(100)
    expect(third - second).toBeGreaterThanOrEqual(200)
    expect(await world.keys()).toEqual(['stubborn given up: The CRM is closed'])
    expect(await listDead(world.db)).toMatchObject([{ id, task: 'note', attempts: 3 }])

    broken = false
    expect(await retryDead(world.db, clock, id)).toBe(true)
    expect(await retryDead(world.db, clock, id)).toBe(false)
    await allQuiet()
    expect(await world.keys()).toContain('stubborn')
    expect(await world.row(id)).toMatchObject({ state: 'done', attempts: 0, lastError: null })
  })

  test('jobs with one key are done in their order by any number of workers, also when one fails', async () => {
    const failOnce = new Set(['ada 3', 'bob 0'])
    const inTheMiddle = async (key: string) => {
      if (failOnce.delete(key)) throw new Error('Not this time')
    }
    const expected: Record<string, string[]> = { ada: [], bob: [], eve: [] }
    for (let n = 0; n < 8; n++) {
      for (const person of Object.keys(expected)) {
        const task = n % 2 ? note : noteOutside
        await world.order(`${person} ${n}`, { orderKey: person, task })
        expected[person]?.push(`${person} ${n}`)
      }
    }
    await world.start({ worker: 'one', inTheMiddle })
    await world.start({ worker: 'two', inTheMiddle })
    await allQuiet()
    const done = await world.effects()
    for (const person of Object.keys(expected))
      expect(done.map((effect) => effect.key).filter((key) => key.startsWith(person))).toEqual(
        expected[person],
      )
    expect(new Set(done.map((effect) => effect.worker))).toEqual(new Set(['one', 'two']))
  })

  test('a job handed over out of turn waits for the older ones of its key', async () => {
    await world.order('first', { orderKey: 'ada', runAt: seconds(0.7) })
    const second = await world.order('second', { orderKey: 'ada' })
    await world.queue.add([{ row: second, delayMs: 0 }])
    await world.start()
    await allQuiet()
    expect(await world.keys()).toEqual(['first', 'second'])
  })

  test('a task this version does not know is left to the workers that do', async () => {
    const id = await world.db
      .transaction()
      .execute((tx) =>
        enqueue(tx, clock, { task: { ...note, name: 'from-the-future' }, payload: { key: 'x' } }),
      )
    await world.start()
    await expect
      .poll(() => world.row(id), soon)
      .toMatchObject({
        state: 'open',
        attempts: 0,
        lastError: 'No worker that knows this task has seen it yet.',
      })
  })

  test('a worker that stops finishes what it holds and takes nothing more', async () => {
    const middle = Promise.withResolvers<void>()
    const begun = Promise.withResolvers<void>()
    const workers = await world.start({
      inTheMiddle: async () => {
        begun.resolve()
        await middle.promise
      },
    })
    await world.order('in hand')
    await begun.promise
    const stopped = workers.stop()
    await world.order('too late')
    middle.resolve()
    await stopped
    expect(await world.keys()).toEqual(['in hand'])
    expect(await backlog(world.db, clock)).toMatchObject({ open: 1 })
  })

  test('a job that will not end is told to stop and left for others', async () => {
    const begun = Promise.withResolvers<void>()
    const stuck = (_key: string, signal: AbortSignal) => {
      begun.resolve()
      return new Promise<void>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    }
    const workers = await world.start({ inTheMiddle: stuck }, { graceMs: 200 })
    const id = await world.order('endless', { task: noteOutside })
    await begun.promise
    await workers.stop()
    expect(await world.row(id)).toMatchObject({ state: 'open', lastError: 'The worker is stopping.' })
    await world.start()
    await allQuiet()
    expect(await world.keys()).toEqual(['endless'])
  })

  test('workers go on by themselves after PostgreSQL was restarted', async () => {
    const begun = Promise.withResolvers<void>()
    const middle = Promise.withResolvers<void>()
    await world.start({
      inTheMiddle: async () => {
        begun.resolve()
        await middle.promise
      },
    })
    // held between two queries of its transaction, where nobody listens on the connection
    await world.order('interrupted')
    await begun.promise
    await world.order('later', { runAt: seconds(0.5) })
    const before = server.pid
    process.kill(before, 'SIGINT')
    await expect.poll(() => server.pid, soon).not.toBe(before)
    middle.resolve()
    await expect.poll(() => world.order('after').catch(() => undefined), soon).toBeTruthy()
    await expect.poll(() => backlog(world.db, clock), soon).toMatchObject({ open: 0 })
    expect((await world.keys()).sort()).toEqual(['after', 'interrupted', 'later'])
    // an outage is worth a few lines, not one for each try
    expect(world.logged.filter((line) => line.includes('does not answer')).length).toBeLessThan(10)
  })
})
