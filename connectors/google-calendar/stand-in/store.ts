import { randomUUID } from 'node:crypto'

export type StoredWhen = { dateTime: string; timeZone?: string } | { date: string }

/** An event as Google holds it, as far as Foyer knows it. */
export interface StoredEvent {
  id: string
  etag: string
  status: 'confirmed' | 'tentative' | 'cancelled'
  summary?: string
  description?: string
  location?: string
  htmlLink: string
  transparency?: 'opaque' | 'transparent'
  start: StoredWhen
  end: StoredWhen
  /** `FREQ=DAILY` or `FREQ=WEEKLY`, with `COUNT`. */
  recurrence?: string[]
  attendees?: { email: string; displayName?: string; self?: boolean; responseStatus?: string }[]
  extendedProperties?: { private?: Record<string, string> }
  conferenceData?: {
    createRequest?: { requestId: string; status: { statusCode: 'pending' | 'success' | 'failure' } }
    entryPoints?: { entryPointType: 'video'; uri: string }[]
  }
  hangoutLink?: string
  /** Counts the changes of its calendar. */
  changed: number
}

export interface StoredCalendar {
  id: string
  owner: string
  summary: string
  timeZone: string
  primary: boolean
  accessRole: 'owner' | 'writer' | 'reader' | 'freeBusyReader'
  /** Of the newest change. */
  changes: number
  /** Sync tokens from before this change are too old. */
  remembers: number
  events: Map<string, StoredEvent>
}

export interface Mail {
  to: string
  what: 'invited' | 'updated' | 'cancelled'
  event: string
}

export type Store = ReturnType<typeof createStore>

/** Accounts with calendars with events. Every change has a number, an etag, and calls those who watch. */
export function createStore() {
  const calendars = new Map<string, StoredCalendar>()
  const mails: Mail[] = []
  const watchers: ((calendarId: string) => void)[] = []

  function calendar(id: string, account: string): StoredCalendar | undefined {
    const found = calendars.get(id === 'primary' ? account : id)
    return found?.owner === account ? found : undefined
  }

  function put(calendarId: string, event: Omit<StoredEvent, 'changed' | 'etag' | 'htmlLink'>): StoredEvent {
    const of = calendars.get(calendarId)
    if (!of) throw new Error(`The stand-in has no calendar ${calendarId}`)
    of.changes += 1
    const stored = {
      ...event,
      etag: `"${of.changes}${String(of.events.size).padStart(6, '0')}"`,
      htmlLink: `https://calendar.google.com/event?eid=${event.id}`,
      changed: of.changes,
    }
    of.events.set(event.id, stored)
    for (const watcher of watchers) watcher(calendarId)
    return stored
  }

  return {
    calendars,
    mails,
    calendar,
    put,
    ofAccount: (account: string) => [...calendars.values()].filter(({ owner }) => owner === account),
    onChange: (watcher: (calendarId: string) => void) => void watchers.push(watcher),
    addCalendar(
      given: Pick<StoredCalendar, 'id' | 'owner'> &
        Partial<Pick<StoredCalendar, 'summary' | 'timeZone' | 'primary' | 'accessRole'>>,
    ) {
      calendars.set(given.id, {
        summary: given.id,
        timeZone: 'Europe/Berlin',
        primary: given.id === given.owner,
        accessRole: 'owner',
        changes: 0,
        remembers: 0,
        events: new Map(),
        ...given,
      })
    },
    /** As its owner puts it there by hand. */
    addEvent(
      calendarId: string,
      event: Pick<StoredEvent, 'start' | 'end'> & Partial<StoredEvent>,
    ): StoredEvent {
      return put(calendarId, { id: randomUUID().replaceAll('-', ''), status: 'confirmed', ...event })
    },
    /** As its owner changes it by hand. */
    changeEvent(calendarId: string, id: string, change: Partial<StoredEvent>): StoredEvent {
      const event = calendars.get(calendarId)?.events.get(id)
      if (!event) throw new Error(`The stand-in has no event ${id}`)
      return put(calendarId, { ...event, ...change })
    },
    /** Google forgets what was changed so far: sync tokens from before are answered with 410. */
    forgetChanges() {
      for (const one of calendars.values()) {
        one.changes += 1
        one.remembers = one.changes
      }
    },
    save: () =>
      [...calendars.values()].map(({ events, ...rest }) => ({ ...rest, events: [...events.values()] })),
    load(saved: (Omit<StoredCalendar, 'events'> & { events: StoredEvent[] })[]) {
      for (const { events, ...rest } of saved)
        calendars.set(rest.id, { ...rest, events: new Map(events.map((event) => [event.id, event])) })
    },
  }
}
