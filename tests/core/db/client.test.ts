import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DatabaseClient } from '#core/db/client.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'

let database: ScratchDatabase
beforeAll(async () => {
  database = await scratchDatabase('empty')
})
afterAll(() => database.drop())

async function connect(connectionString: string, silentForMs?: number): Promise<DatabaseClient> {
  const client = new DatabaseClient({ connectionString, silentForMs })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** A line to PostgreSQL on which, once it is cut, neither side hears the other or that it is gone. */
async function lineTo(url: string): Promise<{ url: string; cut(): void; close(): void }> {
  const there = new URL(url)
  const ends: [Socket, Socket][] = []
  const server = createServer((near) => {
    const far = createConnection(Number(there.port), there.hostname)
    near.pipe(far).pipe(near)
    ends.push([near, far])
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const here = new URL(url)
  here.hostname = '127.0.0.1'
  here.port = String((server.address() as AddressInfo).port)
  return {
    url: here.href,
    cut: () => {
      for (const [near, far] of ends) {
        near.unpipe(far).resume()
        far.unpipe(near).resume()
      }
    },
    close: () => {
      for (const socket of ends.flat()) socket.destroy()
      server.close()
    },
  }
}

test('answers by promise and by callback, with and without values', async () => {
  const client = await connect(database.url)
  expect((await client.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  expect((await client.query('select $1::int as n', [2])).rows).toEqual([{ n: 2 }])
  expect((await client.query({ text: 'select $1::int as n', values: [3], rowMode: 'array' })).rows).toEqual([
    [3],
  ])
  const byCallback = await new Promise((resolve, reject) =>
    client.query('select $1::int as n', [4], (error, { rows }) => (error ? reject(error) : resolve(rows))),
  )
  expect(byCallback).toEqual([{ n: 4 }])
  await client.end()
})

test('an error comes with a stack that leads to who asked', async () => {
  const client = await connect(database.url)
  const ask = async () => await client.query('select nothing_like_it')
  const error = await ask().catch((error: Error) => error)
  expect(error).toMatchObject({ code: '42703' })
  expect((error as Error).stack).toContain('client.test.ts')
  await client.end()
})

test('a query fails when PostgreSQL has gone silent, and the connection with it', async () => {
  const line = await lineTo(database.url)
  try {
    const client = await connect(line.url, 300)
    const ended = new Promise<void>((resolve) => client.once('end', resolve))
    expect((await client.query('select pg_sleep(0.1)')).rowCount).toBe(1)
    line.cut()
    await expect(client.query('select 1')).rejects.toThrow('has not answered')
    await ended
  } finally {
    line.close()
  }
})

test('a connection nobody asks anything may be silent for as long as it likes', async () => {
  const client = await connect(database.url, 60)
  const other = await connect(database.url)
  await other.query('select pg_sleep(0.4)')
  expect((await client.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  await Promise.all([client.end(), other.end()])
})
