import { expect, onTestFinished, test } from 'vitest'
import { googleCalendar } from '#connectors/google-calendar/index.ts'
import { aMeeting, at } from '#connectors/sdk/conformance/calendar-samples.ts'
import { Session } from '#connectors/sdk/conformance/session.ts'
import type { StandIn } from '#connectors/sdk/stand-in.ts'
import { aGoogleVendor } from './a-vendor.ts'
import { type Exchange, problemsOf } from './contract/validate.ts'

const { calendar } = googleCalendar

/** Hears all that is said with Google's calendars. */
function overheard(exchanges: Exchange[]) {
  return (handle: StandIn): StandIn =>
    async (request) => {
      const url = new URL(request.url)
      const text = await request.clone().text()
      const answer = await handle(request)
      const isOurs = url.pathname.startsWith('/calendar/v3/')
      const said = isOurs && answer.ok ? await answer.clone().text() : ''
      if (isOurs)
        exchanges.push({
          method: request.method,
          url,
          body: text === '' ? null : JSON.parse(text),
          answer: said === '' ? null : JSON.parse(said),
        })
      return answer
    }
}

test('all that Foyer sends to Google, and all that its stand-in answers, is in Google’s discovery document', async () => {
  const exchanges: Exchange[] = []
  const vendor = await aGoogleVendor({}, overheard(exchanges))
  const session = await Session.start(googleCalendar, vendor)
  onTestFinished(() => session.end())
  const connection = session.connection()
  const { main, other } = vendor.calendars
  const between = { timeZone: 'Europe/Berlin', from: at(0, 1), to: at(0, 30) }
  const ref = { calendarId: main, id: aMeeting().id }

  await googleCalendar.identify(connection)
  await calendar.calendars(connection)
  const begun = await calendar.changes(connection, main, null)
  await vendor.addEvent(main, { time: { from: '2027-06-15', until: '2027-06-16' }, kind: 'declined' })
  await vendor.addEvent(main, { time: { start: at(9), end: at(10) }, weeks: 3 })
  await vendor.addEvent(main, { time: { start: at(9), end: at(10) }, kind: 'transparent' })
  // the second finds what the first has made
  for (let turn = 0; turn < 2; turn++)
    await calendar.insertEvent(connection, main, aMeeting({ wantsVideo: true, location: 'Room 4' }))
  const event = await calendar.readEvent(connection, ref)
  const time = { start: at(11), end: at(12), timeZone: 'Europe/Berlin' }
  const change = { title: 'Moved', body: 'Later', location: null, time }
  await calendar.changeEvent(connection, ref, change, event?.etag ?? null)
  await calendar.busy(connection, { ...between, calendarIds: [main, other], except: ref })
  await calendar.cancelEvent(connection, ref)
  for (let cursor = begun.cursor, done = false; !done; ) {
    const page = await calendar.changes(connection, main, cursor)
    ;({ cursor, done } = page)
  }
  const channel = { id: 'channel-1', token: 'token', address: 'https://foyer.example.com/hook' }
  const { resourceId } = await calendar.channels.open(connection, main, channel)
  await calendar.channels.close(connection, { id: channel.id, resourceId })

  const found = exchanges.map(problemsOf)
  expect(found.filter(({ problems }) => problems.length > 0)).toEqual([])
  expect([...new Set(found.map(({ id }) => id.replace('calendar.', '')))].sort()).toEqual([
    'calendarList.get',
    'calendarList.list',
    'channels.stop',
    'events.delete',
    'events.get',
    'events.insert',
    'events.list',
    'events.patch',
    'events.watch',
    'freebusy.query',
  ])
})

test('what the document does not have is found', () => {
  const asked = (query: string, body: unknown = null): Exchange => ({
    method: 'GET',
    url: new URL(`https://google.test/calendar/v3/calendars/a/events?${query}`),
    body,
    answer: { items: [{ id: 1, made: 'up' }] },
  })
  expect(
    problemsOf(asked('maxResults=many&when=now&orderBy=size&fields=items(id,start(dateTime,hour)),more'))
      .problems,
  ).toEqual([
    'maxResults is no integer',
    'there is no when',
    'orderBy is size',
    'the mask names items.start.hour',
    'the mask names more',
    'answer.items[0].id is no string',
    'there is no answer.items[0].made',
  ])
})
