import { expect, test } from 'vitest'
import { hubspot } from '#connectors/hubspot/index.ts'
import { seedSamplePeople } from '#connectors/hubspot/stand-in/sample-people.ts'
import { DuplicateError, ProviderRejectedError, RecordGoneError } from '#connectors/sdk/errors.ts'
import { type Connected, connected, contact, crmOf } from './a-connection.ts'

const email = 'tom.becker@contoso.test'
const inHubSpot = ({ standIn }: Connected, address = email) => {
  const record = standIn.store.findByEmail(address)
  if (!record) throw new Error(`There is no ${address} in the stand-in`)
  return record
}
async function withSamplePeople(options: Parameters<typeof connected>[0] = {}) {
  const world = await connected(options)
  seedSamplePeople(world.standIn)
  return world
}

test('the account is known by its hub id, with where people see its records', async () => {
  const { connection, standIn } = await connected()
  expect(await hubspot.identify(connection)).toEqual({
    id: String(standIn.hubId),
    name: `HubSpot account ${standIn.hubId}`,
    webOrigin: connection.standIn,
    details: { timeZone: 'Europe/Berlin' },
  })
})

test('a person is found with name, title, status, owner and company', async () => {
  const world = await withSamplePeople()
  const { id } = inHubSpot(world)
  const marco = { id: '7001', name: 'Marco Bellini', email: 'marco@foyer.test', active: true, isQueue: false }
  const company = world.standIn.store.all('companies').find(({ properties }) => properties.name === 'Contoso')
  expect(await crmOf.findPerson(world.crm, 'Tom.Becker@Contoso.test')).toEqual({
    type: 'contact',
    id,
    emails: [email, 'tom@becker.test'],
    fields: {
      name: 'Tom Becker',
      jobTitle: 'CTO',
      email,
      phone: '+49 30 5550 0178',
      crmStatus: 'Opportunity',
      company: 'Contoso',
    },
    owner: marco,
    company: {
      id: company?.id,
      name: 'Contoso',
      domain: 'contoso.test',
      owner: marco,
      url: `https://app.hubspot.com/contacts/${world.standIn.hubId}/record/0-2/${company?.id}`,
      changedAt: new Date(company?.updatedAt ?? 0),
    },
    url: `https://app.hubspot.com/contacts/${world.standIn.hubId}/record/0-1/${id}`,
    changedAt: new Date(inHubSpot(world).updatedAt),
    formerIds: [],
  })
  expect(world.asked('POST /crm/v3/objects/contacts/search')).toBe(0)
})

test('a person is found by a secondary address, also where only the search knows it', async () => {
  const world = await withSamplePeople()
  const { id } = inHubSpot(world)
  expect((await crmOf.findPerson(world.crm, 'tom@becker.test'))?.id).toBe(id)
  world.standIn.faults.plan('GET /crm/v3/objects/contacts/tom', { kind: 'status', status: 404 })
  expect((await crmOf.findPerson(world.crm, 'tom@becker.test'))?.id).toBe(id)
  expect(world.asked('POST /crm/v3/objects/contacts/search')).toBe(1)
})

test('nobody is found under an address that nobody has', async () => {
  const { crm } = await withSamplePeople()
  expect(await crmOf.findPerson(crm, 'nobody@contoso.test')).toBeNull()
  expect(await crmOf.findPerson(crm, ' ')).toBeNull()
})

test('a merged contact gives the one it is now, with its former ids', async () => {
  const { crm, standIn } = await connected()
  const [first, second] = ['a@b.test', 'c@d.test'].map((address) =>
    standIn.store.create('contacts', { email: address }),
  )
  if (!first || !second) throw new Error('No contacts')
  const winner = standIn.store.merge(first, second, { newId: true })
  const person = await crmOf.readPerson(crm, contact(second.id))
  expect(person.id).toBe(winner.id)
  expect(person.emails).toEqual(['a@b.test', 'c@d.test'])
  expect(new Set(person.formerIds)).toEqual(new Set([first.id, second.id]))
  expect((await crmOf.findPerson(crm, 'c@d.test'))?.id).toBe(winner.id)
})

test('a deleted contact is gone, and found by nobody', async () => {
  const world = await withSamplePeople()
  const tom = inHubSpot(world)
  world.standIn.store.archive(tom)
  await expect(crmOf.readPerson(world.crm, contact(tom.id))).rejects.toThrow(RecordGoneError)
  expect(await crmOf.findPerson(world.crm, email)).toBeNull()
})

test('an archived owner is still named, and known as inactive', async () => {
  const world = await withSamplePeople()
  world.standIn.store.update(inHubSpot(world), { hubspot_owner_id: '7003' })
  const person = await crmOf.findPerson(world.crm, email)
  expect(person?.owner).toMatchObject({ id: '7003', email: 'lars@foyer.test', active: false })
})

test('owners come active ones first, then archived ones, by their own ids', async () => {
  const { crm } = await withSamplePeople()
  const first = await crmOf.owners(crm, null)
  const second = await crmOf.owners(crm, first.cursor)
  expect(first.items.map(({ id }) => id)).toEqual(['7001', '7002'])
  expect(second.items).toMatchObject([{ id: '7003', active: false }])
  expect(second.cursor).toBeNull()
})

test('everybody comes once, in pages, with how many there are', async () => {
  const world = await withSamplePeople()
  for (let i = 0; i < 130; i += 1) world.standIn.store.create('contacts', { email: `p${i}@many.test` })
  const emails: string[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<typeof crmOf.allPeople>> = await crmOf.allPeople(world.crm, cursor)
    expect(page.total).toBe(171)
    emails.push(...page.items.map((person) => person.emails[0] ?? ''))
    cursor = page.cursor
  } while (cursor !== null)
  expect(emails).toHaveLength(171)
  expect(new Set(emails).size).toBe(171)
  // a page of a hundred: its list, its companies; the owners once for all
  expect(world.standIn.requests.length).toBeLessThanOrEqual(8)
})

test('what the connection may see is described, with both names as one field', async () => {
  const { crm } = await connected()
  const { types } = await crmOf.describe(crm)
  const fields = types.contact?.fields ?? []
  expect(types.contact?.mayCreate).toBe(true)
  expect(fields[0]).toMatchObject({ name: 'name', label: 'First and last name', mayWrite: true })
  expect(fields.find(({ name }) => name === 'lifecyclestage')?.options).toContainEqual({
    value: 'opportunity',
    label: 'Opportunity',
  })
  expect(fields.find(({ name }) => name === 'createdate')?.mayWrite).toBe(false)
})

const newPerson = (values = {}) => ({
  key: 'foyer-person-1',
  type: 'contact',
  values: { email: 'New@Person.test', name: 'Nina Neu', jobTitle: 'Buyer', crmStatus: 'Lead', ...values },
  fixed: { lead_source: 'website_chat' },
  ownerId: '7001',
})

test('a new person is created with everything given, the owner and the admin’s fixed values', async () => {
  const world = await withSamplePeople()
  const person = await crmOf.createPerson(world.crm, newPerson())
  expect(person.owner?.email).toBe('marco@foyer.test')
  expect(inHubSpot(world, 'new@person.test').properties).toMatchObject({
    firstname: 'Nina',
    lastname: 'Neu',
    jobtitle: 'Buyer',
    lifecyclestage: 'lead',
    lead_source: 'website_chat',
  })
})

test('somebody who is there is not created again, nor changed', async () => {
  const world = await withSamplePeople()
  const before = { ...inHubSpot(world).properties }
  const again = crmOf.createPerson(world.crm, newPerson({ email: 'tom@becker.test' }))
  await expect(again).rejects.toThrow(DuplicateError)
  await expect(again).rejects.toMatchObject({ existingIds: [inHubSpot(world).id] })
  expect(inHubSpot(world).properties).toEqual(before)
})

test('somebody who was made since we looked is left as they are, and named', async () => {
  const world = await withSamplePeople()
  const isMaking = ({ method, path }: { method: string; path: string }) =>
    method === 'POST' && /\/contacts(\/batch\/upsert)?$/.test(path)
  const theirs = { email: 'new@person.test', firstname: 'Nadia', jobtitle: 'CFO', lifecyclestage: 'customer' }
  world.standIn.faults.plan(
    (request) => {
      if (isMaking(request)) world.standIn.store.create('contacts', theirs)
      return isMaking(request)
    },
    { kind: 'slow', ms: 0 },
  )
  const error = await crmOf.createPerson(world.crm, newPerson()).catch((error: unknown) => error)
  const made = inHubSpot(world, 'new@person.test')
  expect(made.properties).toMatchObject(theirs)
  expect(made.properties.lead_source).toBeUndefined()
  expect(error).toEqual(
    new DuplicateError('HubSpot has a contact with this e-mail address already.', [made.id]),
  )
})

test('two visitors with one address at once become one contact', async () => {
  const world = await withSamplePeople()
  const all = await Promise.allSettled(
    Array.from({ length: 5 }, () =>
      crmOf.createPerson({ ...world.crm, connection: world.another() }, newPerson()),
    ),
  )
  const contacts = world.standIn.store
    .all('contacts')
    .filter((one) => one.properties.email === 'new@person.test')
  expect(contacts).toHaveLength(1)
  for (const one of all)
    if (one.status === 'fulfilled') expect(one.value.id).toBe(contacts[0]?.id)
    else expect(one.reason).toBeInstanceOf(DuplicateError)
})

test('nobody is created without an address', async () => {
  const { crm } = await connected()
  await expect(crmOf.createPerson(crm, newPerson({ email: '' }))).rejects.toThrow(ProviderRejectedError)
})

test('what a visitor typed fills only what is empty, what an agent corrected overwrites', async () => {
  const world = await withSamplePeople()
  const tom = inHubSpot(world)
  delete tom.properties.phone
  const change = {
    key: 'k',
    values: { jobTitle: 'CIO' },
    onlyEmpty: { phone: '+49 1', name: 'Thomas B.', company: 'Contoso GmbH' },
  }
  const person = await crmOf.updatePerson(world.crm, contact(tom.id), change)
  expect(person.fields).toMatchObject({
    jobTitle: 'CIO',
    phone: '+49 1',
    name: 'Tom Becker',
    company: 'Contoso',
  })
  const patches = world.asked('PATCH /crm/v3/objects/contacts')
  await crmOf.updatePerson(world.crm, contact(tom.id), change)
  expect(world.asked('PATCH /crm/v3/objects/contacts')).toBe(patches)
})

test('a life cycle stage moves forward at once, and back after it was cleared', async () => {
  const world = await withSamplePeople()
  const tom = inHubSpot(world)
  const move = (crmStatus: string) =>
    crmOf.updatePerson(world.crm, contact(tom.id), { key: 'k', values: { crmStatus }, onlyEmpty: {} })
  expect((await move('customer')).fields.crmStatus).toBe('Customer')
  expect(world.asked('PATCH')).toBe(1)
  expect((await move('Lead')).fields.crmStatus).toBe('Lead')
  expect(world.asked('PATCH')).toBe(3)
  await expect(move('Nonsense')).rejects.toThrow('HubSpot has no choice “Nonsense”')
})

test('the paths of 2026-09 do the same work', async () => {
  const world = await withSamplePeople({ settings: { apiVersion: '2026-09' } })
  const person = await crmOf.findPerson(world.crm, email)
  await crmOf.activities(world.crm, contact(person?.id ?? ''), { from: new Date(0), to: new Date() }, null)
  const paths = world.standIn.requests.map(({ path }) => path)
  expect(person?.company?.name).toBe('Contoso')
  expect(paths.filter((path) => /\/v[34]\//.test(path))).toEqual([])
  expect(paths).toContain('/crm/associations/2026-09/contacts/notes/batch/read')
})
