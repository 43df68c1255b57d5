import { z } from 'zod'
import { Id, Instant, Text } from './common.ts'
import { Connector } from './connections.ts'
import { TimeZone } from './time-zone.ts'

/** Where an agent may have a calendar: everything that the page for connecting it is drawn from. */
export const CalendarConnector = z.object({
  id: z.string(),
  name: z.string(),
  /** `oauth2`: the agent agrees at the provider. `password`: the agent types a name and a password for it. */
  kind: z.enum(['oauth2', 'password']),
  settings: Connector.shape.settings,
  /** How to come by what is typed, step by step; none where nothing is typed. */
  steps: z.array(z.string()),
  documentation: z.string(),
  /** What it makes video links with, such as "Google Meet"; null: it makes none. */
  video: z.string().nullable(),
  /** False: an admin has to enter the provider's app first. */
  ready: z.boolean(),
})
export type CalendarConnector = z.infer<typeof CalendarConnector>

export const CalendarState = z.enum(['connecting', 'choosing', 'ok', 'broken'])

/** The calendar that an agent has connected. */
export const MyCalendar = z.object({
  /** Null: Foyer's own calendar, in which nothing is but the meetings. */
  calendar: z
    .object({
      connectionId: Id,
      connector: z.object({ id: z.string(), name: z.string() }),
      account: z.string().nullable(),
      state: CalendarState,
      /** A sentence: how it stands, and what to do where something is to be done. */
      stateText: z.string(),
      /** Whether the account lets us in: then another calendar of it can be chosen, whatever is wrong with this one. */
      connected: z.boolean(),
      /** It is `ok` and could not be read for so long that nobody can book: `stateText` says why. */
      late: z.boolean(),
      /** The calendar that meetings are put into. */
      calendarId: z.string().nullable(),
      name: z.string().nullable(),
      /** Its whole days are days of this zone. */
      timeZone: TimeZone.nullable(),
      /** Whose busy time counts as well. */
      busyCalendarIds: z.array(z.string()),
      /** Busy time is known as of then; null: not read yet. */
      busyReadAt: Instant.nullable(),
    })
    .nullable(),
  connectors: z.array(CalendarConnector),
})
export type MyCalendar = z.infer<typeof MyCalendar>

const Typed = Text.pipe(z.string().trim().min(1).max(500))

/** Name and password only where they are typed. */
export const ConnectCalendar = z.strictObject({
  connector: z.string().max(100),
  settings: z.record(z.string().max(100), Text.pipe(z.string().trim().max(500))).default({}),
  userName: Typed.optional(),
  password: Typed.optional(),
})

export const ConnectCalendarAnswer = z.object({
  /** Where the browser is sent to agree; null: it is connected. */
  url: z.string().nullable(),
  mine: MyCalendar,
})
export type ConnectCalendarAnswer = z.infer<typeof ConnectCalendarAnswer>

/** The account's calendars, as the provider says now. */
export const CalendarChoices = z.object({
  calendars: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      timeZone: z.string().nullable(),
      isPrimary: z.boolean(),
      /** Meetings can be put into it; else it can only count as busy. */
      mayWrite: z.boolean(),
    }),
  ),
})
export type CalendarChoices = z.infer<typeof CalendarChoices>

const CalendarId = Text.pipe(z.string().min(1).max(1_000))

export const ChooseCalendar = z.strictObject({
  calendarId: CalendarId,
  busyCalendarIds: z.array(CalendarId).max(20).default([]),
})

export const DisconnectCalendarAnswer = z.object({
  mine: MyCalendar,
  /** False: the provider was not reached, and still counts Foyer in. */
  revoked: z.boolean(),
})
export type DisconnectCalendarAnswer = z.infer<typeof DisconnectCalendarAnswer>
