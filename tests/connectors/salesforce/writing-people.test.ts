import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { salesforce } from '#connectors/salesforce/index.ts'
import type { NewPerson } from '#connectors/sdk/crm.ts'
import {
  DuplicateError,
  ProviderForbiddenError,
  ProviderRejectedError,
  ProviderUnavailableError,
  RecordGoneError,
} from '#connectors/sdk/errors.ts'
import { minutes, type StartedSalesforce, startSalesforce } from './support.ts'

const { createPerson, updatePerson } = salesforce.crm
let sf: StartedSalesforce

beforeEach(async () => {
  sf = await startSalesforce()
})
afterEach(() => sf.close())

describe('a new person', () => {
  const sofia: NewPerson = {
    key: 'foyer-person-1',
    values: {
      name: 'Sofia Maria Ricci',
      email: 'sofia@northwind.test',
      phone: '+39 02 5550 0142',
      jobTitle: 'Buyer',
    },
    fixed: { LeadSource: 'Chat', Status: 'Working - Contacted' },
    type: 'Lead',
    ownerId: null,
  }

  test('is made with what the visitor gave, what the admin fixed, and what Salesforce cannot do without', async () => {
    const made = await createPerson(sf.crm(), sofia)
    expect(made).toMatchObject({
      type: 'Lead',
      emails: ['sofia@northwind.test'],
      fields: { name: 'Sofia Maria Ricci' },
    })
    expect(sf.only('Lead')).toMatchObject({
      Id: made.id,
      FirstName: 'Sofia Maria',
      LastName: 'Ricci',
      Company: '[not provided]',
      LeadSource: 'Chat',
      Status: 'Working - Contacted',
    })
  })

  test.each([false, true])(
    'is made once, also when the answer is lost (key field installed: %s)',
    async (isInstalled) => {
      if (isInstalled) sf.installKeyField()
      sf.standIn.fails({ on: /^(POST|PATCH) .*Lead/, does: 'commit-and-drop' })
      await expect(createPerson(sf.crm(), sofia)).rejects.toMatchObject({
        code: 'connector_unavailable',
        outcome: 'unknown',
      })
      sf.passes(minutes(3))
      const made = await createPerson(sf.crm(), sofia)
      expect(sf.only('Lead').Id).toBe(made.id)
      expect((await createPerson(sf.crm(), sofia)).id).toBe(made.id)
    },
  )

  test('without an address, a lost answer is found by name and company', async () => {
    const nameless = { ...sofia, values: { name: 'Sofia Ricci', phone: '1' } }
    sf.standIn.fails({ on: /^POST .*Lead/, does: 'commit-and-drop' })
    await expect(createPerson(sf.crm(), nameless)).rejects.toThrow(ProviderUnavailableError)
    const made = await createPerson(sf.crm(), nameless)
    expect(sf.only('Lead').Id).toBe(made.id)
  })

  test('somebody else made one of this address meanwhile: told with its id', async () => {
    const { Id } = sf.org.insert('Contact', {
      LastName: 'Ricci',
      Email: 'SOFIA@northwind.test',
      CreatedById: null,
    })
    await expect(createPerson(sf.crm(), sofia)).rejects.toMatchObject({
      code: 'connector_duplicate',
      existingIds: [Id],
    })
    expect(sf.org.rows('Lead').size).toBe(0)
  })

  test('a duplicate rule is respected, and its matches are told', async () => {
    sf.org.duplicateRule = 'block'
    sf.org.schema.addField('Contact', 'Other__c:email(80)?')
    const { Id } = sf.org.insert('Contact', { LastName: 'Ricci', Email: 'sofia@northwind.test' })
    // what the rule finds and our own look does not: a contact that we may not see
    sf.org.hidden.add('Contact')
    await expect(createPerson(sf.crm(), sofia)).rejects.toMatchObject({
      code: 'connector_duplicate',
      existingIds: [Id],
    })
    await expect(createPerson(sf.crm(), sofia)).rejects.toThrow(DuplicateError)
  })

  test('an owner who left does not cost the lead', async () => {
    const greta = sf.org.insert('User', { LastName: 'Holm', Email: 'g@foyer.test', IsActive: false })
    await createPerson(sf.crm(), { ...sofia, ownerId: greta.Id })
    expect(sf.only('Lead').OwnerId).toBe(sf.org.userId)
  })

  test('what a validation rule or a missing field says is told so that an admin can act', async () => {
    sf.org.validationRules.push((type) => (type === 'Lead' ? 'Give a region.' : null))
    await expect(createPerson(sf.crm(), sofia)).rejects.toThrow(
      'A validation rule in Salesforce refused it (Give a region.).',
    )
    sf.org.validationRules.length = 0
    sf.org.schema.addField('Lead', 'Region__c:string(255)', { required: true })
    await expect(createPerson(sf.crm(), sofia)).rejects.toThrow(
      'Salesforce requires Region__c. Set a fixed value for it',
    )
    await expect(createPerson(sf.crm(), sofia)).rejects.toMatchObject({ fields: ['Region__c'] })
    await createPerson(sf.crm(), { ...sofia, fixed: { Region__c: 'South' } })
    expect(sf.only('Lead').Region__c).toBe('South')
  })

  test('what is too long is cut, an address never', async () => {
    await createPerson(sf.crm(), { ...sofia, values: { ...sofia.values, jobTitle: 'x'.repeat(200) } })
    expect(String(sf.only('Lead').Title)).toHaveLength(128)
    const email = `${'x'.repeat(90)}@northwind.test`
    await expect(createPerson(sf.crm(), { ...sofia, values: { email } })).rejects.toThrow(
      ProviderRejectedError,
    )
  })

  test('a fixed field that may not be written is named', async () => {
    sf.org.readOnly.add('Lead.LeadSource')
    await expect(createPerson(sf.crm(), sofia)).rejects.toThrow('may not write LeadSource')
  })
})

describe('a change of a person', () => {
  const key = 'k'

  test('fills what is empty, overwrites what an agent corrected, sends nothing else', async () => {
    const { Id } = sf.org.insert('Lead', {
      FirstName: 'S',
      LastName: 'Ricci',
      Company: 'Northwind',
      Title: 'Buyer',
      Email: 's@x.test',
    })
    const crm = await sf.describedCrm()
    sf.standIn.log.length = 0
    const after = await updatePerson(
      crm,
      { type: 'Lead', id: Id },
      {
        key,
        values: { name: 'Sofia Ricci' },
        onlyEmpty: { jobTitle: 'CEO', phone: '+39 1', email: 'other@x.test' },
      },
    )
    expect(sf.standIn.log.filter(({ method }) => method === 'PATCH')).toMatchObject([
      { body: { FirstName: 'Sofia', LastName: 'Ricci', Phone: '+39 1' } },
    ])
    expect(after.fields).toMatchObject({
      name: 'Sofia Ricci',
      jobTitle: 'Buyer',
      phone: '+39 1',
      email: 's@x.test',
    })
  })

  test('with nothing to change nothing is sent', async () => {
    const { Id } = sf.org.insert('Lead', { LastName: 'Ricci', Company: 'Northwind', Title: 'Buyer' })
    const crm = await sf.describedCrm()
    await updatePerson(
      crm,
      { type: 'Lead', id: Id },
      { key, values: { name: 'Ricci' }, onlyEmpty: { jobTitle: 'CEO' } },
    )
    expect(sf.calls().filter((call) => call.startsWith('PATCH'))).toEqual([])
  })

  test('a hidden field is never overwritten, as empty as it may look', async () => {
    const { Id } = sf.org.insert('Lead', { LastName: 'Ricci', Company: 'X', Phone: '+39 2' })
    sf.org.hidden.add('Lead.Phone')
    await updatePerson(sf.crm(), { type: 'Lead', id: Id }, { key, values: {}, onlyEmpty: { phone: '+39 1' } })
    expect(sf.only('Lead').Phone).toBe('+39 2')
    const correction = updatePerson(
      sf.crm(),
      { type: 'Lead', id: Id },
      { key, values: { phone: '+39 1', jobTitle: 'CEO' }, onlyEmpty: {} },
    )
    await expect(correction).rejects.toThrow(ProviderForbiddenError)
    // the rest of the correction arrives all the same
    expect(sf.only('Lead')).toMatchObject({ Phone: '+39 2', Title: 'CEO' })
  })

  test('of a converted or merged lead goes to who it is now', async () => {
    const [first, second] = [1, 2].map(
      (at) => sf.org.insert('Lead', { LastName: `L${at}`, Company: 'X' }).Id,
    ) as [string, string]
    sf.org.merge(second, first)
    const { contactId } = sf.org.convert(second)
    const after = await updatePerson(
      sf.crm(),
      { type: 'Lead', id: first },
      { key, values: { jobTitle: 'CEO' }, onlyEmpty: {} },
    )
    expect(after).toMatchObject({
      type: 'Contact',
      id: contactId,
      formerIds: [first, second],
      fields: { jobTitle: 'CEO' },
    })
  })

  test('of a person account goes to the account', async () => {
    await sf.close()
    sf = await startSalesforce({ personAccounts: true })
    const account = sf.org.insert('Account', {
      IsPersonAccount: true,
      FirstName: 'Ana',
      LastName: 'Silva',
      PersonEmail: 'ana@home.test',
    })
    const ref = { type: 'Contact', id: String(account.PersonContactId) }
    await updatePerson(sf.crm(), ref, {
      key,
      values: { name: 'Ana Souza' },
      onlyEmpty: { jobTitle: 'Architect', phone: '1' },
    })
    expect(sf.org.find(account.Id)).toMatchObject({ LastName: 'Souza', PersonTitle: 'Architect', Phone: '1' })
    expect(sf.org.find(ref.id)).toMatchObject({ Name: 'Ana Souza', Title: 'Architect' })
  })

  test('of a deleted one is told as gone', async () => {
    const { Id } = sf.org.insert('Lead', { LastName: 'Ricci', Company: 'X' })
    sf.org.delete(Id)
    const change = updatePerson(
      sf.crm(),
      { type: 'Lead', id: Id },
      { key, values: { name: 'A' }, onlyEmpty: {} },
    )
    await expect(change).rejects.toThrow(RecordGoneError)
  })
})
