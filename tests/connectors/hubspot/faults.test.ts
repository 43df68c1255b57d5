import { expect, test } from 'vitest'
import { hubspot } from '#connectors/hubspot/index.ts'
import { seedSamplePeople } from '#connectors/hubspot/stand-in/sample-people.ts'
import {
  DuplicateError,
  ProviderAnswerError,
  ProviderConflictError,
  ProviderForbiddenError,
  ProviderRejectedError,
  ProviderUnavailableError,
  RateLimitedError,
  ReconnectNeededError,
} from '#connectors/sdk/errors.ts'
import { type Connected, connected, contact, crmOf } from './a-connection.ts'
import { standsAt } from './a-stand-in.ts'

const email = 'tom.becker@contoso.test'

async function withTom(options: Parameters<typeof connected>[0] = {}) {
  const world = await connected(options)
  seedSamplePeople(world.standIn)
  const tom = world.standIn.store.findByEmail(email)
  if (!tom) throw new Error('Tom is not there')
  return { ...world, tom }
}

const find = ({ crm }: Connected) => crmOf.findPerson(crm, email)
const aChat = (more = {}) => ({
  key: 'foyer-chat-1',
  knownId: null,
  mayExist: false,
  subject: 'Chat',
  startedAt: new Date(standsAt),
  endedAt: new Date(standsAt),
  transcript: 'Hello',
  outcome: null,
  agentName: null,
  ownerId: null,
  link: 'https://chat.example.com/1',
  ...more,
})
const newPerson = {
  key: 'k',
  type: 'contact',
  values: { email: 'new@person.test', name: 'Nina Neu' },
  fixed: {},
  ownerId: null,
}

test('a note whose answer was lost is found again by its reference: one note', async () => {
  const world = await withTom()
  const before = world.standIn.store.all('notes').length
  world.standIn.faults.plan('POST /crm/v3/objects/notes', { kind: 'lostAnswer' })
  const lost = crmOf.logConversation(world.crm, contact(world.tom.id), aChat())
  await expect(lost).rejects.toMatchObject({ code: 'connector_unavailable', outcome: 'unknown' })
  const { id } = await crmOf.logConversation(world.crm, contact(world.tom.id), aChat({ mayExist: true }))
  expect(world.standIn.store.all('notes')).toHaveLength(before + 1)
  expect(world.standIn.store.get('notes', id).properties.hs_note_body).toContain('foyer-chat-1')
})

test('a contact whose making was not answered is there once, and the second run gives it', async () => {
  const world = await withTom()
  world.standIn.store.setIndexLag(60_000)
  world.standIn.faults.plan(({ method, path }) => method === 'POST' && path === '/crm/v3/objects/contacts', {
    kind: 'lostAnswer',
  })
  await expect(crmOf.createPerson(world.crm, newPerson)).rejects.toMatchObject({ outcome: 'unknown' })
  const made = world.standIn.store.findByEmail('new@person.test')
  const again = await crmOf.createPerson(world.crm, newPerson)
  expect(again).toMatchObject({ id: made?.id, fields: { name: 'Nina Neu' } })
  // whoever is there with other values, or since long ago, is somebody else's
  const other = { ...newPerson, values: { ...newPerson.values, name: 'Other Person' } }
  const refused = new DuplicateError('HubSpot has a contact with this e-mail address already.', [
    made?.id ?? '',
  ])
  await expect(crmOf.createPerson(world.crm, other)).rejects.toEqual(refused)
  world.standIn.clock.advance(31 * 86_400_000)
  await expect(crmOf.createPerson(world.crm, newPerson)).rejects.toEqual(refused)
})

test('a token about to run out is renewed once by two workers, and the new refresh token is kept', async () => {
  const world = await withTom()
  const second = { ...world.crm, connection: world.another() }
  const first = world.store.tokens.refreshToken
  world.standIn.clock.advance(1_750_000)
  const found = await Promise.all([find(world), crmOf.findPerson(second, email), find(world)])
  expect(found.map((person) => person?.id)).toEqual([world.tom.id, world.tom.id, world.tom.id])
  expect(world.standIn.oauth.refreshes).toEqual([first])
  expect(world.store.tokens.refreshToken).not.toBe(first)
  world.standIn.clock.advance(1_750_000)
  await find(world)
  expect(world.standIn.oauth.refreshes).toHaveLength(2)
})

test('a token that HubSpot drops early is replaced, and the request sent again', async () => {
  const world = await withTom()
  world.standIn.oauth.dropAccessTokens()
  const second = { ...world.crm, connection: world.another() }
  const found = await Promise.all([find(world), crmOf.findPerson(second, email)])
  expect(found.map((person) => person?.id)).toEqual([world.tom.id, world.tom.id])
  expect(world.standIn.oauth.refreshes).toHaveLength(1)
})

test('a 401 for ever ends after one renewal, and says that an admin must connect again', async () => {
  const world = await withTom()
  world.standIn.faults.plan('GET /crm', { kind: 'status', status: 401, body: {} }, 1_000)
  await expect(find(world)).rejects.toThrow(ReconnectNeededError)
  expect(world.standIn.oauth.refreshes).toHaveLength(1)
  expect(world.asked('GET /crm')).toBe(2)
  expect(world.store.gone).not.toBeNull()
})

test('a grant that was taken back is told at once', async () => {
  const world = await withTom()
  world.standIn.oauth.revokeAll()
  await expect(find(world)).rejects.toThrow(ReconnectNeededError)
  await expect(find(world)).rejects.toThrow(ReconnectNeededError)
  expect(world.standIn.oauth.refreshes).toHaveLength(1)
})

test('disconnecting ends the grant at HubSpot; one that is gone already is no failure', async () => {
  const world = await withTom()
  const { accessToken, refreshToken } = world.store.tokens
  const tokens = { accessToken: accessToken ?? '', refreshToken }
  await hubspot.auth.revoke?.(world.connection, tokens)
  await expect(find(world)).rejects.toThrow(ReconnectNeededError)
  await expect(hubspot.auth.revoke?.(world.connection, tokens)).resolves.toBeUndefined()
})

test('a missing scope is named, with what to do', async () => {
  const world = await withTom()
  world.standIn.oauth.withhold('crm.objects.contacts.read')
  await expect(find(world)).rejects.toEqual(
    new ProviderForbiddenError(
      'HubSpot refused the connection: its app lacks the scope crm.objects.contacts.read. Add it, then reconnect.',
    ),
  )
})

test.each([
  ['TEN_SECONDLY_ROLLING', undefined, 10_000],
  ['SECONDLY', undefined, 1_000],
  ['TEN_SECONDLY_ROLLING', { 'retry-after': '3' }, 3_000],
  // the account is in Berlin: midnight there is at 23:00 UTC, thirteen hours from now
  ['DAILY', undefined, 13 * 3_600_000],
] as const)('%s %o rests for as long as it must', async (policy, headers, retryAfterMs) => {
  const world = await withTom()
  const account = await hubspot.identify(world.connection)
  const inBerlin = { ...world.connection, account }
  world.standIn.faults.plan('GET /crm', { kind: 'overLimit', policy, ...(headers ? { headers } : {}) })
  const refused = crmOf.findPerson({ ...world.crm, connection: inBerlin }, email)
  await expect(refused).rejects.toBeInstanceOf(RateLimitedError)
  await expect(refused).rejects.toMatchObject({ policy, retryAfterMs })
  // the client would have slept and tried again
  expect(world.asked('GET /crm')).toBe(1)
})

test('the limit that HubSpot states is refused by it when we ignore it, and told as a limit', async () => {
  const world = await withTom({ perTenSeconds: 3 })
  await find(world)
  await expect(find(world)).rejects.toMatchObject({ policy: 'TEN_SECONDLY_ROLLING' })
})

test('how much of the limit is used is passed on from every answer but those of the search', async () => {
  const world = await withTom()
  await crmOf.findPerson(world.crm, 'nobody@contoso.test')
  expect(world.reports).toEqual([{ limit: 'account', used: 1, allowed: 110 }])
})

test('a locked record and an account that moves are waited for', async () => {
  const world = await withTom()
  world.standIn.faults.plan('GET /crm', { kind: 'locked' })
  await expect(find(world)).rejects.toBeInstanceOf(ProviderConflictError)
  world.standIn.faults.plan('GET /crm', { kind: 'migrating', retryAfterSeconds: 77 })
  await expect(find(world)).rejects.toMatchObject({ policy: 'MIGRATION', retryAfterMs: 77_000 })
})

test('a server error of a write may have had its effect, one of a read has not', async () => {
  const world = await withTom()
  world.standIn.faults.plan('GET /crm', { kind: 'status', status: 502 })
  await expect(find(world)).rejects.toMatchObject({ code: 'connector_unavailable', outcome: 'nothing' })
  world.standIn.faults.plan('POST /crm/v3/objects/notes', { kind: 'status', status: 504 })
  await expect(crmOf.logConversation(world.crm, contact(world.tom.id), aChat())).rejects.toMatchObject({
    outcome: 'unknown',
  })
})

test('half an answer is no answer', async () => {
  const world = await withTom()
  world.standIn.faults.plan('GET /crm', { kind: 'truncated' })
  await expect(find(world)).rejects.toThrow(ProviderAnswerError)
  expect((await find(world))?.id).toBe(world.tom.id)
})

test('a broken line is told as such', async () => {
  const world = await withTom()
  world.standIn.faults.plan('GET /crm', { kind: 'noAnswer' })
  await expect(find(world)).rejects.toThrow(ProviderUnavailableError)
})

test('a value that HubSpot refuses is named with its reason', async () => {
  const world = await withTom()
  const change = { key: 'k', values: { email: 'no-address' }, onlyEmpty: {} }
  const refused = crmOf.updatePerson(world.crm, contact(world.tom.id), change)
  await expect(refused).rejects.toBeInstanceOf(ProviderRejectedError)
  await expect(refused).rejects.toMatchObject({
    message: 'HubSpot refused the value of email: Email address no-address is invalid',
    fields: ['email'],
  })
})

test('an address that another contact has is refused with that contact’s id', async () => {
  const world = await withTom()
  const other = world.standIn.store.create('contacts', { email: 'other@b.test' })
  const change = { key: 'k', values: { email: 'other@b.test' }, onlyEmpty: {} }
  await expect(crmOf.updatePerson(world.crm, contact(world.tom.id), change)).rejects.toMatchObject({
    code: 'connector_duplicate',
    existingIds: [other.id],
  })
})
