import { defineConnector } from '../sdk/contract.ts'
import { busy, busyEvents } from './busy.ts'
import { calendars } from './calendars.ts'
import { changes } from './changes.ts'
import { channels } from './channels.ts'
import { cancelEvent, changeEvent, insertEvent, readEvent } from './events.ts'
import { identify } from './identify.ts'
import { oauth } from './oauth.ts'
import { apiOrigin, signInOrigin, tokenOrigin, userLimit } from './origins.ts'

export const googleCalendar = defineConnector({
  id: 'google-calendar',
  name: 'Google Calendar',
  auth: oauth,
  settings: [],
  origins: (connection) => [apiOrigin(connection), signInOrigin(connection), tokenOrigin(connection)],
  // https://developers.google.com/workspace/calendar/api/guides/quota: of one user
  limits: { [userLimit]: { requests: 600, perMs: 60_000, reserve: 0.2 } },
  identify,
  calendar: {
    video: 'Google Meet',
    tellsGuests: true,
    calendars,
    busy,
    busyEvents,
    insertEvent,
    readEvent,
    changeEvent,
    cancelEvent,
    changes,
    channels,
  },
})
