import * as z from 'zod'
import { ProviderAnswerError } from '../sdk/errors.ts'

/** What is used of Google's answers. https://developers.google.com/workspace/calendar/api/v3/reference */
const When = z.union([
  z.object({ dateTime: z.iso.datetime({ offset: true }) }),
  z.object({ date: z.iso.date() }),
])
export type When = z.infer<typeof When>

const Attendee = z.object({
  email: z.string().optional(),
  self: z.boolean().optional(),
  organizer: z.boolean().optional(),
  resource: z.boolean().optional(),
  responseStatus: z.string().optional(),
})

/** A cancelled one may carry only its id. */
export const Event = z.object({
  id: z.string().min(1),
  etag: z.string().optional(),
  status: z.string().optional(),
  htmlLink: z.string().optional(),
  transparency: z.string().optional(),
  start: When.optional(),
  end: When.optional(),
  attendees: z.array(Attendee).optional(),
  extendedProperties: z.object({ private: z.record(z.string(), z.string()).optional() }).optional(),
  hangoutLink: z.string().optional(),
  conferenceData: z
    .object({
      createRequest: z.object({ status: z.object({ statusCode: z.string() }).optional() }).optional(),
      entryPoints: z
        .array(z.object({ entryPointType: z.string().optional(), uri: z.string().optional() }))
        .optional(),
    })
    .optional(),
})
export type Event = z.infer<typeof Event>

export const EventPage = z.object({
  timeZone: z.string().optional(),
  items: z.array(Event).default([]),
  nextPageToken: z.string().optional(),
  nextSyncToken: z.string().optional(),
})

export const FreeBusy = z.object({
  calendars: z.record(
    z.string(),
    z.object({
      busy: z
        .array(z.object({ start: z.iso.datetime({ offset: true }), end: z.iso.datetime({ offset: true }) }))
        .default([]),
      errors: z.array(z.object({ reason: z.string().optional() })).optional(),
    }),
  ),
})

export const CalendarEntry = z.object({
  id: z.string().min(1),
  summary: z.string().default(''),
  summaryOverride: z.string().optional(),
  timeZone: z.string().optional(),
  primary: z.boolean().optional(),
  accessRole: z.string().optional(),
  deleted: z.boolean().optional(),
})
export const CalendarPage = z.object({
  items: z.array(CalendarEntry).default([]),
  nextPageToken: z.string().optional(),
})

export const OpenedWatch = z.object({
  resourceId: z.string().min(1),
  expiration: z.coerce.number().int().positive(),
})

/** @throws {ProviderAnswerError} */
export function parsed<S extends z.ZodType>(schema: S, answer: { data: unknown }): z.output<S> {
  const told = schema.safeParse(answer.data)
  if (!told.success)
    throw new ProviderAnswerError(
      `Google’s answer is not what it documents (${told.error.issues[0]?.path.join('.') ?? 'as a whole'}).`,
    )
  return told.data
}
