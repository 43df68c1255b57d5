import { type RawBuilder, sql } from 'kysely'

/** Of the event that stands for a meeting in its host's calendar; every provider takes these letters. */
export const eventIdOf = (meetingId: string): string => meetingId.replaceAll('-', '')

/** Where another's event is under this one. */
export const nextEventId = (eventId: string): string => `${eventId}v`

/** Whether it is formed like those above: most of what is in a calendar is not, and then nobody has to look for its meeting. */
export const isFormedLikeOurs = (eventId: RawBuilder<unknown>): RawBuilder<boolean> =>
  sql`(octet_length(${eventId}) = 32 or ${eventId} like '%v')`
