import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { salesforce } from '#connectors/salesforce/index.ts'
import type { LoggedConversation, LoggedMeeting } from '#connectors/sdk/crm.ts'
import { RecordGoneError } from '#connectors/sdk/errors.ts'
import { type StartedSalesforce, startSalesforce } from './support.ts'

const { logConversation, logMeeting, previewOf, mapping } = salesforce.crm
let sf: StartedSalesforce

beforeEach(async () => {
  sf = await startSalesforce()
})
afterEach(() => sf.close())

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
    const task = sf.only('Task')
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
    const text = String(sf.only('Task').Description)
    expect(text.length).toBeGreaterThan(31_900)
    expect(text.length).toBeLessThanOrEqual(32_000)
    expect(text).toContain('The whole transcript is in Foyer.')
    expect(text.isWellFormed()).toBe(true)
  })

  test.each([false, true])(
    'a chat is logged once when the answer is lost (key field installed: %s)',
    async (isInstalled) => {
      if (isInstalled) sf.installKeyField()
      sf.standIn.fails({ on: /^(POST|PATCH) .*Task/, does: 'commit-and-drop' })
      const crm = await sf.describedCrm()
      await expect(logConversation(crm, sofia, chat)).rejects.toMatchObject({ outcome: 'unknown' })
      const again = { ...chat, mayExist: true, outcome: 'Not a fit' }
      const { id } = await logConversation(crm, sofia, again)
      expect((await logConversation(crm, sofia, { ...again, knownId: id })).id).toBe(id)
      expect(sf.only('Task')).toMatchObject({
        Id: id,
        Description: expect.stringContaining('Outcome: Not a fit'),
      })
      expect(sf.only('Task').Subject).toBe(
        isInstalled ? 'Chat with Sofia Ricci' : 'Chat with Sofia Ricci [foyer-chat-42]',
      )
    },
  )

  test('a chat whose answer broke off is found again, also when the lead was converted since', async () => {
    sf.standIn.fails({ on: /^POST .*Task/, does: 'truncate' })
    await expect(logConversation(sf.crm(), sofia, chat)).rejects.toMatchObject({ outcome: 'unknown' })
    sf.org.convert(sofia.id)
    await logConversation(sf.crm(), sofia, { ...chat, mayExist: true })
    expect(sf.org.schema.typeOf(String(sf.only('Task').WhoId))).toBe('Contact')
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
    expect(sf.only('Task').Status).toBe('Erledigt')
  })

  test('an entry from before the key field was installed is not written again', async () => {
    const { id } = await logConversation(sf.crm(), sofia, chat)
    sf.installKeyField()
    await logConversation(sf.crm(), sofia, { ...chat, knownId: id })
    expect(sf.only('Task')).toMatchObject({ Foyer_Key__c: 'foyer-chat-42', Subject: 'Chat with Sofia Ricci' })
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
      if (isInstalled) sf.installKeyField()
      const { id } = await logMeeting(sf.crm(), sofia, meeting)
      const moved = {
        ...meeting,
        start: new Date('2026-12-02T09:00:00Z'),
        end: new Date('2026-12-02T09:30:00Z'),
      }
      await logMeeting(sf.crm(), sofia, { ...moved, mayExist: true })
      expect(sf.only('Event')).toMatchObject({
        Id: id,
        StartDateTime: '2026-12-02T09:00:00.000+0000',
        ShowAs: 'Busy',
      })
      await logMeeting(sf.crm(), sofia, { ...moved, knownId: id, state: 'cancelled' })
      expect(sf.only('Event')).toMatchObject({
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
