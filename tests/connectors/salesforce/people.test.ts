import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { salesforce } from '#connectors/salesforce/index.ts'
import { RecordGoneError } from '#connectors/sdk/errors.ts'
import { type StartedSalesforce, startSalesforce } from './support.ts'

const { findPerson, readPerson, allPeople, owners, describe: look } = salesforce.crm
let sf: StartedSalesforce

beforeEach(async () => {
  sf = await startSalesforce({ pageSize: 5 })
})
afterEach(() => sf.close())

const lead = (values = {}) =>
  sf.org.insert('Lead', {
    FirstName: 'Sofia',
    LastName: 'Ricci',
    Company: 'Northwind',
    Email: 'sofia@northwind.test',
    ...values,
  })
const contact = (values = {}) =>
  sf.org.insert('Contact', { LastName: 'Ricci', Email: 'sofia@northwind.test', ...values })

describe('who has an address', () => {
  test('a lead, with status, owner and link, at the pinned version and in one call', async () => {
    const dana = sf.org.insert('User', {
      FirstName: 'Dana',
      LastName: 'Okafor',
      Email: 'Dana@foyer.test',
      IsActive: true,
    })
    const { Id } = lead({
      Title: 'Head of Purchasing',
      Phone: '+39 02 5550 0142',
      Status: 'Working - Contacted',
      OwnerId: dana.Id,
    })
    const crm = await sf.describedCrm()
    sf.calls()
    expect(await findPerson(crm, ' SOFIA@northwind.test ')).toEqual({
      type: 'Lead',
      id: Id,
      emails: ['sofia@northwind.test'],
      fields: {
        name: 'Sofia Ricci',
        jobTitle: 'Head of Purchasing',
        email: 'sofia@northwind.test',
        phone: '+39 02 5550 0142',
        crmStatus: 'Working - Contacted',
        company: 'Northwind',
      },
      owner: { id: dana.Id, name: 'Dana Okafor', email: 'dana@foyer.test', active: true, isQueue: false },
      company: null,
      url: `${sf.origin}/${Id}`,
      changedAt: sf.clock.now,
      formerIds: [],
    })
    expect(sf.standIn.log.map(({ path }) => path)).toEqual(['/services/data/v67.0/composite'])
  })

  test('nobody', async () => {
    lead()
    expect(await findPerson(sf.crm(), 'somebody.else@northwind.test')).toBeNull()
    expect(await findPerson(sf.crm(), '  ')).toBeNull()
  })

  test('a text that would break out of quotes finds nobody', async () => {
    lead()
    expect(await findPerson(sf.crm(), `a\\' OR Email LIKE '%`)).toBeNull()
  })

  test('a contact before a lead; its company with domain, status and owner', async () => {
    lead()
    const account = sf.org.insert('Account', {
      Name: 'Northwind',
      Website: 'HTTPS://www.Northwind.test/en',
      Type: 'Prospect',
    })
    const { Id } = contact({ AccountId: account.Id })
    expect(await findPerson(sf.crm(), 'sofia@northwind.test')).toMatchObject({
      type: 'Contact',
      id: Id,
      fields: { crmStatus: 'Prospect', company: 'Northwind' },
      company: {
        id: account.Id,
        domain: 'northwind.test',
        owner: { email: 'integration@foyer.test' },
        changedAt: expect.any(Date),
      },
    })
  })

  test('of several leads an open one before a converted one, then the most recent activity', async () => {
    const converted = lead()
    sf.org.convert(converted.Id)
    sf.org.delete(String(sf.org.find(converted.Id)?.ConvertedContactId))
    lead()
    const busy = lead()
    lead()
    sf.org.insert('Task', { WhoId: busy.Id, ActivityDate: '2026-11-20' })
    expect(await findPerson(sf.crm(), 'sofia@northwind.test')).toMatchObject({ id: busy.Id })
  })

  test('a converted lead is its contact, also when that has another address by now', async () => {
    const converted = lead()
    const { contactId } = sf.org.convert(converted.Id)
    sf.org.update(contactId, { Email: 'new@northwind.test' })
    expect(await findPerson(sf.crm(), 'sofia@northwind.test')).toMatchObject({
      type: 'Contact',
      id: contactId,
      formerIds: [converted.Id],
    })
  })

  test('an address in a field that an admin added', async () => {
    sf.org.schema.addField('Contact', 'Private_Email__c:email(80)?')
    const { Id } = contact({ Private_Email__c: 'sofia@home.test' })
    const found = await findPerson(sf.crm(), 'sofia@home.test')
    expect(found).toMatchObject({ id: Id, emails: ['sofia@northwind.test', 'sofia@home.test'] })
  })

  test('queues and former colleagues as owners are told apart', async () => {
    const queue = sf.org.insert('Group', { Name: 'Inbound', Type: 'Queue' })
    lead({ OwnerId: queue.Id })
    expect((await findPerson(sf.crm(), 'sofia@northwind.test'))?.owner).toMatchObject({
      name: 'Inbound',
      isQueue: true,
      email: null,
    })
    const greta = sf.org.insert('User', { LastName: 'Holm', Email: 'greta@foyer.test', IsActive: false })
    contact({ OwnerId: greta.Id })
    expect((await findPerson(sf.crm(), 'sofia@northwind.test'))?.owner).toMatchObject({
      active: false,
      isQueue: false,
    })
  })
})

describe('what the connection may not see', () => {
  test('a hidden field is missing, not empty, and fails nothing', async () => {
    for (const field of ['Lead.Phone', 'Lead.OwnerId', 'Contact.AccountId', 'Lead.Status'])
      sf.org.hidden.add(field)
    lead({ Phone: '1' })
    const found = await findPerson(sf.crm(), 'sofia@northwind.test')
    expect(found?.fields).not.toHaveProperty('phone')
    expect(found?.fields).not.toHaveProperty('crmStatus')
    expect(found?.fields).toHaveProperty('jobTitle', null)
    expect(found?.owner).toBeNull()
  })

  test('a field hidden since the last look is found out, once', async () => {
    lead({ Phone: '1' })
    const crm = await sf.describedCrm()
    sf.org.hidden.add('Lead.Phone')
    sf.calls()
    expect((await findPerson(crm, 'sofia@northwind.test'))?.fields).not.toHaveProperty('phone')
    expect(sf.calls()).toEqual(['POST /composite', 'POST /composite'])
  })

  test('without leads at all, contacts are still found', async () => {
    sf.org.hidden.add('Lead')
    const { Id } = contact()
    expect(await findPerson(sf.crm(), 'sofia@northwind.test')).toMatchObject({ id: Id })
    expect((await look(sf.crm())).types).not.toHaveProperty('Lead')
  })

  test('what may be written and must be given is described, choices with their labels', async () => {
    sf.org.readOnly.add('Lead.Phone')
    const { types } = await look(sf.crm())
    const field = (name: string) => types.Lead?.fields.find((one) => one.name === name)
    expect(field('LastName')).toMatchObject({
      requiredToCreate: true,
      mayWrite: true,
      type: 'text',
      maxLength: 80,
    })
    expect(field('Phone')).toMatchObject({ mayWrite: false, type: 'phone' })
    expect(field('Status')).toMatchObject({ requiredToCreate: false, type: 'choice' })
    expect(field('Status')?.options).toContainEqual({
      value: 'Working - Contacted',
      label: 'Working - Contacted',
    })
    expect(types.Contact?.fields.find(({ name }) => name === 'Account.Type')).toMatchObject({
      mayWrite: false,
    })
  })
})

describe('one person by id', () => {
  test('15 characters do as well as 18', async () => {
    const { Id } = lead()
    expect(await readPerson(sf.crm(), { type: 'Lead', id: Id.slice(0, 15) })).toMatchObject({ id: Id })
  })

  test('a merged one is its winner, over several merges', async () => {
    const [first, second, third] = [lead(), lead(), lead()]
    sf.org.merge(second.Id, first.Id)
    sf.org.merge(third.Id, second.Id)
    expect(await readPerson(sf.crm(), { type: 'Lead', id: first.Id })).toMatchObject({
      id: third.Id,
      formerIds: [first.Id, second.Id],
    })
  })

  test('a deleted one is gone, and so is one that never was', async () => {
    const { Id } = lead()
    sf.org.delete(Id)
    for (const id of [Id, '00QRO00000ZZZZZ', 'nonsense', `x' OR Id != '`])
      await expect(readPerson(sf.crm(), { type: 'Lead', id })).rejects.toThrow(RecordGoneError)
  })

  test('a converted lead whose contact is gone is still shown', async () => {
    const { Id } = lead()
    sf.org.delete(sf.org.convert(Id).contactId)
    expect(await readPerson(sf.crm(), { type: 'Lead', id: Id })).toMatchObject({
      type: 'Lead',
      id: Id,
      formerIds: [],
    })
  })

  test('a person account is a contact without a company', async () => {
    await sf.close()
    sf = await startSalesforce({ personAccounts: true })
    sf.org.insert('Account', {
      IsPersonAccount: true,
      FirstName: 'Ana',
      LastName: 'Silva',
      PersonEmail: 'ana@home.test',
      PersonTitle: 'Architect',
    })
    expect(await findPerson(sf.crm(), 'ana@home.test')).toMatchObject({
      type: 'Contact',
      fields: { name: 'Ana Silva', jobTitle: 'Architect', company: null },
      company: null,
    })
  })
})

describe('everybody', () => {
  test('once, in pages that may be resumed from any cursor, with how many there are', async () => {
    for (let at = 0; at < 12; at++) contact({ Email: `c${at}@x.test` })
    for (let at = 0; at < 3; at++) lead({ Email: `l${at}@x.test` })
    sf.org.convert(lead({ Email: 'converted@x.test' }).Id)
    const crm = await sf.describedCrm()
    const read = async (from: string | null) => {
      const emails: string[] = []
      let cursor = from
      const cursors: string[] = []
      do {
        const page = await allPeople(crm, cursor)
        emails.push(...page.items.flatMap((person) => person.emails))
        expect(page).toMatchObject({ total: 16, totals: { Contact: 13, Lead: 3 } })
        cursor = page.cursor
        if (cursor) cursors.push(cursor)
      } while (cursor)
      return { emails, cursors }
    }
    const { emails, cursors } = await read(null)
    expect(new Set(emails).size).toBe(16)
    expect(emails).toHaveLength(16)
    const resumed = await read(cursors[1] ?? null)
    expect(resumed.emails).toEqual(emails.slice(10))
  })

  test('an import asks for pages of 2,000, as full as Salesforce gives them: nine tenths at least', async () => {
    await sf.close()
    sf = await startSalesforce()
    for (let at = 0; at < 3_950; at++) lead({ Email: `l${at}@x.test` })
    for (let at = 0; at < 1_990; at++) contact({ Email: `c${at}@x.test` })
    const crm = await sf.describedCrm()
    sf.calls()
    let people = 0
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await allPeople(crm, cursor ?? null)
      people += page.items.length
      cursor = page.cursor
    }
    expect(people).toBe(5_940)
    const counts = 2
    expect(people / ((sf.calls().length - counts) * 2_000)).toBeGreaterThanOrEqual(0.9)
  })

  test('owners: users, former ones too, and queues', async () => {
    sf.org.insert('Group', { Name: 'Inbound', Type: 'Queue' })
    sf.org.insert('Group', { Name: 'Everybody', Type: 'Regular' })
    for (let at = 0; at < 7; at++)
      sf.org.insert('User', { LastName: `U${at}`, Email: `U${at}@foyer.test`, IsActive: at > 0 })
    const crm = sf.crm()
    const all = []
    let cursor: string | null = null
    do {
      const page = await owners(crm, cursor)
      all.push(...page.items)
      cursor = page.cursor
    } while (cursor)
    expect(all).toHaveLength(9)
    expect(all.filter(({ active }) => !active)).toMatchObject([{ email: 'u0@foyer.test' }])
    expect(all.filter(({ isQueue }) => isQueue)).toMatchObject([{ name: 'Inbound' }])
  })
})

test('the account says whose it is, and whether it is a sandbox', async () => {
  await sf.close()
  sf = await startSalesforce({ isSandbox: true })
  expect(await salesforce.identify(sf.connect())).toEqual({
    id: sf.org.organizationId,
    name: 'Foyer Demo (sandbox)',
    apiOrigin: sf.origin,
    webOrigin: sf.origin,
    details: { userId: sf.org.userId, timeZone: 'Europe/Rome', edition: 'Enterprise Edition' },
  })
})
