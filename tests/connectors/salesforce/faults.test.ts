import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { salesforce } from '#connectors/salesforce/index.ts'
import { json } from '#connectors/salesforce/stand-in/oauth.ts'
import {
  ProviderAnswerError,
  ProviderConflictError,
  ProviderUnavailableError,
  RateLimitedError,
  ReconnectNeededError,
} from '#connectors/sdk/errors.ts'
import { minutes, type StartedSalesforce, startSalesforce } from './support.ts'

const { findPerson, updatePerson } = salesforce.crm
const email = 'sofia@northwind.test'
let sf: StartedSalesforce
let id: string

beforeEach(async () => {
  sf = await startSalesforce()
  id = sf.org.insert('Lead', { LastName: 'Ricci', Company: 'Northwind', Email: email }).Id
})
afterEach(() => sf.close())

describe('tokens', () => {
  test('a session that ended is replaced, and the question asked again', async () => {
    const crm = await sf.describedCrm()
    sf.standIn.oauth.expireSessions()
    sf.calls()
    expect(await findPerson(crm, email)).toMatchObject({ id })
    expect(sf.calls()).toEqual(['POST /composite', 'POST /services/oauth2/token', 'POST /composite'])
  })

  test('with rotation two workers refresh once, and the next day again with the new token', async () => {
    sf.standIn.oauth.policy.rotates = true
    for (let day = 1; day <= 3; day++) {
      sf.standIn.oauth.expireSessions()
      const found = await Promise.all([1, 2, 3, 4].map(() => findPerson(sf.crm(), email)))
      expect(found).toMatchObject([{ id }, { id }, { id }, { id }])
      expect(sf.standIn.oauth.refreshes).toBe(day)
      sf.passes(24 * minutes(60))
    }
    expect(sf.standIn.oauth.deadRefreshes).toBe(0)
  })

  test('401 for ever ends after one new token', async () => {
    const crm = await sf.describedCrm()
    sf.standIn.oauth.policy.refusesEverybody = true
    sf.calls()
    await expect(findPerson(crm, email)).rejects.toThrow(ReconnectNeededError)
    expect(sf.calls().length).toBeLessThanOrEqual(4)
  })

  test('a revoked grant asks for a person to connect again, and asks Salesforce once', async () => {
    const crm = await sf.describedCrm()
    sf.standIn.oauth.revokeGrants()
    await expect(findPerson(crm, email)).rejects.toThrow(ReconnectNeededError)
    await expect(findPerson(sf.crm(), email)).rejects.toThrow(ReconnectNeededError)
    expect(sf.standIn.oauth.deadRefreshes).toBe(1)
  })

  test('disconnecting revokes, and says when it did not; being gone already is no failure', async () => {
    const connection = sf.connect()
    const { accessToken, refreshToken } = sf.store.tokens
    const tokens = { accessToken: accessToken ?? '', refreshToken }
    sf.standIn.fails({ on: /revoke/, does: () => new Response('', { status: 503 }) })
    await expect(salesforce.auth.revoke?.(connection, tokens)).rejects.toThrow('answered 503')
    await salesforce.auth.revoke?.(connection, tokens)
    await expect(findPerson(sf.crm(), email)).rejects.toThrow(ReconnectNeededError)
    await salesforce.auth.revoke?.(connection, tokens)
  })
})

describe('limits', () => {
  test('every answer’s usage is reported', async () => {
    sf.standIn.dailyLimit = 5_000
    await sf.describedCrm()
    expect(sf.turns.reports.get('daily')).toEqual({ limit: 'daily', used: sf.standIn.used, allowed: 5_000 })
  })

  test('a day’s calls used up: told with who to ask and when we look again, and asked once', async () => {
    const crm = await sf.describedCrm()
    sf.standIn.use(sf.standIn.dailyLimit)
    sf.calls()
    await expect(findPerson(crm, email)).rejects.toMatchObject({
      code: 'connector_rate_limited',
      policy: 'REQUEST_LIMIT_EXCEEDED',
      retryAfterMs: minutes(15),
      message: expect.stringContaining('System Overview'),
    })
    expect(sf.calls()).toEqual(['POST /composite'])
  })

  test('too many long requests rest half a minute', async () => {
    const crm = await sf.describedCrm()
    const message = 'ConcurrentRequests (Concurrent API Requests) Limit exceeded.'
    sf.standIn.fails({
      on: /composite/,
      does: () => json(403, [{ message, errorCode: 'REQUEST_LIMIT_EXCEEDED' }]),
    })
    await expect(findPerson(crm, email)).rejects.toMatchObject({
      policy: 'ConcurrentRequests',
      retryAfterMs: 30_000,
    })
  })
})

describe('answers that are none', () => {
  const statuses = [500, 502, 503]
  test.each(statuses)(
    '%i is not repeated by jsforce: reading may be repeated, writing has to look first',
    async (status) => {
      const crm = await sf.describedCrm()
      sf.standIn.fails({ on: /GET .*queryAll/, does: () => new Response('<html>Down</html>', { status }) })
      sf.calls()
      await expect(salesforce.crm.readPerson(crm, { type: 'Lead', id })).rejects.toMatchObject({
        outcome: 'nothing',
      })
      expect(sf.calls()).toHaveLength(1)
      sf.standIn.fails({ on: /PATCH/, does: () => new Response('', { status }) })
      const change = { key: 'k', values: { jobTitle: 'CEO' }, onlyEmpty: {} }
      await expect(updatePerson(crm, { type: 'Lead', id }, change)).rejects.toMatchObject({
        outcome: 'unknown',
      })
    },
  )

  test('429 asks for a pause', async () => {
    const crm = await sf.describedCrm()
    sf.standIn.fails({ on: /composite/, does: () => new Response('', { status: 429 }) })
    await expect(findPerson(crm, email)).rejects.toThrow(RateLimitedError)
  })

  test('half a JSON is no answer', async () => {
    const crm = await sf.describedCrm()
    sf.standIn.fails({ on: /queryAll/, does: 'truncate' })
    await expect(salesforce.crm.readPerson(crm, { type: 'Lead', id })).rejects.toThrow(ProviderAnswerError)
  })

  test('a line that breaks is told', async () => {
    const crm = await sf.describedCrm()
    sf.standIn.fails({ on: /queryAll/, does: 'drop' })
    await expect(salesforce.crm.readPerson(crm, { type: 'Lead', id })).rejects.toThrow(
      ProviderUnavailableError,
    )
  })

  test('a record held by somebody else may be tried again', async () => {
    sf.org.locked.add(id)
    const change = { key: 'k', values: { jobTitle: 'CEO' }, onlyEmpty: {} }
    await expect(updatePerson(sf.crm(), { type: 'Lead', id }, change)).rejects.toThrow(ProviderConflictError)
  })

  test('a lost cursor in the middle of a history is an error, not half of it', async () => {
    await sf.close()
    sf = await startSalesforce({ pageSize: 1 })
    const lead = sf.org.insert('Lead', { LastName: 'Ricci', Company: 'X' })
    for (const Subject of ['a', 'b'])
      sf.org.insert('Task', { WhoId: lead.Id, Subject, ActivityDate: '2026-11-20' })
    const crm = await sf.describedCrm()
    sf.standIn.fails({
      on: /GET .*\/query\/01g/,
      does: () => json(400, [{ message: 'invalid query locator', errorCode: 'INVALID_QUERY_LOCATOR' }]),
    })
    const span = { from: new Date('2026-11-01'), to: sf.clock.now }
    await expect(salesforce.crm.activities(crm, { type: 'Lead', id: lead.Id }, span)).rejects.toThrow(
      'invalid query locator',
    )
  })
})
