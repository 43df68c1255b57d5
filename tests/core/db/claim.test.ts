import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimDatabase } from '#core/db/claim.ts'
import { StartError } from '#core/errors.ts'
import { type ScratchDatabase, scratchDatabase } from '#tests/support/database.ts'
import { waitFor } from '#tests/support/wait.ts'
import { withClient } from '#tests/workers/support/world.ts'

let database: ScratchDatabase

beforeAll(async () => {
  database = await scratchDatabase('empty')
})
afterAll(() => database.drop())

const alone = () => claimDatabase(database.url, { alone: true, patienceMs: 600 })
const shared = () => claimDatabase(database.url, { alone: false, patienceMs: 600 })

test('processes with Redis share a database, and keep one without Redis off it', async () => {
  const [one, two] = await Promise.all([shared(), shared()])
  await one()
  await expect(alone()).rejects.toThrow(/FOYER_REDIS_URL/)
  await two()
  await (await alone())()
})

test('a process without Redis has its database alone, and leaves it when it stops', async () => {
  const one = await alone()
  const refused = await Promise.allSettled([alone(), shared()])
  for (const result of refused) {
    expect(result).toMatchObject({ status: 'rejected', reason: expect.any(StartError) })
    expect(String((result as PromiseRejectedResult).reason.message)).toContain('FOYER_DATABASE_URL')
  }
  await one()
  await (await shared())()
})

test('a claim whose session was cut is taken again', async () => {
  const one = await alone()
  await withClient(database.url, (client) =>
    client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'foyer claim' and datname = current_database()`,
    ),
  )
  await waitFor('it has the lock again', () =>
    withClient(database.url, async (client) => {
      const { rows } = await client.query(
        `select from pg_locks where locktype = 'advisory' and granted
           and database = (select oid from pg_database where datname = current_database())`,
      )
      return rows.length === 1
    }),
  )
  await expect(alone()).rejects.toThrow(StartError)
  await one()
})

test('a PostgreSQL that is still starting is waited for', async () => {
  const { hostname, port } = new URL(database.url)
  let turnedAway = 0
  const server = createServer((client) => {
    // what breaks off is the client's business
    client.on('error', () => undefined)
    if (turnedAway < 2) {
      turnedAway++
      client.once('data', () => client.end(startingUp()))
      return
    }
    const line = connect(Number(port), hostname)
    line.on('error', () => client.destroy())
    client.pipe(line).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(database.url)
  url.port = String((server.address() as AddressInfo).port)
  // less than it takes until PostgreSQL is there: that counts for others who hold the claim
  const release = await claimDatabase(url.href, { alone: true, patienceMs: 1 })
  expect(turnedAway).toBe(2)
  await release()
  server.close()
  await once(server, 'close')
})

/** https://www.postgresql.org/docs/18/protocol-message-formats.html: ErrorResponse */
function startingUp(): Buffer {
  const fields = Buffer.from('SFATAL\0C57P03\0Mthe database system is starting up\0\0')
  const head = Buffer.from([0x45, 0, 0, 0, 0])
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
}
