import { expect, onTestFinished, test } from 'vitest'
import { googleCalendar } from '#connectors/google-calendar/index.ts'
import { scopes } from '#connectors/google-calendar/oauth.ts'
import type { GoogleStandInOptions } from '#connectors/google-calendar/stand-in/index.ts'
import { aMeeting } from '#connectors/sdk/conformance/calendar-samples.ts'
import { Session } from '#connectors/sdk/conformance/session.ts'
import {
  DuplicateError,
  ProviderForbiddenError,
  RateLimitedError,
  ReconnectNeededError,
  RecordGoneError,
} from '#connectors/sdk/errors.ts'
import { aGoogleVendor } from './a-vendor.ts'

const { calendar } = googleCalendar

async function connected(options?: GoogleStandInOptions) {
  const vendor = await aGoogleVendor(options)
  const session = await Session.start(googleCalendar, vendor)
  onTestFinished(() => session.end())
  return { google: vendor.google, calendars: vendor.calendars, session, connection: session.connection() }
}

test('a video link that takes a moment is waited for', async () => {
  const { connection, calendars } = await connected({ pendingReads: 2 })
  const made = await calendar.insertEvent(connection, calendars.main, aMeeting({ wantsVideo: true }))
  expect(made.video).toEqual({ state: 'ready', url: 'https://meet.google.com/0195f3c2a1' })
})

test('a video link that takes too long comes with a later reading', async () => {
  const { connection, calendars } = await connected({ pendingReads: 5 })
  const made = await calendar.insertEvent(connection, calendars.main, aMeeting({ wantsVideo: true }))
  expect(made.video).toEqual({ state: 'pending', url: null })
  const ref = { calendarId: calendars.main, id: made.id }
  await calendar.readEvent(connection, ref)
  expect((await calendar.readEvent(connection, ref))?.video.state).toBe('ready')
})

test('an event of somebody else under our id is not taken for ours', async () => {
  const { google, connection, calendars } = await connected()
  const { id, start, end } = aMeeting()
  google.store.addEvent(calendars.main, {
    id,
    start: { dateTime: start.toISOString() },
    end: { dateTime: end.toISOString() },
  })
  await expect(calendar.insertEvent(connection, calendars.main, aMeeting())).rejects.toThrow(DuplicateError)
})

test('an event that was deleted before its insert is repeated comes back as cancelled', async () => {
  const { google, connection, calendars } = await connected()
  const { id } = await calendar.insertEvent(connection, calendars.main, aMeeting())
  google.store.changeEvent(calendars.main, id, { status: 'cancelled' })
  const again = await calendar.insertEvent(connection, calendars.main, aMeeting())
  expect(again.state).toBe('cancelled')
})

test('a calendar that vanished within a 200 is told as gone, one that fails as unknown', async () => {
  const { google, connection, calendars } = await connected()
  const { start, end } = aMeeting()
  const ask = () =>
    calendar.busy(connection, { calendarIds: [calendars.other], timeZone: 'UTC', from: start, to: end })
  google.busyErrors.set(calendars.other, 'notFound')
  await expect(ask()).rejects.toThrow(RecordGoneError)
  google.busyErrors.set(calendars.other, 'internalError')
  await expect(ask()).rejects.toThrow('could not say when')
})

test('a calendar that may only be read takes no meetings, and says what to do', async () => {
  const { google, connection } = await connected()
  google.store.addCalendar({ id: 'readonly', owner: 'dana@foyer.test', accessRole: 'reader' })
  const listed = await calendar.calendars(connection)
  expect(listed.find(({ id }) => id === 'readonly')?.mayWrite).toBe(false)
  await expect(calendar.insertEvent(connection, 'readonly', aMeeting())).rejects.toThrow(
    ProviderForbiddenError,
  )
})

test('too many calls are a 403 whose reason tells it from a missing right', async () => {
  const { google, connection } = await connected()
  google.faults.plan((_, path) => path.endsWith('/calendarList'), 'limited')
  await expect(calendar.calendars(connection)).rejects.toThrow(RateLimitedError)
})

test('a box that was left unticked at Google asks to connect again', async () => {
  const { google, session } = await connected()
  google.oauth.withhold(scopes[1] ?? '')
  session.account = { id: '', name: '', details: { scopes: scopes.slice(1).join(' ') } }
  await expect(googleCalendar.identify(session.connection())).rejects.toThrow(ReconnectNeededError)
})

test('a channel ends at its time, and another may be open beside it', async () => {
  const { google, session, connection, calendars } = await connected({ channelLifetimeMs: 3_600_000 })
  const open = (id: string) =>
    calendar.channels.open(connection, calendars.main, {
      id,
      token: 't',
      address: 'https://foyer.example.com/h',
    })
  const { expiresAt } = await open('first')
  expect(expiresAt.getTime() - google.now().getTime()).toBeGreaterThan(3_500_000)
  session.vendor.advance(3_500_000)
  await open('second')
  expect(google.channels.count()).toBe(2)
  session.vendor.advance(200_000)
  expect(google.channels.count()).toBe(1)
})
