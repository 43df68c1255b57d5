import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { asId } from '#connectors/salesforce/ids.ts'
import { SalesforceStandIn } from '#connectors/salesforce/stand-in/index.ts'
import { fillWithPeople } from '#connectors/salesforce/stand-in/people.ts'

const origin = 'http://salesforce.test'
let now = new Date('2026-11-28T12:00:00Z')
let salesforce: SalesforceStandIn
let token: string

beforeEach(() => {
  now = new Date('2026-11-28T12:00:00Z')
  salesforce = new SalesforceStandIn({ now: () => now, pageSize: 2 })
  token = salesforce.oauth.grant().accessToken
})

const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
  const response = await salesforce.handle(
    new Request(`${origin}/services/data/v67.0/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    }),
  )
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : null }
}
const query = (soql: string, resource = 'query') => call('GET', `${resource}?q=${encodeURIComponent(soql)}`)
const codeOf = async (soql: string) => (await query(soql)).body[0]?.errorCode

describe('SOQL', () => {
  beforeEach(() => {
    const { org } = salesforce
    for (const [LastName, Email] of [
      ["O'Neill", 'o@x.test'],
      ['back\\slash', 'b@x.test'],
      ['100%', 'p@x.test'],
    ])
      org.insert('Lead', {
        LastName: LastName ?? '',
        Email: Email ?? '',
        Company: 'X',
        Status: 'Open - Not Contacted',
      })
  })

  test.each([
    [`SELECT Id FROM Lead WHERE LastName = 'O\\'Neill'`, 1],
    [`SELECT Id FROM Lead WHERE LastName = 'back\\\\slash'`, 1],
    [`SELECT Id FROM Lead WHERE LastName LIKE '%\\%'`, 1],
    [`SELECT Id FROM Lead WHERE LastName LIKE '%'`, 3],
    [`SELECT Id FROM Lead WHERE Email = 'O@X.TEST'`, 1],
    [`SELECT Id FROM Lead WHERE Email IN ('o@x.test', 'b@x.test')`, 2],
    [`SELECT Id FROM Lead WHERE Email = 'o@x.test' OR (LastName LIKE 'b%' AND IsConverted = false)`, 2],
    [`SELECT Id FROM Lead WHERE NOT Email = 'o@x.test'`, 2],
    [`SELECT Id FROM Lead WHERE Title = null`, 3],
    [`SELECT Id FROM Lead WHERE SystemModstamp >= 2026-11-28T12:00:00Z`, 3],
    [`SELECT Id FROM Lead WHERE SystemModstamp > 2026-11-28T12:00:00Z`, 0],
    [`SELECT Id FROM Lead WHERE SystemModstamp <= 2026-11-28T13:00:00%2B01:00`.replace('%2B', '+'), 3],
    [`SELECT COUNT() FROM Lead`, 3],
    [`SELECT Id FROM Lead ORDER BY LastName DESC LIMIT 1`, 1],
  ])('%s finds %i', async (soql, total) => {
    expect((await query(soql)).body.totalSize).toBe(total)
  })

  test.each([
    [`SELECT Id FROM Lead WHERE LastName = 'O'Neill'`, 'MALFORMED_QUERY'],
    [`SELECT Id FROM Lead WHERE LastName = 'a\\x'`, 'MALFORMED_QUERY'],
    [`SELECT Id FROM Lead WHERE LastName = 'a\\%'`, 'MALFORMED_QUERY'],
    [`SELECT Id FROM Lead WHERE LastName = 'open`, 'MALFORMED_QUERY'],
    [`SELECT Id FROM Lead WHERE LastName = undefined`, 'MALFORMED_QUERY'],
    [`SELECT Id FROM Lead WHERE CreatedDate > Sat Nov 28 2026`, 'MALFORMED_QUERY'],
    [`SELECT Id FROM Lead WHERE Email = 'a' AND Email = 'b' OR Email = 'c'`, 'MALFORMED_QUERY'],
    [`SELECT Id, Id FROM Lead`, 'MALFORMED_QUERY'],
    [`SELECT Id FROM Lead WHERE`, 'MALFORMED_QUERY'],
    [`SELECT Nope FROM Lead`, 'INVALID_FIELD'],
    [`SELECT Nope__r.Name FROM Lead`, 'INVALID_FIELD'],
    [`SELECT Id FROM Lead WHERE CreatedDate > '2026-11-28T12:00:00Z'`, 'INVALID_FIELD'],
    [`SELECT Id FROM Nope`, 'INVALID_TYPE'],
    [`SELECT Id FROM Lead WHERE Description = 'x'`, 'INVALID_QUERY_FILTER_OPERATOR'],
  ])('%s is refused as %s', async (soql, code) => {
    expect(await codeOf(soql)).toBe(code)
  })

  test('a hidden field is unknown: chosen, in a condition, in an order', async () => {
    salesforce.org.hidden.add('Lead.Phone')
    expect(await codeOf('SELECT Phone FROM Lead')).toBe('INVALID_FIELD')
    expect(await codeOf(`SELECT Id FROM Lead WHERE Phone = '1'`)).toBe('INVALID_FIELD')
    expect(await codeOf('SELECT Id FROM Lead ORDER BY Phone')).toBe('INVALID_FIELD')
  })

  test('long answers come in pages until they are done, and a cursor may be lost', async () => {
    const first = (await query('SELECT Id FROM Lead ORDER BY Id')).body
    expect(first).toMatchObject({ totalSize: 3, done: false })
    expect(first.records).toHaveLength(2)
    const next = first.nextRecordsUrl.replace('/services/data/v67.0/', '')
    expect((await call('GET', next)).body).toMatchObject({
      done: true,
      records: [{ attributes: { type: 'Lead' } }],
    })
    salesforce.api.dropCursors()
    expect((await call('GET', next)).body[0].errorCode).toBe('INVALID_QUERY_LOCATOR')
  })

  test('an owner is read through the relationship, a user or a queue', async () => {
    const queue = salesforce.org.insert('Group', { Name: 'Inbound', Type: 'Queue' })
    const { Id } = salesforce.org.insert('Lead', { LastName: 'Queued', Company: 'X', OwnerId: queue.Id })
    const { body } = await query(
      `SELECT Owner.Name, Owner.Type, Owner.Email FROM Lead WHERE Id = '${Id.slice(0, 15)}'`,
    )
    expect(body.records[0].Owner).toMatchObject({ Name: 'Inbound', Type: 'Group', Email: null })
  })
})

test('15 and 18 characters name the same record', async () => {
  expect(asId('003RO0000035WQg')).toBe('003RO0000035WQgYAM')
  expect(asId('003ro0000035wqgYAM')).toBe('003RO0000035WQgYAM')
  expect(asId('003RO0000035WQ')).toBeUndefined()
  const { Id } = salesforce.org.insert('Account', { Name: 'A' })
  expect((await call('GET', `sobjects/Account/${Id.slice(0, 15)}`)).body.Id).toBe(Id)
})

describe('records', () => {
  const lead = { LastName: 'Ricci', Company: 'Northwind', Email: 'sofia@x.test' }

  test('are created, changed and deleted; what is in the recycle bin only queryAll shows', async () => {
    const { body } = await call('POST', 'sobjects/Lead', lead)
    expect((await call('PATCH', `sobjects/Lead/${body.id}`, { Title: 'CEO' })).status).toBe(204)
    expect((await call('GET', `sobjects/Lead/${body.id}?fields=Title`)).body.Title).toBe('CEO')
    expect((await call('DELETE', `sobjects/Lead/${body.id}`)).status).toBe(204)
    expect((await call('GET', `sobjects/Lead/${body.id}`)).body[0].errorCode).toBe('ENTITY_IS_DELETED')
    expect((await query('SELECT Id FROM Lead')).body.totalSize).toBe(0)
    expect((await query('SELECT Id FROM Lead WHERE IsDeleted = true', 'queryAll')).body.totalSize).toBe(1)
  })

  test.each([
    [{ Company: 'X' }, 'REQUIRED_FIELD_MISSING'],
    [{ ...lead, LastName: 'x'.repeat(81) }, 'STRING_TOO_LONG'],
    [{ ...lead, Email: 'nobody' }, 'INVALID_EMAIL_ADDRESS'],
    [{ ...lead, IsConverted: true }, 'INVALID_FIELD_FOR_INSERT_UPDATE'],
    [{ ...lead, OwnerId: '005000000000000' }, 'INVALID_CROSS_REFERENCE_KEY'],
    [{ ...lead, Nope: 1 }, 'INVALID_FIELD'],
  ])('%j is refused as %s', async (values, code) => {
    const { status, body } = await call('POST', 'sobjects/Lead', values)
    expect(status).toBe(400)
    expect(body[0].errorCode).toBe(code)
  })

  test('a duplicate rule refuses under the misspelt key, unless the header allows it', async () => {
    salesforce.org.duplicateRule = 'block'
    const { Id } = salesforce.org.insert('Contact', { LastName: 'Ricci', Email: 'Sofia@x.test' })
    const { body } = await call('POST', 'sobjects/Lead', lead)
    expect(body[0].errorCode).toBe('DUPLICATES_DETECTED')
    expect(body[0].duplicateResut.matchResults[0].matchRecords[0].record.Id).toBe(Id)
    const header = { 'Sforce-Duplicate-Rule-Header': 'allowSave=true' }
    expect((await call('POST', 'sobjects/Lead', lead, header)).status).toBe(201)
  })

  test('an upsert creates, then updates, and finds several only if somebody forced them in', async () => {
    salesforce.org.schema.addField('Task', 'Foyer_Key__c:string(255)?', { externalId: true })
    const upsert = () => call('PATCH', 'sobjects/Task/Foyer_Key__c/k-1', { Subject: 'Chat' })
    expect((await upsert()).status).toBe(201)
    expect((await upsert()).body).toMatchObject({ created: false })
    salesforce.org.insert('Task', { Foyer_Key__c: 'k-1' })
    expect((await upsert()).status).toBe(300)
    expect((await call('POST', 'sobjects/Task', { Foyer_Key__c: 'k-1' })).body[0].errorCode).toBe(
      'DUPLICATE_VALUE',
    )
  })

  test('a converted lead is read, never written; a merged one names its winner', async () => {
    const { org } = salesforce
    const [first, second] = [org.insert('Lead', lead), org.insert('Lead', lead)]
    const { contactId } = org.convert(first.Id)
    expect((await call('PATCH', `sobjects/Lead/${first.Id}`, { Title: 'x' })).body[0].errorCode).toBe(
      'CANNOT_UPDATE_CONVERTED_LEAD',
    )
    expect((await call('GET', `sobjects/Lead/${first.Id}`)).body.ConvertedContactId).toBe(contactId)
    const third = org.insert('Lead', lead)
    org.merge(third.Id, second.Id)
    const { body } = await query(`SELECT MasterRecordId FROM Lead WHERE Id = '${second.Id}'`, 'queryAll')
    expect(body.records[0].MasterRecordId).toBe(third.Id)
  })

  test('a long transaction shows up late, with the stamp of its start', async () => {
    const transaction = salesforce.org.startsTransaction()
    now = new Date('2026-11-28T12:04:00Z')
    transaction.commits(() => salesforce.org.insert('Lead', lead))
    expect((await query('SELECT SystemModstamp FROM Lead')).body.records[0].SystemModstamp).toBe(
      '2026-11-28T12:00:00.000+0000',
    )
  })

  test('deleted names what left the recycle bin too', async () => {
    const { Id } = salesforce.org.insert('Lead', lead)
    salesforce.org.delete(Id)
    salesforce.org.purge(Id)
    const span = 'start=2026-11-28T11:00:00Z&end=2026-11-28T13:00:00Z'
    expect((await call('GET', `sobjects/Lead/deleted?${span}`)).body.deletedRecords).toMatchObject([
      { id: Id },
    ])
    expect((await call('GET', `sobjects/Lead/updated?${span}`)).body.ids).toEqual([])
    expect(
      (await call('GET', 'sobjects/Lead/updated?start=2026-01-01T00:00:00Z&end=2026-11-28T13:00:00Z')).status,
    ).toBe(400)
  })

  test('several calls travel as one', async () => {
    const { body } = await call('POST', 'composite', {
      compositeRequest: [
        { method: 'POST', url: '/services/data/v67.0/sobjects/Lead', referenceId: 'a', body: lead },
        { method: 'GET', url: '/services/data/v67.0/query?q=SELECT+Nope+FROM+Lead', referenceId: 'b' },
      ],
    })
    expect(body.compositeResponse.map((part: { httpStatusCode: number }) => part.httpStatusCode)).toEqual([
      201, 400,
    ])
    expect(salesforce.used).toBe(1)
  })
})

describe('limits and faults', () => {
  test('every answer says what is used of the day; beyond it nothing is answered until a day later', async () => {
    salesforce.dailyLimit = 2
    expect((await call('GET', 'limits')).headers.get('sforce-limit-info')).toBe('api-usage=1/2')
    await call('GET', 'limits')
    const refused = await call('GET', 'limits')
    expect(refused.status).toBe(403)
    expect(refused.body[0].errorCode).toBe('REQUEST_LIMIT_EXCEEDED')
    expect(refused.headers.has('retry-after')).toBe(false)
    now = new Date(now.getTime() + 86_400_001)
    token = salesforce.oauth.grant().accessToken
    expect((await call('GET', 'limits')).status).toBe(200)
  })

  test('a line may break after the effect, an answer may be cut', async () => {
    salesforce.fails({ on: /POST .*Lead/, does: 'commit-and-drop' })
    salesforce.fails({ on: /query/, does: 'truncate' })
    const request = new Request(`${origin}/services/data/v67.0/sobjects/Lead`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ LastName: 'A', Company: 'B' }),
    })
    expect((await salesforce.handle(request)).type).toBe('error')
    expect(salesforce.org.rows('Lead').size).toBe(1)
    await expect(query('SELECT Id FROM Lead')).rejects.toThrow(SyntaxError)
    expect((await query('SELECT Id FROM Lead')).body.totalSize).toBe(1)
  })
})

describe('sign-in', () => {
  const verifier = 'a-verifier-that-is-long-enough-to-be-one-of-them'
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const authorize = (changes: Record<string, string> = {}) =>
    salesforce.handle(
      new Request(
        `${origin}/services/oauth2/authorize?${new URLSearchParams({
          response_type: 'code',
          client_id: 'foyer-demo',
          redirect_uri: 'https://foyer.test/back',
          state: 's',
          scope: 'api refresh_token',
          code_challenge: challenge,
          code_challenge_method: 'S256',
          ...changes,
        })}`,
      ),
    )
  const post = async (path: string, form: Record<string, string>) => {
    const response = await salesforce.handle(
      new Request(`${origin}/services/oauth2/${path}`, { method: 'POST', body: new URLSearchParams(form) }),
    )
    return { status: response.status, body: JSON.parse((await response.text()) || 'null') }
  }
  const client = { client_id: 'foyer-demo', client_secret: 'foyer-demo-secret' }
  const codeFrom = async () =>
    new URL((await authorize()).headers.get('location') ?? '').searchParams.get('code') ?? ''
  const exchange = async (changes: Record<string, string> = {}) =>
    post('token', {
      ...client,
      grant_type: 'authorization_code',
      code: await codeFrom(),
      redirect_uri: 'https://foyer.test/back',
      code_verifier: verifier,
      ...changes,
    })

  test('a code with its verifier gives tokens and says where the org is', async () => {
    const { status, body } = await exchange()
    expect(status).toBe(200)
    expect(body).toMatchObject({ instance_url: origin, token_type: 'Bearer' })
    expect(body).not.toHaveProperty('expires_in')
    token = body.access_token
    expect((await call('GET', 'limits')).status).toBe(200)
  })

  test.each([
    [{ code_verifier: 'another' }, 'invalid_grant'],
    [{ code: 'another' }, 'invalid_grant'],
    [{ redirect_uri: 'https://evil.test' }, 'redirect_uri_mismatch'],
    [{ client_secret: 'another' }, 'invalid_client'],
    [{ client_id: 'another' }, 'invalid_client_id'],
  ])('an exchange with %j is refused as %s', async (changes, error) => {
    expect((await exchange(changes)).body.error).toBe(error)
  })

  test('without a challenge, or without consent, there is no code', async () => {
    expect((await authorize({ code_challenge: '' })).headers.get('location')).toContain(
      'error=invalid_request',
    )
    salesforce.oauth.policy.consent = 'deny'
    expect((await authorize()).headers.get('location')).toContain('error=access_denied')
    salesforce.oauth.policy.consent = 'page'
    expect(await (await authorize()).text()).toContain('Allow')
  })

  test('with rotation a refresh ends the old refresh token', async () => {
    salesforce.oauth.policy.rotates = true
    const { refresh_token } = (await exchange()).body
    const refresh = (token: string) =>
      post('token', { ...client, grant_type: 'refresh_token', refresh_token: token })
    const { body } = await refresh(refresh_token)
    expect(body.refresh_token).not.toBe(refresh_token)
    expect((await refresh(refresh_token)).body.error).toBe('invalid_grant')
    expect((await refresh(body.refresh_token)).status).toBe(200)
  })

  test('sessions end by the clock, grants by revocation', async () => {
    const { refresh_token, access_token } = (await exchange()).body
    token = access_token
    now = new Date(now.getTime() + 121 * 60_000)
    expect((await call('GET', 'limits')).body[0].errorCode).toBe('INVALID_SESSION_ID')
    expect((await post('revoke', { token: refresh_token })).status).toBe(200)
    expect((await post('token', { ...client, grant_type: 'refresh_token', refresh_token })).body.error).toBe(
      'invalid_grant',
    )
    expect((await post('revoke', { token: refresh_token })).status).toBe(400)
  })
})

test('the demo knows Sofia Ricci, with activities younger and older than 90 days', async () => {
  fillWithPeople(salesforce.org)
  const { body } = await query(
    `SELECT Id, Name, Title, Phone, Status, Company, Owner.Email FROM Lead WHERE Email = 'sofia.ricci@northwind.test'`,
  )
  expect(body.records).toMatchObject([
    {
      Name: 'Sofia Ricci',
      Title: 'Head of Purchasing',
      Phone: '+39 02 5550 0142',
      Status: 'Working - Contacted',
      Company: 'Northwind',
      Owner: { Email: 'dana@foyer.test' },
    },
  ])
  const tasks = async (condition: string) =>
    (await query(`SELECT Id FROM Task WHERE WhoId = '${body.records[0].Id}' AND ActivityDate ${condition}`))
      .body.totalSize
  expect(await tasks('>= 2026-08-30')).toBe(4)
  expect(await tasks('< 2026-08-30')).toBe(2)
  expect(salesforce.org.rows('Contact').size + salesforce.org.rows('Lead').size).toBeGreaterThan(30)
})
