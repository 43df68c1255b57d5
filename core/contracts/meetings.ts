import { z } from 'zod'
import { datesOff, InstantInput, weeklyBlocks } from './availability.ts'
import { Cursor, EmailAddress, Id, Instant, Line, shortText, Text } from './common.ts'
import { BufferMinutes, DurationMinutes, NoticeMinutes, Slot, StepMinutes } from './slots.ts'
import { TimeZone } from './time-zone.ts'

/** What stands between {{ }} in a title or body: of the person who books, of the company, of us. */
export const meetingTokens = [
  'name',
  'email',
  'company',
  'jobTitle',
  'phone',
  'note',
  'agent',
  'organisation',
] as const

const template = (most: number) =>
  Text.pipe(
    z
      .string()
      .trim()
      .max(most)
      .refine(
        (text) =>
          [...text.matchAll(/{{([^{}]*)}}/g)].every(([, name = '']) =>
            (meetingTokens as readonly string[]).includes(name.trim()),
          ),
        `Between {{ and }} stands one of ${meetingTokens.join(', ')}.`,
      ),
  )

/** How somebody can be met. */
export const MeetingSettings = z.strictObject({
  timeZone: TimeZone.nullable(),
  blocks: weeklyBlocks,
  datesOff,
  durationMinutes: DurationMinutes.default(30),
  /** From one start to the next; null: the duration. */
  stepMinutes: StepMinutes.nullable().default(null),
  bufferBeforeMinutes: BufferMinutes.default(0),
  bufferAfterMinutes: BufferMinutes.default(0),
  noticeMinutes: NoticeMinutes.default(120),
  /** How many dates after today's can be booked. */
  daysAhead: z.int().min(0).max(365).default(30),
  /** Meetings of one date; null: any number. */
  dailyMax: z.int().min(1).max(100).nullable().default(null),
  title: template(200)
    .pipe(z.string().min(1, 'A title is needed.'))
    .default('{{name}} and {{agent}}, {{organisation}}'),
  body: template(5_000).default(''),
  /** A room, an address or a phone number. */
  location: shortText(300).default(null),
  /** Whether the calendar is to make a video link, where it can. */
  video: z.boolean().default(true),
  /** How long before it a mail reminds the visitor; null: never. */
  reminderMinutes: z.int().min(10).max(10_080).nullable().default(1_440),
  /** No chat is offered while the agent is in a meeting, or the calendar says busy. */
  noChatsWhileBusy: z.boolean().default(false),
})
export type MeetingSettings = z.infer<typeof MeetingSettings>

/** A calendar that can be shared, or why not. */
export const BookableCalendar = z.object({
  agent: z.object({ id: Id, name: z.string() }),
  /** Whether it is the asking agent's own; those come first. */
  own: z.boolean(),
  teams: z.array(z.object({ id: Id, name: z.string() })),
  /** The connected calendar's name; null: Foyer's own. */
  calendar: z.string().nullable(),
  connector: z.string().nullable(),
  state: z.enum(['ok', 'broken']),
  /** Of a broken one: a sentence that can be shown. */
  reason: z.string().nullable(),
  durationMinutes: z.int(),
  timeZone: z.string(),
  /** Null: none as far ahead as can be booked. */
  nextFree: Slot.nullable(),
})
export type BookableCalendar = z.infer<typeof BookableCalendar>
export const ListCalendars = z.object({
  query: Text.pipe(z.string().trim().max(200)).optional(),
  teamId: Id.optional(),
})
export const CalendarList = z.object({ calendars: z.array(BookableCalendar) })
export type CalendarList = z.infer<typeof CalendarList>

export const ShareCalendar = z.strictObject({ agentId: Id })
export const SharedCalendar = z.object({
  token: z.string(),
  seq: z.int(),
  agent: z.object({ id: Id, name: z.string() }),
})
export type SharedCalendar = z.infer<typeof SharedCalendar>

export const MeetingState = z.enum(['held', 'booked', 'cancelled', 'failed'])
export type MeetingState = z.infer<typeof MeetingState>

const ofMeeting = {
  id: Id,
  /**
   * held       its time is taken; not booked before the calendar has it
   * booked     it stands in the agent's calendar
   * cancelled  by the visitor, the agent, or in the calendar itself
   * failed     the calendar could not take it
   */
  state: MeetingState,
  start: Instant,
  end: Instant,
  title: z.string(),
  location: z.string().nullable(),
  videoUrl: z.string().nullable(),
  /** A move that the calendar has not taken yet. */
  movingTo: Instant.nullable(),
  cancelledBy: z.enum(['visitor', 'agent', 'calendar']).nullable(),
  /** Of a failed one, and for guests of one whose clock new rules have changed: a sentence that can be shown. */
  reason: z.string().nullable(),
}

/** A meeting as its guest sees it. */
export const GuestMeeting = z.object({
  ...ofMeeting,
  organisation: z.string(),
  /** The id is no secret: it gives the agent's picture its colour. */
  agent: z.object({ id: Id, name: z.string() }),
  /** The guest's zone, and what a clock there showed when it was booked: 2026-06-01T09:00. */
  timeZone: z.string(),
  wallTime: z.string(),
  /** What they were told that it would show, where the rules of their zone have changed since; else null. */
  toldWallTime: z.string().nullable(),
  name: z.string(),
  /** Opens /meeting/:token, where it is moved and cancelled. Null for whoever only may know that there is one. */
  token: z.string().nullable(),
  /** Where to ask how it stands; `/api/v1/meeting/:token`. */
  statusUrl: z.string().nullable(),
})
export type GuestMeeting = z.infer<typeof GuestMeeting>

/** What a booking page or card says before a time is chosen. */
export const BookingPage = z.object({
  organisation: z.string(),
  /** Who will be met; null: whoever of the team is free. */
  agent: z.object({ id: Id, name: z.string() }).nullable(),
  team: z.object({ name: z.string() }).nullable(),
  /** Null: one of the team meets for longer than another, and each slot says how long it is. */
  durationMinutes: z.int().nullable(),
  /** Of the agent. */
  timeZone: z.string(),
  location: z.string().nullable(),
  video: z.boolean(),
  /** What was given in this chat, or signed; nothing else. */
  prefill: z.object({ name: z.string().nullable(), email: z.string().nullable() }),
  /** The privacy notice that has to be accepted to book; null: none, or it was accepted before. */
  consent: z.object({ notice: z.string(), url: z.string().nullable() }).nullable(),
  /** Whether whoever books hears of it by mail too. */
  mails: z.boolean(),
  /** Whether anything can be booked, and a sentence if not. */
  bookable: z.boolean(),
  reason: z.string().nullable(),
  /** What was booked here: what is held or booked and not over, then the rest; the newest first. */
  meetings: z.array(GuestMeeting),
})
export type BookingPage = z.infer<typeof BookingPage>

/** Left out: from now, as far ahead as can be booked. At most 62 days at a time. */
export const SlotsQuery = z.object({ from: InstantInput.optional(), to: InstantInput.optional() })
export const FreeSlots = z.object({
  slots: z.array(Slot),
  /** The first free one at or after `from`, wherever it lies; null: none as far ahead as can be booked. */
  nextFree: Slot.nullable(),
})
export type FreeSlots = z.infer<typeof FreeSlots>

export const Book = z.strictObject({
  start: InstantInput,
  /** As it was offered: whoever of a team meets for another length is not asked. Left out: the shortest there is at that start. */
  end: InstantInput.optional(),
  name: Line.pipe(z.string().min(1, 'A name is needed.').max(100)),
  email: EmailAddress,
  note: Text.pipe(z.string().trim().max(2_000)).nullish(),
  /** The same key is the same booking, however often it is sent. */
  idempotencyKey: Text.pipe(z.string().min(1).max(100)),
  /** Of whoever books; left out: what is known of the visitor, else the agent's. */
  timeZone: TimeZone.nullish(),
  /** The privacy notice's tick, where the page names one. */
  consent: z.boolean().optional(),
})
export type Book = z.infer<typeof Book>

export const RescheduleMeeting = z.strictObject({ start: InstantInput })
/** As the visitor, who may have another zone by now. */
export const RescheduleByGuest = z.strictObject({ start: InstantInput, timeZone: TimeZone.nullish() })

/** A meeting as agents see it. */
export const Meeting = z.object({
  ...ofMeeting,
  agent: z.object({ id: Id, name: z.string() }),
  /** The agent's zone. */
  timeZone: z.string(),
  guest: z.object({
    name: z.string(),
    email: z.string(),
    /** Their data were erased, and the meeting cancelled for it: name and address are nobody's. */
    erased: z.boolean(),
    note: z.string().nullable(),
    timeZone: z.string(),
    /** What a clock there showed when it was booked. */
    wallTime: z.string(),
  }),
  /** Of its agent, as of its guest above: what they were told that a clock would show, where that has changed since. */
  toldWallTime: z.string().nullable(),
  /** When the event begins that still stands in a calendar which Foyer cannot change: its agent has to do it there. */
  leftAt: Instant.nullable(),
  /** As the calendar says: declined and the like; null: nothing heard. */
  guestResponse: z.enum(['needs_action', 'accepted', 'declined', 'tentative']).nullable(),
  visitorId: Id.nullable(),
  /** Null also when the chat is not the reader's to see. */
  conversationId: Id.nullable(),
  bookedAt: Instant.nullable(),
  cancelledAt: Instant.nullable(),
})
export type Meeting = z.infer<typeof Meeting>

export const ListMeetings = z.object({
  scope: z.enum(['mine', 'all']).default('mine'),
  /** Those that have not ended, the next first; or those that have, the last first. */
  when: z.enum(['upcoming', 'past']).default('upcoming'),
  state: MeetingState.optional(),
  /** Of one agent or one visitor. */
  agentId: Id.optional(),
  visitorId: Id.optional(),
  cursor: Cursor.optional(),
})
export const MeetingPage = z.object({ meetings: z.array(Meeting), nextCursor: z.string().nullable() })
export type MeetingPage = z.infer<typeof MeetingPage>

/** How many of one's meetings ahead have something of which one was not told elsewhere, or has to do by hand. */
export const MeetingsToNote = z.object({ count: z.int() })
export type MeetingsToNote = z.infer<typeof MeetingsToNote>

/** What the widget's *Book a meeting* leads to. */
export const BookingLink = z.object({ token: z.string() })
/** Whose calendar a site's visitors book in; null: booking is not offered. */
export const BookingTarget = z.discriminatedUnion('by', [
  z.strictObject({ by: z.literal('agent'), agentId: Id }),
  /** Whoever of it has the fewest meetings ahead. */
  z.strictObject({ by: z.literal('team'), teamId: Id }),
  /** The account's owner; for whoever has none, the team or agent named. */
  z.strictObject({ by: z.literal('owner'), agentId: Id.nullish(), teamId: Id.nullish() }),
])
export type BookingTarget = z.infer<typeof BookingTarget>
