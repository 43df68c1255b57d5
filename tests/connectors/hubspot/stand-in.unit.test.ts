import { expect, test } from 'vitest'
import { seedSamplePeople } from '#connectors/hubspot/stand-in/sample-people.ts'
import { aCaller, allScopes, aStandIn } from './a-stand-in.ts'
import { answerProblemsOf, problemsOf } from './contract/validate.ts'

const contacts = '/crm/v3/objects/contacts'
const byEmail = (email: string) => ({
  filterGroups: [{ filters: [{ propertyName: 'email', operator: 'EQ', value: email }] }],
})

test('a contact is found by each of its addresses, whatever their case', async () => {
  const standIn = aStandIn()
  seedSamplePeople(standIn)
  const call = await aCaller(standIn)
  const first = await call('GET', `${contacts}/Tom.Becker@contoso.test?idProperty=email&properties=jobtitle`)
  const second = await call('GET', `${contacts}/tom@becker.test?idProperty=email`)
  expect(first.body.properties).toMatchObject({ firstname: 'Tom', jobtitle: 'CTO' })
  expect(second.body.id).toBe(first.body.id)
  expect((await call('GET', `${contacts}/nobody@contoso.test?idProperty=email`)).status).toBe(404)
})

test('the same address cannot be two contacts, and the refusal names the first', async () => {
  const call = await aCaller(aStandIn())
  const { body } = await call('POST', contacts, { properties: { email: 'a@b.test' } })
  const again = await call('POST', contacts, { properties: { email: 'A@B.test' } })
  expect(again.status).toBe(409)
  expect(again.body.message).toBe(`Contact already exists. Existing ID: ${body.id}`)
})

test('upserting by address creates once and then updates', async () => {
  const call = await aCaller(aStandIn())
  const upsert = () =>
    call('POST', `${contacts}/batch/upsert`, {
      inputs: [{ id: 'a@b.test', idProperty: 'email', properties: { firstname: 'Ada' } }],
    })
  const [first, second] = [await upsert(), await upsert()]
  expect(first.body.results[0]?.new).toBe(true)
  expect(second.body.results[0]).toMatchObject({ new: false, id: first.body.results[0]?.id })
})

test('the search sees a new contact only after the lag', async () => {
  const standIn = aStandIn()
  standIn.store.setIndexLag(10_000)
  const call = await aCaller(standIn)
  await call('POST', contacts, { properties: { email: 'a@b.test' } })
  expect((await call('POST', `${contacts}/search`, byEmail('a@b.test'))).body.total).toBe(0)
  standIn.clock.advance(10_000)
  expect((await call('POST', `${contacts}/search`, byEmail('a@b.test'))).body.total).toBe(1)
})

test('a search pages by opaque cursors and ends where HubSpot ends', async () => {
  const standIn = aStandIn({ searchCap: 600 })
  for (let i = 0; i < 601; i += 1) standIn.store.create('contacts', { email: `p${i}@b.test` })
  const call = await aCaller(standIn)
  let after: string | undefined
  for (let page = 0; page < 3; page += 1) {
    const { body } = await call('POST', `${contacts}/search`, { limit: 200, ...(after ? { after } : {}) })
    after = body.paging?.next.after
  }
  expect(Number(after)).toBeNaN()
  expect((await call('POST', `${contacts}/search`, { limit: 200, after })).status).toBe(400)
})

test('a search refuses more groups, filters and sorts than HubSpot does', async () => {
  const standIn = aStandIn({ searchesPerSecond: 100 })
  const call = await aCaller(standIn)
  const filters = (n: number) =>
    Array.from({ length: n }, () => ({ propertyName: 'email', operator: 'EQ', value: '' }))
  const status = async (groups: number[], sorts: string[] = []) =>
    (
      await call('POST', `${contacts}/search`, {
        filterGroups: groups.map((n) => ({ filters: filters(n) })),
        sorts,
      })
    ).status
  expect(await status([6, 6, 6])).toBe(200)
  expect(await status([7])).toBe(400)
  expect(await status([6, 6, 6, 1])).toBe(400)
  expect(await status([1, 1, 1, 1, 1, 1])).toBe(400)
  expect(await status([1], ['email', 'phone'])).toBe(400)
})

test('the eleventh dozen in ten seconds is refused, searches have a budget of their own', async () => {
  const standIn = aStandIn()
  const call = await aCaller(standIn)
  for (let i = 0; i < 110; i += 1) expect((await call('GET', `${contacts}?limit=1`)).status).toBe(200)
  const refused = await call('GET', `${contacts}?limit=1`)
  expect(refused).toMatchObject({ status: 429, body: { policyName: 'TEN_SECONDLY_ROLLING' } })
  expect(refused.headers.get('x-hubspot-ratelimit-remaining')).toBe('0')
  for (let i = 0; i < 5; i += 1) expect((await call('POST', `${contacts}/search`, {})).status).toBe(200)
  expect((await call('POST', `${contacts}/search`, {})).body.policyName).toBe('SECONDLY')
  standIn.clock.advance(10_000)
  expect((await call('GET', `${contacts}?limit=1`)).status).toBe(200)
})

test('the day has an end of its own', async () => {
  const standIn = aStandIn({ perDay: 1 })
  const call = await aCaller(standIn)
  await call('GET', `${contacts}?limit=1`)
  expect((await call('GET', `${contacts}?limit=1`)).body.policyName).toBe('DAILY')
})

test('a merged contact answers to both ids, and the loser is found no more', async () => {
  const standIn = aStandIn()
  const [a, b] = ['a@b.test', 'c@d.test'].map((email) => standIn.store.create('contacts', { email }))
  const call = await aCaller(standIn)
  await call('POST', `${contacts}/merge`, { primaryObjectId: a?.id, objectIdToMerge: b?.id })
  expect((await call('GET', `${contacts}/${b?.id}`)).body.id).toBe(a?.id)
  expect((await call('GET', `${contacts}/c@d.test?idProperty=email`)).body.id).toBe(a?.id)
  expect((await call('POST', `${contacts}/search`, byEmail('c@d.test'))).body.total).toBe(0)
})

test('a life cycle stage goes back only after it was cleared', async () => {
  const standIn = aStandIn()
  const { id } = standIn.store.create('contacts', { email: 'a@b.test', lifecyclestage: 'customer' })
  const call = await aCaller(standIn)
  const set = (lifecyclestage: string) =>
    call('PATCH', `${contacts}/${id}`, { properties: { lifecyclestage } })
  expect((await set('lead')).body.properties.lifecyclestage).toBe('customer')
  await set('')
  expect((await set('lead')).body.properties.lifecyclestage).toBe('lead')
})

test('what lacks a scope is refused by its name, and e-mails come redacted', async () => {
  const standIn = aStandIn()
  seedSamplePeople(standIn)
  const call = await aCaller(standIn, ['oauth', 'crm.objects.contacts.read'])
  const refused = await call('GET', '/crm/v3/owners')
  expect(refused.status).toBe(403)
  expect(refused.body.errors[0]?.context).toEqual({ requiredGranularScopes: ['crm.objects.owners.read'] })
  const { body } = await call('GET', '/crm/v3/objects/emails?properties=hs_email_subject')
  expect(body.results[0]?.properties.hs_email_subject).toBe('[Redacted]')
})

test('a token runs out, is renewed by a refresh token that holds once, and dies with the grant', async () => {
  const standIn = aStandIn()
  const { access_token, refresh_token } = await standIn.oauth.grantNow(allScopes)
  const ask = async (token: string) =>
    (
      await standIn.handle(
        new Request(`https://x.test${contacts}`, { headers: { authorization: `Bearer ${token}` } }),
      )
    ).status
  const refresh = async (token: string) => {
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: standIn.clientId,
      client_secret: standIn.clientSecret,
      refresh_token: token,
    })
    const response = await standIn.handle(
      new Request('https://x.test/oauth/2026-03/token', { method: 'POST', body: body.toString() }),
    )
    return (await response.json()) as Record<string, string>
  }
  expect(await ask(access_token)).toBe(200)
  standIn.clock.advance(1_800_000)
  expect(await ask(access_token)).toBe(401)
  const renewed = await refresh(refresh_token)
  expect(await ask(renewed.access_token ?? '')).toBe(200)
  expect(await refresh(refresh_token)).toMatchObject({ error: 'invalid_grant', status: 'BAD_REFRESH_TOKEN' })
  standIn.oauth.revokeAll()
  expect(await ask(renewed.access_token ?? '')).toBe(401)
  expect(await refresh(renewed.refresh_token ?? '')).toMatchObject({ error: 'invalid_grant' })
})

test('faults come as scripted: an answer lost after the work, a broken line, half a body', async () => {
  const standIn = aStandIn()
  const call = await aCaller(standIn)
  standIn.faults.plan(`POST ${contacts}`, { kind: 'lostAnswer' })
  await call('POST', contacts, { properties: { email: 'a@b.test' } })
  standIn.faults.plan(`POST ${contacts}`, { kind: 'noAnswer' })
  await call('POST', contacts, { properties: { email: 'c@d.test' } })
  expect(standIn.store.all('contacts').map(({ properties }) => properties.email)).toEqual(['a@b.test'])
  standIn.faults.plan(`GET ${contacts}`, { kind: 'truncated' })
  await expect(call('GET', contacts)).rejects.toThrow(SyntaxError)
})

test('its answers are what the OpenAPI files describe', async () => {
  const standIn = aStandIn()
  seedSamplePeople(standIn)
  const tom = standIn.store.findByEmail('tom.becker@contoso.test')
  const call = await aCaller(standIn)
  const asks: [string, string, unknown?][] = [
    ['GET', `${contacts}?limit=100&associations=companies`],
    ['GET', `${contacts}/${tom?.id}?properties=phone&associations=companies`],
    ['GET', `${contacts}/1`],
    ['POST', `${contacts}/search`, byEmail('tom.becker@contoso.test')],
    [
      'POST',
      `${contacts}/batch/read`,
      { inputs: [{ id: tom?.id }, { id: '1' }], properties: [], propertiesWithHistory: [] },
    ],
    [
      'POST',
      `${contacts}/batch/upsert`,
      { inputs: [{ id: 'x@y.test', idProperty: 'email', properties: {} }] },
    ],
    ['POST', '/crm/v4/associations/contacts/notes/batch/read', { inputs: [{ id: tom?.id }] }],
    ['GET', '/crm/v3/owners?archived=true'],
    ['GET', '/crm/v3/properties/contacts'],
  ]
  for (const [method, path, body] of asks) {
    const answer = await call(method, path, body)
    const { pathname } = new URL(path, 'https://x.test')
    expect(answerProblemsOf(method, pathname, answer.status, answer.body), path).toEqual([])
  }
  expect(standIn.requests.flatMap(problemsOf)).toEqual([])
})
