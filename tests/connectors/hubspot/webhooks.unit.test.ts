import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hubspot } from '#connectors/hubspot/index.ts'
import { decodeListed, isSigned } from '#connectors/hubspot/signature.ts'
import type { SignedRequest } from '#connectors/hubspot/stand-in/webhooks.ts'
import { aStandIn, standsAt } from './a-stand-in.ts'
import known from './contract/signature-v3-vectors.json' with { type: 'json' }

const { webhooks } = hubspot.crm
const url = 'https://chat.example.com/hooks/hubspot'

const received = ({ body, ...request }: SignedRequest) => ({ ...request, rawBody: Buffer.from(body) })
const read = (standIn: ReturnType<typeof aStandIn>, request: SignedRequest, now = standsAt) =>
  webhooks.read(received(request), standIn.clientSecret, new Date(now))
const onlyOne = (standIn: ReturnType<typeof aStandIn>, options = {}) => {
  const [request] = standIn.webhooks.take(url, options)
  if (!request) throw new Error('Nothing was told')
  return request
}

test.each(known.vectors)('signature vector: $name', (vector) => {
  const headers: Record<string, string> = { 'x-hubspot-signature-v3': vector.signature }
  if (vector.timestamp !== null) headers['x-hubspot-request-timestamp'] = vector.timestamp
  const request = {
    method: vector.method,
    url: vector.requestUrl,
    headers,
    rawBody: Buffer.from(vector.body),
  }
  expect(isSigned(request, known.clientSecret, new Date(vector.receivedAt))).toBe(vector.valid)
})

test('of a url only the listed codes are decoded', () => {
  for (const one of known.decodedCodes) {
    const [code = '', character = ''] = one.split(' ')
    expect(decodeListed(`a${code}b${code.toLowerCase()}`)).toBe(`a${character}b${character}`)
  }
  expect(decodeListed('%20%2B%25%3D%26%23')).toBe('%20%2B%25%3D%26%23')
})

test('a signature changed in any way is refused, and nothing throws', () => {
  const standIn = aStandIn()
  standIn.store.create('contacts', { email: 'a@b.test' })
  const request = onlyOne(standIn)
  const signature = request.headers['x-hubspot-signature-v3'] ?? ''
  fc.assert(
    fc.property(fc.string(), fc.nat(signature.length), (inserted, at) => {
      const changed = signature.slice(0, at) + inserted + signature.slice(at)
      const headers = { ...request.headers, 'x-hubspot-signature-v3': changed }
      expect(read(standIn, { ...request, headers }) === null).toBe(changed !== signature)
    }),
  )
})

test('each kind of event says what became of which contact', () => {
  const standIn = aStandIn()
  const { store } = standIn
  const [a, b, c] = ['a@b.test', 'c@d.test', 'e@f.test'].map((email) => store.create('contacts', { email }))
  if (!a || !b || !c) throw new Error('No contacts')
  const told = () => read(standIn, onlyOne(standIn))
  expect(told()).toHaveLength(3)
  store.update(a, { lifecyclestage: 'customer' })
  expect(told()).toMatchObject([
    { accountId: '62515', change: { type: 'changed', ref: { type: 'contact', id: a.id } }, mergedIds: [] },
  ])
  const winner = store.merge(a, b, { newId: true })
  expect(told()?.at(-1)).toMatchObject({
    change: { type: 'changed', ref: { id: winner.id } },
    mergedIds: [b.id, a.id],
  })
  store.merge(winner, c)
  expect(told()).toMatchObject([{ change: { ref: { id: winner.id } }, mergedIds: [c.id] }])
  const company = store.create('companies', { name: 'X' })
  store.associate(winner, company, [1])
  expect(told()).toMatchObject([{ change: { type: 'changed', ref: { id: winner.id } } }])
  store.archive(winner)
  expect(told()).toMatchObject([{ change: { type: 'gone', erase: false } }])
})

test('a privacy deletion asks to erase', () => {
  const standIn = aStandIn()
  const contact = standIn.store.create('contacts', { email: 'a@b.test' })
  standIn.webhooks.take(url)
  standIn.store.erase(contact)
  expect(read(standIn, onlyOne(standIn))?.at(-1)?.change).toEqual({
    type: 'gone',
    ref: { type: 'contact', id: contact.id },
    erase: true,
  })
})

test('repeated and reordered events have the ids they had', () => {
  const standIn = aStandIn()
  for (let i = 0; i < 5; i += 1) standIn.store.create('contacts', { email: `p${i}@b.test` })
  const ids = (read(standIn, onlyOne(standIn, { twice: true, reversed: true })) ?? []).map(({ id }) => id)
  expect(ids).toHaveLength(10)
  expect(new Set(ids).size).toBe(5)
})

test('a hundred events come at most in one request', () => {
  const standIn = aStandIn()
  for (let i = 0; i < 130; i += 1) standIn.store.create('contacts', { email: `p${i}@b.test` })
  expect(standIn.webhooks.take(url).map((request) => read(standIn, request)?.length)).toEqual([100, 30])
})

test('an event told five minutes ago is taken, one told earlier is not', () => {
  const standIn = aStandIn()
  standIn.store.create('contacts', { email: 'a@b.test' })
  const request = onlyOne(standIn)
  expect(read(standIn, request, standsAt + 300_000)).toHaveLength(1)
  expect(read(standIn, request, standsAt + 300_001)).toBeNull()
})

const anEvent = {
  eventId: 1,
  subscriptionId: 1,
  portalId: 1,
  occurredAt: 1,
  subscriptionType: 'contact.creation',
  objectId: 5,
}

test('signed nonsense is taken and tells nothing', () => {
  const standIn = aStandIn()
  const strange = [{ eventId: 1 }, null, { ...anEvent, subscriptionType: 'deal.creation' }]
  expect(read(standIn, standIn.webhooks.sign(url, strange))).toEqual([])
})

test('of more than HubSpot ever sends at once only the beginning is looked at', () => {
  const standIn = aStandIn()
  const many = Array.from({ length: 5_000 }, (_, eventId) => ({ ...anEvent, eventId }))
  expect(read(standIn, standIn.webhooks.sign(url, many))).toHaveLength(1_000)
})
