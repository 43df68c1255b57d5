import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { expect } from 'vitest'
import type { Meeting } from '#core/contracts/meetings.ts'
import type { WidgetConversation } from '#core/contracts/widget.ts'
import { retireEverybody } from '#tests/core/retire.ts'
import { type TestFoyer, test } from '#tests/support/foyer.ts'
import { aPng, sendFile } from '#tests/support/upload.ts'
import { Guest, setMeetingSettings, share } from '../meetings/a-booking.ts'
import { visitorLine } from '../realtime/line.ts'
import { Browser, identityOf } from './signed.ts'

/** What an anonymous visitor booked and sent, when they turn out to be somebody known from another browser. */

test.afterEach(({ foyer }) => retireEverybody(foyer))

const bookALink = ({ http }: Browser) => http.post<{ token: string }>('/widget/booking-links')

/** Somebody known from a laptop, who has not signed in on the phone yet, where they have asked for a chat. */
async function twoBrowsers(foyer: TestFoyer) {
  const sub = `user-${randomUUID()}`
  const laptop = await Browser.open(foyer, identityOf(foyer, sub, { email: `${sub}@northwind.test` }))
  const phone = await Browser.open(foyer)
  const host = await foyer.agent()
  await setMeetingSettings(host, {})
  const { id } = await phone.http.post<WidgetConversation>('/widget/conversations', {
    text: 'May I see you?',
    clientId: randomUUID(),
  })
  await host.accepts(id)
  return { host, laptop, phone, id, signIn: () => phone.comesBack(identityOf(foyer, sub)) }
}

/** As the browser whose token this is. */
const guestOf = (foyer: TestFoyer, token: string, browser: Browser) => new Guest(foyer.origin, token, browser)

test('a meeting that was booked in the chat is still theirs to move and cancel', async ({ foyer }) => {
  const { host, laptop, phone, id, signIn } = await twoBrowsers(foyer)
  const { token } = await share(host, id)
  const guest = guestOf(foyer, token, phone)
  const booked = await guest.books((await guest.slots()).slots[0]?.start)
  const line = await visitorLine(foyer)
  line.send({ type: 'hello', token: laptop.session.token })
  await line.frame('welcome')

  await signIn()
  await line.frame('meeting', ({ meetingId }) => meetingId === booked.id)
  for (const browser of [phone, laptop]) {
    const { meetings } = await guestOf(foyer, token, browser).page()
    expect(meetings.map((meeting) => [meeting.id, meeting.token])).toEqual([[booked.id, booked.token]])
  }
  const ofVisitor = await host.http.get<{ meetings: Meeting[] }>(
    `/meetings?scope=mine&when=upcoming&visitorId=${laptop.session.visitorId}`,
  )
  expect(ofVisitor.meetings.map((meeting) => meeting.id)).toEqual([booked.id])
  await host.http.post(`/meetings/${booked.id}/cancel`, {})
  await line.frame('meeting', ({ state }) => state === 'cancelled')
  await line.close()
})

test('what lost its visitor in an older version has them again by their chat', async ({ foyer }) => {
  const { host, phone, id } = await twoBrowsers(foyer)
  const { token } = await share(host, id)
  const guest = guestOf(foyer, token, phone)
  const booked = await guest.books((await guest.slots()).slots[0]?.start)
  await foyer.pool.query('update calendar_shares set visitor_id = null where token = $1', [token])
  await foyer.pool.query('update meetings set visitor_id = null where id = $1', [booked.id])
  const file = new URL('../../../core/db/migrations/0037-booked-before-signing-in.sql', import.meta.url)
  await foyer.pool.query(await readFile(file, 'utf8'))
  expect((await guest.page()).meetings).toMatchObject([{ id: booked.id, token: booked.token }])
  const { rows } = await foyer.pool.query('select visitor_id from meetings where id = $1', [booked.id])
  expect(rows).toEqual([{ visitor_id: phone.session.visitorId }])
})

test('*Book a meeting* leads to what was booked before, by one link', async ({ foyer }) => {
  const { host, laptop, phone, signIn } = await twoBrowsers(foyer)
  await foyer.pool.query(`update sites set settings = settings || $2::jsonb where id = $1`, [
    foyer.site.id,
    JSON.stringify({ booking: { by: 'agent', agentId: host.id } }),
  ])
  const { token } = await bookALink(phone)
  const guest = guestOf(foyer, token, phone)
  await guest.books((await guest.slots()).slots[0]?.start)
  await signIn()
  expect(await bookALink(phone)).toEqual({ token })
  expect(await bookALink(laptop)).toEqual({ token })
})

test('files that were sent before count for whoever sent them', async ({ foyer }) => {
  const { laptop, phone, id, signIn } = await twoBrowsers(foyer)
  await sendFile(phone.http, `/widget/conversations/${id}/files`, aPng())
  await signIn()
  const { rows } = await foyer.pool.query('select sender_id from files where conversation_id = $1', [id])
  expect(rows).toEqual([{ sender_id: laptop.session.visitorId }])
})

test('a booking that waits while the visitor signs in is booked for whoever they are', async ({ foyer }) => {
  const { host, laptop, phone, id, signIn } = await twoBrowsers(foyer)
  const { token } = await share(host, id)
  const guest = guestOf(foyer, token, phone)
  const { slots } = await guest.slots()
  // both wait for the same turn; whoever has it first
  const turn = await foyer.pool.connect()
  const turnOf = `bookings of ${phone.session.visitorId}`
  await turn.query('select pg_advisory_lock(hashtextextended($1, 0))', [turnOf])
  const signing = signIn()
  const booking = guest.books(slots[0]?.start)
  try {
    await expect
      .poll(
        async () =>
          (await foyer.pool.query(`select from pg_locks where locktype = 'advisory' and not granted`))
            .rowCount,
      )
      .toBe(2)
  } finally {
    await turn.query('select pg_advisory_unlock(hashtextextended($1, 0))', [turnOf])
    turn.release()
  }
  const [, { id: meetingId }] = await Promise.all([signing, booking])
  const { rows } = await foyer.pool.query('select visitor_id from meetings where id = $1', [meetingId])
  expect(rows).toEqual([{ visitor_id: laptop.session.visitorId }])
})
