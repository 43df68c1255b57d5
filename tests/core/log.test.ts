import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createPool } from '#core/db/pool.ts'
import { describeError, loggerOptions } from '#core/log.ts'
import { scratchDatabase } from '#tests/support/database.ts'

test('what people wrote does not reach the log by way of PostgreSQL’s errors', async () => {
  const database = await scratchDatabase()
  const pool = createPool(database.url, 1, 'foyer test')
  const lines: string[] = []
  const log = pino(loggerOptions({ logLevel: 'info' }), { write: (line: string) => void lines.push(line) })
  const fail = async (statement: string, parameters: unknown[]) => {
    const error = await pool.query(statement, parameters).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(Error)
    log.error({ err: error }, 'err')
    log.error({ error }, 'error')
    log.error({ err: new Error('Wrapped', { cause: error }) }, 'cause')
  }
  const insert = `insert into people (id, email, name, updated_at) values (gen_random_uuid(), $1, $2, now())`
  await pool.query(insert, ['canary@northwind.test', 'x'])
  await fail(insert, ['canary@northwind.test', 'x'])
  await fail(insert, ['CANARY@northwind.test', 'canary'])
  await fail('select $1::text::uuid', ['canary'])
  await fail('select $1::text::jsonb', ['{"canary'])
  await pool.end()
  await database.drop()
  expect(lines).toHaveLength(12)
  expect(lines.join('')).not.toMatch(/canary/i)
  expect(JSON.parse(lines[0] ?? '').err).toMatchObject({
    type: 'DatabaseError',
    code: '23505',
    severity: 'ERROR',
    table: 'people',
    constraint: 'people_email',
    message: expect.stringContaining('people_email'),
    stack: expect.stringContaining('at '),
  })
})

test('other errors are logged whole, and what is no error stays', () => {
  expect(describeError(new Error('Broken'))).toMatchObject({ type: 'Error', message: 'Broken' })
  expect(describeError('text')).toBe('text')
})
