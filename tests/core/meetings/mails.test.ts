import ICAL from 'ical.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GuestMeeting } from '#core/contracts/meetings.ts'
import { sweepClocks } from '#core/features/meetings/clocks.ts'
import { startFoyer, type TestFoyer } from '#tests/support/foyer.ts'
import { HttpClient } from '#tests/support/http-client.ts'
import { mailParts } from '#tests/support/mail-parts.ts'
import { waitFor } from '#tests/support/wait.ts'
import { type MailServer, startMailServer } from '#tests/workers/support/mail-server.ts'
import { Guest, share, sharedCalendar } from './a-booking.ts'

let mailServer: MailServer
let foyer: TestFoyer

beforeAll(async () => {
  mailServer = await startMailServer()
  foyer = await startFoyer({
    config: { smtpUrl: mailServer.url, publicUrl: 'https://chat.example.com' },
  })
})
afterAll(async () => {
  await foyer.close()
  await mailServer.close()
})

const subjectOf = (raw: string) =>
  /^Subject: (.*)$/m.exec(raw.replaceAll(/\r\n[ \t]+/g, ' '))?.[1]?.trim() ?? ''

/** What has arrived for somebody, the first one first. */
const arrivedFor = (address: string) =>
  mailServer.received
    .filter(({ to }) => to[0] === address)
    .map(({ raw }) => {
      const parts = mailParts(raw)
      return {
        subject: subjectOf(raw),
        text: parts.find(({ type }) => type.startsWith('text/plain'))?.text.replaceAll('\r\n', '\n') ?? '',
        calendar: parts.find(({ type }) => type.startsWith('text/calendar')),
      }
    })

const arrives = (address: string, subject: string) =>
  waitFor(`“${subject}” arrives`, () => arrivedFor(address).find((mail) => mail.subject === subject))

/** As a calendar opens what came with a mail. */
function opened({ calendar }: ReturnType<typeof arrivedFor>[number]) {
  const root = new ICAL.Component(ICAL.parse(calendar?.text ?? ''))
  const [one, ...others] = root.getAllSubcomponents('vevent')
  if (!one || others.length > 0) throw new Error('There is not one event in it')
  const event = new ICAL.Event(one)
  return {
    method: root.getFirstPropertyValue('method'),
    ofPart: /method=(\w+)/.exec(calendar?.type ?? '')?.[1],
    uid: event.uid,
    sequence: event.sequence,
    status: one.getFirstPropertyValue('status'),
    summary: event.summary,
    location: event.location,
    description: event.description,
    start: event.startDate.toJSDate().toISOString(),
    end: event.endDate.toJSDate().toISOString(),
    organizer: event.organizer,
    attendees: event.attendees.map((attendee) => String(attendee.getFirstValue()).toLowerCase()),
  }
}

test('a calendar that gets its news by mail books, moves and ends the same event, each newer than the last', async () => {
  const { host, guest, email } = await sharedCalendar(foyer)
  const { slots } = await guest.slots()
  const booked = await guest.books(slots[0]?.start, { email })
  const http = new HttpClient(foyer.origin)
  const path = `/meeting/${booked.token}`
  await arrives(email, `Your meeting with ${host.me.name}, Meridian Industries`)
  const moved = await http.post<GuestMeeting>(`${path}/reschedule`, { start: slots[6]?.start })
  await arrives(email, `Your meeting with ${host.me.name} has moved`)
  await http.post(`${path}/cancel`)
  await arrives(email, `Your meeting with ${host.me.name} is cancelled`)
  await waitFor('the host has got all three', () => arrivedFor(host.me.email).length === 3)

  for (const address of [email, host.me.email]) {
    const events = arrivedFor(address)
      .map(opened)
      .map(({ summary: _summary, location: _location, description: _description, ...event }) => event)
    const both = {
      uid: `${booked.id}@foyer`,
      organizer: `mailto:${host.me.email}`,
      attendees: [`mailto:${email}`],
    }
    expect(events).toEqual([
      {
        ...both,
        method: 'REQUEST',
        ofPart: 'REQUEST',
        sequence: 0,
        status: 'CONFIRMED',
        start: booked.start,
        end: booked.end,
      },
      {
        ...both,
        method: 'REQUEST',
        ofPart: 'REQUEST',
        sequence: 1,
        status: 'CONFIRMED',
        start: moved.start,
        end: moved.end,
      },
      {
        ...both,
        method: 'CANCEL',
        ofPart: 'CANCEL',
        sequence: 2,
        status: 'CANCELLED',
        start: moved.start,
        end: moved.end,
      },
    ])
  }
  const [first] = arrivedFor(email)
  const link = /https:\/\/chat\.example\.com\/meeting\/(\S+)/.exec(first?.text ?? '')?.[1]
  expect(await http.get<GuestMeeting>(`/meeting/${link}`)).toMatchObject({
    id: booked.id,
    state: 'cancelled',
  })
})

test('the host reads the chat that it was booked in, who it is in the CRM, and what both are told of it', async () => {
  const { host, visitor, conversationId, guest, email } = await sharedCalendar(foyer, {
    title: '{{name}} of {{company}} and {{agent}}',
    body: 'Bring {{note}}, {{ email }}',
    location: 'Room 4',
  })
  const crmLink = 'https://meridian.my.salesforce.com/00Q000000000001AAA'
  await foyer.pool.query(
    `insert into people_mirror (connector, external_id, email, record_url, read_at) values ('salesforce', '00Q1', $1, $2, $3)`,
    [email, crmLink, foyer.clock.now()],
  )
  await visitor.says('It is about lamps', { conversationId })
  const { slots } = await guest.slots()
  await guest.books(slots[0]?.start, { email, note: 'For the hall' })
  const mail = await arrives(host.me.email, 'Sofia Ricci has booked a meeting with you')
  const { text } = mail
  expect(text).toContain(`In the CRM: ${crmLink}`)
  expect(text).toContain('Where: Room 4')
  expect(text).toContain('Their note:\nFor the hall')
  const toGuest = await arrives(email, `Your meeting with ${host.me.name}, Meridian Industries`)
  expect(toGuest.text).toContain(`Bring For the hall, ${email}`)
  expect(toGuest.text).not.toContain(crmLink)
  for (const one of [mail, toGuest]) {
    const event = opened(one)
    expect(event).toMatchObject({
      // what nobody said leaves no hole
      summary: `Sofia Ricci of and ${host.me.name}`,
      location: 'Room 4',
    })
    expect(event.description).toContain(`Bring For the hall, ${email}`)
  }
  expect(text).toMatch(/The chat so far:\n(.*\n)*.*Sofia Ricci: It is about lamps/)
})

test('of a colleague’s chat that goes on the host reads nothing until it has ended, and then all of it', async () => {
  const { host: colleague, visitor, conversationId, email } = await sharedCalendar(foyer)
  const host = await foyer.agent({ online: false })
  const { token } = await share(colleague, conversationId, host.id)
  const guest = new Guest(foyer.origin, token)
  const { slots } = await guest.slots()
  await guest.books(slots[0]?.start, { email })
  const { text } = await arrives(host.me.email, 'Sofia Ricci has booked a meeting with you')
  expect(text).toContain('comes to you when it has ended')
  expect(text).not.toContain('May I see you?')
  await visitor.says('It is about lamps', { conversationId })
  await colleague.ends(conversationId)
  const later = await arrives(host.me.email, 'Your meeting with Sofia Ricci: the chat it came from')
  expect(later.text).toMatch(/Sofia Ricci: May I see you\?\n(.*\n)*.*Sofia Ricci: It is about lamps/)
  const { rows } = await foyer.pool.query('select from meetings where transcript_due')
  expect(rows).toEqual([])
  expect(arrivedFor(host.me.email)).toHaveLength(2)
})

test('whoever’s clock is set by other rules than when they booked is told, once, and the meeting stays at its moment', async () => {
  const { host, guest, email } = await sharedCalendar(foyer)
  const { slots } = await guest.slots()
  const booked = await guest.books(slots[0]?.start, { email })
  await arrives(host.me.email, 'Sofia Ricci has booked a meeting with you')
  await sweepClocks(foyer.app.services)
  const changed = (name: string) => `Your meeting with ${name}: your clock shows another time`
  const told = (address: string) =>
    arrivedFor(address).filter(({ subject }) => subject.includes('another time'))
  // as if it had been booked by a database of zones in which clocks in Rome stand an hour later
  const before = booked.wallTime.replace(/T../, 'T01')
  const byOldRules = (column: string) =>
    foyer.pool.query(`update meetings set ${column} = $2 where id = $1`, [booked.id, before])
  await byOldRules('wall_time')
  for (let turn = 0; turn < 2; turn++) await sweepClocks(foyer.app.services)
  const { text } = await arrives(email, changed(host.me.name))
  expect(text).toContain(`it was to be at ${before.replace('T', ' ')}`)
  expect(text).toContain(`${booked.wallTime.slice(11)}–`)
  expect(text).toContain('https://chat.example.com/meeting/')
  await byOldRules('agent_wall_time')
  await sweepClocks(foyer.app.services)
  await arrives(host.me.email, changed('Sofia Ricci'))
  expect([told(email).length, told(host.me.email).length]).toEqual([1, 1])
  expect(await new HttpClient(foyer.origin).get(`/meeting/${booked.token}`)).toMatchObject({
    start: booked.start,
    wallTime: booked.wallTime,
  })
})

// moves the clock, so it comes last
test('a guest is reminded once, some time before; of a meeting that is over or so near, never', async () => {
  const at = (days: number) =>
    `${new Date(foyer.clock.now().getTime() + days * 86_400_000).toISOString().slice(0, 10)}T12:00:00.000Z`
  const { host, guest } = await sharedCalendar(foyer, { reminderMinutes: 600 })
  const to = (name: string) => ({ email: `${name}.${host.id.slice(-8)}@northwind.test` })
  const [kept, cancelled, moved] = [to('kept'), to('cancelled'), to('moved')]
  await guest.books(at(3), kept)
  const http = new HttpClient(foyer.origin)
  await http.post(`/meeting/${(await guest.books(at(3).replace('12:00', '13:00'), cancelled)).token}/cancel`)
  const later = await guest.books(at(3).replace('12:00', '14:00'), moved)
  await http.post(`/meeting/${later.token}/reschedule`, { start: at(5) })
  const subject = `Your meeting with ${host.me.name} is soon`
  const reminded = (one: { email: string }) =>
    arrivedFor(one.email).filter((mail) => mail.subject === subject)

  foyer.advance(Date.parse(at(3)) - 600 * 60_000 - foyer.clock.now().getTime() + 1_000)
  const { text } = await arrives(kept.email, subject)
  expect(text).toContain(`You meet ${host.me.name} soon:`)
  expect(text).toContain('https://chat.example.com/meeting/')
  const near = to('near')
  await guest.books(at(0).replace('12:00', '09:00'), near).catch(() => undefined)
  foyer.advance(Date.parse(later.start) + 2 * 86_400_000 - 600 * 60_000 - foyer.clock.now().getTime() + 1_000)
  await arrives(moved.email, subject)
  expect([kept, cancelled, moved, near].map((one) => reminded(one).length)).toEqual([1, 0, 1, 0])
})
