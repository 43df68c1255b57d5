import { defineConnector } from '../sdk/contract.ts'
import { busy, busyEvents } from './busy.ts'
import { changes } from './changes.ts'
import { calendars, identify } from './discovery.ts'
import { cancelEvent, changeEvent, insertEvent, readEvent } from './events.ts'
import { originsOf, serverLimit } from './server.ts'

export const caldav = defineConnector({
  id: 'caldav',
  name: 'CalDAV',
  auth: {
    kind: 'password',
    steps: [
      'Find the CalDAV address of your calendar’s server: for Nextcloud https://…/remote.php/dav, for Fastmail https://caldav.fastmail.com, for iCloud https://caldav.icloud.com.',
      'Make a password for Foyer alone there, often called an app password: your own would open everything, and often does not work here.',
      'Enter the address, your user name there and that password.',
    ],
    documentation: 'https://en.wikipedia.org/wiki/CalDAV',
  },
  settings: [
    {
      key: 'address',
      label: 'Server address',
      help: 'The CalDAV address of your calendar’s server, beginning with https://.',
      kind: 'address',
      required: true,
    },
  ],
  origins: originsOf,
  // no server states any; this is polite
  limits: { [serverLimit]: { requests: 300, perMs: 60_000, reserve: 0.2, concurrent: 8 } },
  identify,
  calendar: {
    video: null,
    // some servers invite by themselves and many do not: Foyer does, and tells them so in the event
    tellsGuests: false,
    calendars,
    busy,
    busyEvents,
    insertEvent,
    readEvent,
    changeEvent,
    cancelEvent,
    changes,
  },
})
