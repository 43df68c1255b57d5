import { oauth } from '#connectors/google-calendar/oauth.ts'
import { createGoogleStandIn, type GoogleStandInOptions } from '#connectors/google-calendar/stand-in/index.ts'
import type { CalendarVendor, OAuthVendor } from '#connectors/sdk/conformance/vendor.ts'
import { type StandIn, serveStandIn } from '#connectors/sdk/stand-in.ts'

const account = 'dana@foyer.test'

/** Dana's account at Google with two calendars, as the suite wants it. */
export async function aGoogleVendor(
  options: GoogleStandInOptions = {},
  around: (handle: StandIn) => StandIn = (handle) => handle,
) {
  const google = createGoogleStandIn({ account, pageSize: 2, ...options })
  const { store, requests } = google
  store.addCalendar({ id: account, owner: account, summary: 'Dana' })
  store.addCalendar({ id: 'team@group.calendar.google.com', owner: account, summary: 'Team' })
  const { origin, close } = await serveStandIn(around(google.handle))
  const isRead = (method: string, path: string) => method === 'GET' || path.endsWith('/freeBusy')
  const vendor: CalendarVendor & OAuthVendor = {
    origin,
    client: { id: 'stand-in-app', secret: 'stand-in-secret' },
    close,
    now: google.now,
    advance: google.advance,
    async grant() {
      const { access_token, refresh_token } = await google.oauth.grantNow(oauth.scopes)
      return { accessToken: access_token, refreshToken: refresh_token }
    },
    async agree(authorizeUrl) {
      return (await google.handle(new Request(authorizeUrl))).headers.get('location') ?? ''
    },
    expireTokens: google.oauth.dropAccessTokens,
    revokeGrant: google.oauth.revokeAll,
    refuseTokens: google.oauth.refuseAll,
    refreshes: google.oauth.refreshes,
    calls: () => requests.length,
    limitErrors: () => requests.filter(({ status }) => status === 429).length,
    fail: (next, how) =>
      google.faults.plan(
        (method, path) => path.startsWith('/calendar/') && isRead(method, path) === (next === 'read'),
        how,
      ),
    calendars: { main: account, other: 'team@group.calendar.google.com' },
    timeZone: 'Europe/Berlin',
    addEvent: (calendarId, { time, kind = 'opaque', weeks }) =>
      store.addEvent(calendarId, {
        ...('from' in time
          ? { start: { date: time.from }, end: { date: time.until } }
          : {
              start: { dateTime: time.start.toISOString(), timeZone: 'Europe/Berlin' },
              end: { dateTime: time.end.toISOString(), timeZone: 'Europe/Berlin' },
            }),
        ...(kind === 'transparent' ? { transparency: 'transparent' as const } : {}),
        ...(kind === 'cancelled' ? { status: 'cancelled' as const } : {}),
        ...(kind === 'declined' ? { attendees: [{ email: account, responseStatus: 'declined' }] } : {}),
        ...(weeks === undefined ? {} : { recurrence: [`RRULE:FREQ=WEEKLY;COUNT=${weeks}`] }),
      }).id,
    moveEvent: (calendarId, id, { start, end }) =>
      void store.changeEvent(calendarId, id, {
        start: { dateTime: start.toISOString() },
        end: { dateTime: end.toISOString() },
      }),
    deleteEvent: (calendarId, id) => void store.changeEvent(calendarId, id, { status: 'cancelled' }),
    answerAsGuest: (calendarId, id, answer) =>
      void store.changeEvent(calendarId, id, {
        attendees: [{ email: 'sofia.ricci@northwind.test', responseStatus: answer }],
      }),
    eventIds: (calendarId) =>
      [...(store.calendars.get(calendarId)?.events.values() ?? [])]
        .filter(({ status }) => status !== 'cancelled')
        .map(({ id }) => id),
    titleOf: (calendarId, id) => store.calendars.get(calendarId)?.events.get(id)?.summary ?? '',
    forgetChanges: store.forgetChanges,
    makeUnknown: (calendarId) => void google.busyErrors.set(calendarId, 'internalError'),
    mailsAbout: (id) => store.mails.filter(({ event }) => event === id).length,
    takeCalls: google.channels.takeCalls,
  }
  return { ...vendor, google }
}
