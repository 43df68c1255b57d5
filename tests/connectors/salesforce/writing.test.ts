import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { salesforce } from '#connectors/salesforce/index.ts'
import type { LoggedConversation, LoggedMeeting, NewPerson } from '#connectors/sdk/crm.ts'
import {
  DuplicateError,
  ProviderForbiddenError,
  ProviderRejectedError,
  ProviderUnavailableError,
  RecordGoneError,
} from '#connectors/sdk/errors.ts'
import { minutes, type StartedSalesforce, startSalesforce } from './support.ts'

const { createPerson, updatePerson, logConversation, logMeeting, previewOf, mapping } = salesforce.crm
let sf: StartedSalesforce

beforeEach(async () => {
  sf = await startSalesforce()
})
afterEach(() => sf.close())

const only = (type: string) => {
  const rows = [...sf.org.rows(type).values()]
  expect(rows).toHaveLength(1)
  return rows[0] as NonNullable<(typeof rows)[0]>
}
const installKeyField = () => {
  for (const type of ['Task', 'Event', 'Lead'])
    sf.org.schema.addField(type, 'Foyer_Key__c:string(255)?', { externalId: true })
}

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
    expect(only('Lead')).toMatchObject({
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
      if (isInstalled) installKeyField()
      sf.standIn.fails({ on: /^(POST|PATCH) .*Lead/, does: 'commit-and-drop' })
      await expect(createPerson(sf.crm(), sofia)).rejects.toMatchObject({
        code: 'connector_unavailable',
        outcome: 'unknown',
      })
      sf.passes(minutes(3))
      const made = await createPerson(sf.crm(), sofia)
      expect(only('Lead').Id).toBe(made.id)
      expect((await createPerson(sf.crm(), sofia)).id).toBe(made.id)
    },
  )

  test('without an address, a lost answer is found by name and company', async () => {
    const nameless = { ...sofia, values: { name: 'Sofia Ricci', phone: '1' } }
    sf.standIn.fails({ on: /^POST .*Lead/, does: 'commit-and-drop' })
    await expect(createPerson(sf.crm(), nameless)).rejects.toThrow(ProviderUnavailableError)
    const made = await createPerson(sf.crm(), nameless)
    expect(only('Lead').Id).toBe(made.id)
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
    expect(only('Lead').OwnerId).toBe(sf.org.userId)
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
    expect(only('Lead').Region__c).toBe('South')
  })

  test('what is too long is cut, an address never', async () => {
    await createPerson(sf.crm(), { ...sofia, values: { ...sofia.values, jobTitle: 'x'.repeat(200) } })
    expect(String(only('Lead').Title)).toHaveLength(128)
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
    expect(only('Lead').Phone).toBe('+39 2')
    const correction = updatePerson(
      sf.crm(),
      { type: 'Lead', id: Id },
      { key, values: { phone: '+39 1', jobTitle: 'CEO' }, onlyEmpty: {} },
    )
    await expect(correction).rejects.toThrow(ProviderForbiddenError)
    // the rest of the correction arrives all the same
    expect(only('Lead')).toMatchObject({ Phone: '+39 2', Title: 'CEO' })
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

const chat: LoggedConversation = {
  key: 'foyer-chat-42',
  knownId: null,
  mayExist: false,
  subject: 'Chat with Sofia Ricci',
  startedAt: new Date('2026-11-28T22:50:00Z'),
  endedAt: new Date('2026-11-28T23:30:00Z'),
  transcript: '2026-11-28 22:50:00 +00:00  Sofia: Hello?',
  outcome: 'Qualified',
  agentName: 'Dana Okafor',
  ownerId: null,
  link: 'https://foyer.test/inbox/42',
}
const meeting: LoggedMeeting = {
  key: 'foyer-meeting-7',
  knownId: null,
  mayExist: false,
  title: 'Demo',
  start: new Date('2026-12-01T09:00:00Z'),
  end: new Date('2026-12-01T09:30:00Z'),
  body: 'See you',
  location: 'Video',
  state: 'booked',
  ownerId: null,
}

describe('what is logged', () => {
  let sofia: { type: string; id: string }
  beforeEach(() => {
    sofia = { type: 'Lead', id: sf.org.insert('Lead', { LastName: 'Ricci', Company: 'X' }).Id }
  })

  test('a chat is a completed task with outcome, transcript and link, on its date in the organisation’s zone', async () => {
    const { id, url } = await logConversation(sf.crm(), sofia, chat)
    expect(url).toBe(`${sf.origin}/${id}`)
    const task = only('Task')
    expect(task).toMatchObject({
      Id: id,
      WhoId: sofia.id,
      WhatId: null,
      Subject: 'Chat with Sofia Ricci [foyer-chat-42]',
      Status: 'Completed',
      ActivityDate: '2026-11-29',
    })
    expect(task.Description).toBe(
      'Outcome: Qualified\nAgent: Dana Okafor\nStarted: 2026-11-28 22:50 UTC, 40 min\nIn Foyer: https://foyer.test/inbox/42\n\n2026-11-28 22:50:00 +00:00  Sofia: Hello?',
    )
  })

  test('a transcript of any length fits, says where it was cut, and breaks no character', async () => {
    await logConversation(sf.crm(), sofia, { ...chat, transcript: '😀'.repeat(40_000) })
    const text = String(only('Task').Description)
    expect(text.length).toBeGreaterThan(31_900)
    expect(text.length).toBeLessThanOrEqual(32_000)
    expect(text).toContain('The whole transcript is in Foyer.')
    expect(text.isWellFormed()).toBe(true)
  })

  test.each([false, true])(
    'a chat is logged once when the answer is lost (key field installed: %s)',
    async (isInstalled) => {
      if (isInstalled) installKeyField()
      sf.standIn.fails({ on: /^(POST|PATCH) .*Task/, does: 'commit-and-drop' })
      const crm = await sf.describedCrm()
      await expect(logConversation(crm, sofia, chat)).rejects.toMatchObject({ outcome: 'unknown' })
      const again = { ...chat, mayExist: true, outcome: 'Not a fit' }
      const { id } = await logConversation(crm, sofia, again)
      expect((await logConversation(crm, sofia, { ...again, knownId: id })).id).toBe(id)
      expect(only('Task')).toMatchObject({
        Id: id,
        Description: expect.stringContaining('Outcome: Not a fit'),
      })
      expect(only('Task').Subject).toBe(
        isInstalled ? 'Chat with Sofia Ricci' : 'Chat with Sofia Ricci [foyer-chat-42]',
      )
    },
  )

  test('a chat whose answer broke off is found again, also when the lead was converted since', async () => {
    sf.standIn.fails({ on: /^POST .*Task/, does: 'truncate' })
    await expect(logConversation(sf.crm(), sofia, chat)).rejects.toMatchObject({ outcome: 'unknown' })
    sf.org.convert(sofia.id)
    await logConversation(sf.crm(), sofia, { ...chat, mayExist: true })
    expect(sf.org.schema.typeOf(String(only('Task').WhoId))).toBe('Contact')
  })

  test('the mark of another chat that begins alike is another chat', async () => {
    await logConversation(sf.crm(), sofia, { ...chat, key: 'foyer-chat-421' })
    await logConversation(sf.crm(), sofia, { ...chat, mayExist: true })
    expect(sf.org.rows('Task').size).toBe(2)
  })

  test('what a colleague wrote about the chat is left alone', async () => {
    const follow = sf.org.insert('Task', { WhoId: sofia.id, Subject: 'Re: Chat [foyer-chat-42], follow up' })
    await logConversation(sf.crm(), sofia, { ...chat, mayExist: true })
    expect(sf.org.find(follow.Id)?.Subject).toBe('Re: Chat [foyer-chat-42], follow up')
    expect(sf.org.rows('Task').size).toBe(2)
  })

  test('an entry that somebody deleted is told, not written anew', async () => {
    const { id } = await logConversation(sf.crm(), sofia, chat)
    sf.org.delete(id)
    await expect(logConversation(sf.crm(), sofia, { ...chat, knownId: id })).rejects.toThrow(RecordGoneError)
  })

  test('where "Completed" has another name, the closed status is taken', async () => {
    sf.org.schema.addField('Task', 'Status:picklist', { values: ['Open', 'Erledigt'] })
    sf.org.insert('TaskStatus', { ApiName: 'Open', IsClosed: false })
    sf.org.insert('TaskStatus', { ApiName: 'Erledigt', IsClosed: true })
    await logConversation(sf.crm(), sofia, chat)
    expect(only('Task').Status).toBe('Erledigt')
  })

  test('an entry from before the key field was installed is not written again', async () => {
    const { id } = await logConversation(sf.crm(), sofia, chat)
    installKeyField()
    await logConversation(sf.crm(), sofia, { ...chat, knownId: id })
    expect(only('Task')).toMatchObject({ Foyer_Key__c: 'foyer-chat-42', Subject: 'Chat with Sofia Ricci' })
  })

  test('a known id that is none is not sent anywhere', async () => {
    const log = logConversation(await sf.describedCrm(), sofia, { ...chat, knownId: '../../query' })
    await expect(log).rejects.toThrow(RecordGoneError)
  })

  test('a queue or a former colleague as owner costs nothing', async () => {
    const queue = sf.org.insert('Group', { Name: 'Q', Type: 'Queue' }).Id
    const greta = sf.org.insert('User', { LastName: 'Holm', Email: 'g@foyer.test', IsActive: false }).Id
    await logConversation(sf.crm(), sofia, { ...chat, ownerId: queue })
    await logConversation(sf.crm(), sofia, { ...chat, key: 'foyer-chat-43', ownerId: greta })
    for (const task of sf.org.rows('Task').values()) expect(task.OwnerId).toBe(sf.org.userId)
  })

  test.each([false, true])(
    'a meeting is booked, moved and cancelled as one event (key field installed: %s)',
    async (isInstalled) => {
      if (isInstalled) installKeyField()
      const { id } = await logMeeting(sf.crm(), sofia, meeting)
      const moved = {
        ...meeting,
        start: new Date('2026-12-02T09:00:00Z'),
        end: new Date('2026-12-02T09:30:00Z'),
      }
      await logMeeting(sf.crm(), sofia, { ...moved, mayExist: true })
      expect(only('Event')).toMatchObject({
        Id: id,
        StartDateTime: '2026-12-02T09:00:00.000+0000',
        ShowAs: 'Busy',
      })
      await logMeeting(sf.crm(), sofia, { ...moved, knownId: id, state: 'cancelled' })
      expect(only('Event')).toMatchObject({
        Id: id,
        ShowAs: 'Free',
        Subject: expect.stringMatching(/^Cancelled: Demo/),
      })
    },
  )
})

test('the preview says what would be sent, by the names on the page', () => {
  expect(
    previewOf(
      {
        type: 'createPerson',
        person: {
          key: 'k',
          values: { name: 'Sofia Ricci', phone: '1' },
          fixed: { LeadSource: 'Chat' },
          type: 'Lead',
          ownerId: null,
        },
      },
      mapping,
      null,
    ),
  ).toEqual({
    record: 'New lead',
    values: [
      { field: 'First Name', value: 'Sofia' },
      { field: 'Last Name', value: 'Ricci' },
      { field: 'Phone', value: '1' },
      { field: 'Company', value: '[not provided]' },
      { field: 'Lead Source', value: 'Chat' },
    ],
  })
  expect(previewOf({ type: 'logConversation', conversation: chat }, mapping, null)).toMatchObject({
    record: 'Task',
    values: expect.arrayContaining([{ field: 'Status', value: 'Completed' }]),
  })
  expect(previewOf({ type: 'logMeeting', meeting }, mapping, null).values).toContainEqual({
    field: 'Start',
    value: '2026-12-01T09:00:00.000Z',
  })
})
