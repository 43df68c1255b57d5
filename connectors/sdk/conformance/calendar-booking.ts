import assert from 'node:assert/strict'
import { ProviderConflictError, ProviderUnavailableError, RecordGoneError } from '../errors.ts'
import { aMeeting, at, busyTimes, type CalendarSession, stretch } from './calendar-samples.ts'
import type { Rule } from './index.ts'
import type { CalendarVendor } from './vendor.ts'

const insert = (session: CalendarSession, meeting = aMeeting()) =>
  session.calendar.insertEvent(session.connection(), session.vendor.calendars.main, meeting)
const refOf = (session: CalendarSession, id = aMeeting().id) => ({
  calendarId: session.vendor.calendars.main,
  id,
})

export const calendarBookingTests: Rule<CalendarVendor>[] = [
  {
    name: 'a meeting is put into the calendar as it is, and is busy there',
    run: async (session) => {
      const made = await insert(session)
      assert.equal(made.state, 'confirmed')
      assert.deepEqual(stretch(made.start, made.end), stretch(at(9), at(10)))
      assert.deepEqual(made.guests, [{ email: aMeeting().guest.email, response: 'needs_action' }])
      assert.deepEqual(await busyTimes(session), [stretch(at(9), at(10))])
      const read = await session.calendar.readEvent(session.connection(), refOf(session))
      assert.deepEqual(read, made)
    },
  },
  {
    name: 'what a visitor typed stays text',
    run: async (session) => {
      const title = 'A <script>alert(1)</script>; B, C\\nD\nEND:VEVENT\r\nBEGIN:VEVENT "E" =F 😀'
      await insert(session, aMeeting({ title, body: title, location: title }))
      const { main } = session.vendor.calendars
      assert.deepEqual(await session.vendor.eventIds(main), [aMeeting().id])
      const shown = await session.vendor.titleOf(main, aMeeting().id)
      assert.equal(shown.replaceAll(/\s+/g, ' '), title.replaceAll(/\s+/g, ' '))
    },
  },
  {
    name: 'the same meeting again is the same event',
    run: async (session) => {
      const first = await insert(session)
      assert.deepEqual(await insert(session), first)
      assert.deepEqual(await session.vendor.eventIds(session.vendor.calendars.main), [first.id])
    },
  },
  {
    name: 'the guest is written to once for each thing that happens',
    needs: 'mailsAbout',
    run: async (session) => {
      const { vendor, calendar } = session
      const { id } = await insert(session)
      await insert(session)
      assert.equal(vendor.mailsAbout?.(id), 1)
      const time = { start: at(11), end: at(12), timeZone: 'Europe/Berlin' }
      await calendar.changeEvent(session.connection(), refOf(session), { time }, null)
      assert.equal(vendor.mailsAbout?.(id), 2)
      await calendar.cancelEvent(session.connection(), refOf(session))
      await calendar.cancelEvent(session.connection(), refOf(session))
      assert.equal(vendor.mailsAbout?.(id), 3)
    },
  },
  ...(['lost_answer', 'truncated', 'down', 'no_answer'] as const).map(
    (fault): Rule<CalendarVendor> => ({
      name: `of an event without an answer nobody knows, and asking again makes one of it: ${fault}`,
      run: async (session) => {
        session.vendor.fail('write', fault)
        const outcome = await session.outcome(insert(session))
        if (outcome instanceof ProviderUnavailableError) assert.equal(outcome.outcome, 'unknown')
        assert.equal((await insert(session)).state, 'confirmed')
        assert.equal((await session.vendor.eventIds(session.vendor.calendars.main)).length, 1)
      },
    }),
  ),
  {
    name: 'an event is moved only in the version that was seen',
    run: async (session) => {
      const { calendar, vendor } = session
      const made = await insert(session)
      await vendor.moveEvent(vendor.calendars.main, made.id, { start: at(14), end: at(15) })
      const time = { start: at(11), end: at(12), timeZone: 'Europe/Berlin' }
      const move = (etag: string | null) =>
        calendar.changeEvent(session.connection(), refOf(session), { time, title: 'Moved' }, etag)
      assert((await session.refusal(move(made.etag))) instanceof ProviderConflictError)
      assert.deepEqual(await busyTimes(session), [stretch(at(14), at(15))])
      const seen = await calendar.readEvent(session.connection(), refOf(session))
      const moved = await move(seen?.etag ?? null)
      assert.deepEqual(stretch(moved.start, moved.end), stretch(at(11), at(12)))
      assert.deepEqual(await busyTimes(session), [stretch(at(11), at(12))])
      assert.equal(await vendor.titleOf(vendor.calendars.main, made.id), 'Moved')
    },
  },
  {
    name: 'a meeting does not stand in its own way when it is moved, and others do',
    run: async (session) => {
      await insert(session)
      const { main } = session.vendor.calendars
      await session.vendor.addEvent(main, { time: { start: at(10), end: at(11) } })
      assert.deepEqual(await busyTimes(session, { except: refOf(session) }), [stretch(at(10), at(11))])
    },
  },
  {
    name: 'a cancelled meeting is gone, once and for all',
    run: async (session) => {
      const { calendar } = session
      await insert(session)
      await calendar.cancelEvent(session.connection(), refOf(session))
      await calendar.cancelEvent(session.connection(), refOf(session))
      assert.deepEqual(await busyTimes(session), [])
      const read = await calendar.readEvent(session.connection(), refOf(session))
      assert(read === null || read.state === 'cancelled')
      const change = calendar.changeEvent(session.connection(), refOf(session), { title: 'Back' }, null)
      assert((await session.refusal(change)) instanceof RecordGoneError)
      assert.deepEqual(await busyTimes(session), [])
    },
  },
  {
    name: 'what was never there is cancelled without a word, and reads as nothing',
    run: async (session) => {
      await session.calendar.cancelEvent(session.connection(), refOf(session, 'neverthere'))
      assert.equal(await session.calendar.readEvent(session.connection(), refOf(session, 'neverthere')), null)
    },
  },
  {
    name: 'a video link comes with the event, or later',
    run: async (session) => {
      const made = await insert(session, aMeeting({ wantsVideo: true }))
      if (session.calendar.video === null) return assert.equal(made.video.state, 'none')
      assert(made.video.state === 'ready' || made.video.state === 'pending')
    },
  },
]
