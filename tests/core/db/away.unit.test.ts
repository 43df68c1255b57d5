import { expect, test } from 'vitest'
import { isConnectionProblem, isDatabaseAway } from '#core/db/away.ts'

const withCode = (code: string) => Object.assign(new Error('of the driver'), { code })

test('a line that broke, and a server that went, are told from what was refused and from our own mistakes', () => {
  for (const code of ['08006', '40P01', '53300', '55P03', '57P01', '57014', '58030', 'ECONNRESET', 'EPIPE'])
    expect([code, isDatabaseAway(withCode(code))]).toEqual([code, true])
  for (const words of [
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'Client has encountered a connection error and is not queryable',
    'timeout exceeded when trying to connect',
    'PostgreSQL has not answered for 60 s',
  ])
    expect([words, isDatabaseAway(new Error(words))]).toEqual([words, true])
  for (const code of ['23505', '22P02', '42601', 'ENOENT', 'ENOSPC', 'FST_ERR_VALIDATION'])
    expect([code, isDatabaseAway(withCode(code))]).toEqual([code, false])
  for (const other of [new TypeError('undefined is not a function'), 'Connection terminated', null])
    expect(isDatabaseAway(other)).toBe(false)
})

test('of a query’s own error one without a code comes from the line', () => {
  expect(isConnectionProblem(new Error('anything'))).toBe(true)
  expect(isConnectionProblem(withCode('23505'))).toBe(false)
})
