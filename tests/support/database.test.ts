import pg from 'pg'
import { expect, test } from 'vitest'
import { scratchDatabase } from './database.ts'

async function tablesOf(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ name: string }>(
    `select table_name as name from information_schema.tables where table_schema = 'public' order by 1`,
  )
  await client.end()
  return rows.map((row) => row.name)
}

test('each suite gets a database of its own with Foyer’s tables in it', async () => {
  const [one, other] = await Promise.all([scratchDatabase(), scratchDatabase()])
  expect(one.url).not.toBe(other.url)
  expect(await tablesOf(one.url)).toContain('conversations')
  expect(await tablesOf(other.url)).toContain('conversations')
  await Promise.all([one.drop(), other.drop()])
  await expect(tablesOf(one.url)).rejects.toThrow('does not exist')
})

test('an empty database has no tables', async () => {
  const database = await scratchDatabase('empty')
  expect(await tablesOf(database.url)).toEqual([])
  await database.drop()
})
