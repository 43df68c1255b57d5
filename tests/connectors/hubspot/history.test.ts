import { expect, test } from 'vitest'
import { seedSamplePeople } from '#connectors/hubspot/stand-in/sample-people.ts'
import type { StoredRecord } from '#connectors/hubspot/stand-in/store.ts'
import type { CrmActivity, CrmDescription } from '#connectors/sdk/crm.ts'
import { type Connected, connected, contact, crmOf } from './a-connection.ts'
import { standsAt } from './a-stand-in.ts'

const dayMs = 86_400_000
const last90Days = { from: new Date(standsAt - 90 * dayMs), to: new Date(standsAt) }

async function history({ crm }: Connected, id: string, between = last90Days): Promise<CrmActivity[]> {
  const all: CrmActivity[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<typeof crmOf.activities>> = await crmOf.activities(
      crm,
      contact(id),
      between,
      cursor,
    )
    all.push(...page.items)
    cursor = page.cursor
  } while (cursor !== null)
  return all.sort((a, b) => b.at.getTime() - a.at.getTime())
}

function aContact({ standIn }: Connected): StoredRecord {
  return standIn.store.create('contacts', { email: 'a@b.test' })
}

function aNote({ standIn }: Connected, of: StoredRecord, at: number, body = 'Note'): StoredRecord {
  const note = standIn.store.create('notes', { hs_note_body: body, hs_timestamp: String(at) })
  standIn.store.associate(note, of, [])
  return note
}

test('the last ninety days of Tom hold every kind of activity, each once', async () => {
  const world = await connected()
  seedSamplePeople(world.standIn)
  const tom = world.standIn.store.findByEmail('tom.becker@contoso.test')
  const all = await history(world, tom?.id ?? '')
  expect(all.map(({ kind, title }) => [kind, title])).toEqual([
    ['email', 'Your quote for 40 seats'],
    ['call', 'Call about the roll-out'],
    ['campaign', 'Autumn newsletter'],
    ['task', 'Send the security paper'],
    ['meeting', 'Demo for Contoso'],
    ['form', 'Contoso pricing page: Request a demo'],
  ])
  expect(all[0]).toMatchObject({
    detail: 'Hello Tom,\nattached is the quote we talked about.\nMarco',
    sameAs: ['message-id:<quote-40@foyer.test>'],
    foyerKey: null,
  })
  expect(all[1]?.detail).toBe('Wants to start with the Berlin office.')
  const ever = await history(world, tom?.id ?? '', { from: new Date(0), to: new Date(standsAt) })
  expect(ever).toHaveLength(10)
  expect(new Set(ever.map(({ id }) => id)).size).toBe(10)
})

test('ninety days ago to the millisecond is in, one earlier is out', async () => {
  const world = await connected()
  const of = aContact(world)
  const edge = aNote(world, of, last90Days.from.getTime())
  aNote(world, of, last90Days.from.getTime() - 1)
  aNote(world, of, standsAt + 1)
  expect((await history(world, of.id)).map(({ id }) => id)).toEqual([`note-${edge.id}`])
})

test('a long history is read to its end, in pages, with more records than a batch takes', async () => {
  const world = await connected({ associationsPerPage: 120, perTenSeconds: 1_000 })
  const of = aContact(world)
  for (let i = 0; i < 250; i += 1) aNote(world, of, standsAt - i * 1_000)
  const all = await history(world, of.id)
  expect(all).toHaveLength(250)
  expect(world.asked('POST /crm/v3/objects/notes/batch/read')).toBe(5)
})

test('the history of two merged contacts is one', async () => {
  const world = await connected()
  const of = aContact(world)
  const other = world.standIn.store.create('contacts', { email: 'c@d.test' })
  aNote(world, of, standsAt - 1)
  aNote(world, other, standsAt - 2)
  world.standIn.store.merge(of, other)
  expect(await history(world, of.id)).toHaveLength(2)
  expect(await history(world, other.id)).toHaveLength(2)
})

test('without the scope for them, e-mails come redacted and the history still comes', async () => {
  const scopes = [
    'oauth',
    'crm.objects.contacts.read',
    'crm.objects.companies.read',
    'crm.objects.owners.read',
  ]
  const world = await connected({ scopes })
  seedSamplePeople(world.standIn)
  const tom = world.standIn.store.findByEmail('tom.becker@contoso.test')
  const [first] = await history(world, tom?.id ?? '')
  expect(first).toMatchObject({ kind: 'email', title: '[Redacted]' })
})

const aChat = (more = {}) => ({
  key: 'foyer-chat-42',
  knownId: null,
  mayExist: false,
  subject: 'Chat with Tom Becker',
  startedAt: new Date(standsAt - 600_000),
  endedAt: new Date(standsAt),
  transcript: '10:00  Tom: Is <b>this</b> & that "on"?\n10:01  Dana: Yes',
  outcome: 'qualified',
  agentName: 'Dana Whitfield',
  ownerId: null,
  link: 'https://chat.example.com/inbox/42?a=1&b=2',
  ...more,
})

test('a chat becomes a note with outcome and transcript, in which nothing a visitor wrote is HTML', async () => {
  const world = await connected()
  const of = aContact(world)
  const { id, url } = await crmOf.logConversation(world.crm, contact(of.id), aChat())
  const { hs_note_body: body, hs_timestamp } = world.standIn.store.get('notes', id).properties
  expect(body).toContain('Is &lt;b&gt;this&lt;/b&gt; &amp; that &quot;on&quot;?<br>10:01  Dana: Yes')
  expect(body).toContain('Outcome: qualified · Agent: Dana Whitfield')
  expect(body).toContain('<a href="https://chat.example.com/inbox/42?a=1&amp;b=2">')
  expect(hs_timestamp).toBe('2026-11-20T09:50:00.000Z')
  expect(url).toContain(`engagement=${id}`)
  const [shown] = await history(world, of.id)
  expect(shown).toMatchObject({ kind: 'note', foyerKey: 'foyer-chat-42' })
  expect(shown?.detail).not.toContain('Foyer reference')
})

test('the same chat again updates its note, by its id or by the key in it', async () => {
  const world = await connected()
  const of = aContact(world)
  const other = aChat({ key: 'foyer-chat-4' })
  await crmOf.logConversation(world.crm, contact(of.id), other)
  const { id } = await crmOf.logConversation(world.crm, contact(of.id), aChat())
  const known = await crmOf.logConversation(
    world.crm,
    contact(of.id),
    aChat({ knownId: id, outcome: 'spam' }),
  )
  const looked = await crmOf.logConversation(
    world.crm,
    contact(of.id),
    aChat({ mayExist: true, outcome: 'support' }),
  )
  expect([known.id, looked.id]).toEqual([id, id])
  expect(world.standIn.store.all('notes')).toHaveLength(2)
  expect(world.standIn.store.get('notes', id).properties.hs_note_body).toContain('Outcome: support')
})

test('a visitor who writes another chat’s reference does not make its note this one', async () => {
  const world = await connected()
  const of = aContact(world)
  const transcript = 'Tom: look\nFoyer reference: foyer-chat-7\n'
  await crmOf.logConversation(world.crm, contact(of.id), aChat({ transcript }))
  await crmOf.logConversation(world.crm, contact(of.id), aChat({ key: 'foyer-chat-7', mayExist: true }))
  expect(world.standIn.store.all('notes')).toHaveLength(2)
})

test('a transcript longer than HubSpot takes is cut, says so, and keeps its reference', async () => {
  const world = await connected()
  const of = aContact(world)
  const transcript = '<&>'.repeat(40_000)
  const { id } = await crmOf.logConversation(world.crm, contact(of.id), aChat({ transcript }))
  const body = world.standIn.store.get('notes', id).properties.hs_note_body ?? ''
  expect(body.length).toBeLessThanOrEqual(65_536)
  expect(body.length).toBeGreaterThan(65_500)
  expect(body).toMatch(/Cut here: .*Foyer reference: foyer-chat-42<\/p>$/)
})

const aMeeting = (more = {}) => ({
  key: 'foyer-meeting-9',
  knownId: null,
  mayExist: false,
  title: 'Demo',
  start: new Date(standsAt + dayMs),
  end: new Date(standsAt + dayMs + 1_800_000),
  body: 'Bring <laptop>',
  location: 'https://meet.example.com/x',
  state: 'booked' as const,
  ownerId: null,
  ...more,
})

test('a meeting is logged, moved and cancelled as one record', async () => {
  const world = await connected()
  const of = aContact(world)
  const { id } = await crmOf.logMeeting(world.crm, contact(of.id), aMeeting())
  expect(world.standIn.store.get('meetings', id).properties).toMatchObject({
    hs_meeting_title: 'Demo',
    hs_meeting_start_time: '2026-11-21T10:00:00.000Z',
    hs_meeting_end_time: '2026-11-21T10:30:00.000Z',
    hs_timestamp: '2026-11-21T10:00:00.000Z',
    hs_meeting_outcome: 'SCHEDULED',
    hs_meeting_external_url: 'https://meet.example.com/x',
    hs_meeting_body: '<p>Bring &lt;laptop&gt;</p><p>Foyer reference: foyer-meeting-9</p>',
  })
  const moved = aMeeting({ knownId: id, start: new Date(standsAt + 2 * dayMs), location: 'Room 4' })
  await crmOf.logMeeting(world.crm, contact(of.id), moved)
  await crmOf.logMeeting(world.crm, contact(of.id), aMeeting({ mayExist: true, state: 'cancelled' }))
  expect(world.standIn.store.all('meetings')).toHaveLength(1)
  expect(world.standIn.store.get('meetings', id).properties.hs_meeting_outcome).toBe('CANCELED')
})

test('the preview shows the values that would be sent, without sending', async () => {
  const { standIn, crm } = await connected()
  const preview = crmOf.previewOf({ type: 'logConversation', conversation: aChat() }, crmOf.mapping, null)
  expect(preview.record).toBe('Note on the contact')
  expect(preview.values[0]?.value).toContain('Tom: Is <b>this</b> & that "on"?')
  const person = {
    key: 'k',
    type: 'contact',
    values: { name: 'Nina Neu' },
    fixed: { lifecyclestage: 'customer' },
    ownerId: '7001',
  }
  const namesIn = (description: CrmDescription | null) =>
    crmOf.previewOf({ type: 'createPerson', person }, crmOf.mapping, description).values
  expect(namesIn(null)).toEqual([
    { field: 'First name', value: 'Nina' },
    { field: 'Last name', value: 'Neu' },
    { field: 'Lifecycle stage', value: 'customer' },
    { field: 'Contact owner', value: '7001' },
  ])
  expect(standIn.requests).toEqual([])
  // as the account itself calls them
  const description = await crmOf.describe(crm)
  const stage = description.types.contact?.fields.find(({ name }) => name === 'lifecyclestage')
  if (stage) stage.label = 'Lebensphase'
  expect(namesIn(description)).toContainEqual({ field: 'Lebensphase', value: 'Customer' })
})
