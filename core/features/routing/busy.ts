import { type RawBuilder, sql } from 'kysely'
import { dayMs } from '../availability/zone.ts'

/** Longer than any meeting: one that began before this has ended. */
const longestMeetingMs = dayMs

/**
 * Of those who want no chats meanwhile: until when a meeting or their calendar keeps them, as rows of (agent_id, until); nobody who is
 * free at `now`.
 */
export const busyAt = (now: Date): RawBuilder<unknown> => sql`(
  select s.agent_id, max(stands.end_at) as until
  from meeting_settings s
  cross join lateral (
    select b.end_at from calendar_busy b
    where b.agent_id = s.agent_id and b.end_at > ${now} and b.start_at <= ${now}
      -- of what Foyer put there its own row knows first that it was moved or cancelled
      and not exists (
        select from meetings k where k.event_id = b.event_id and k.agent_id = b.agent_id
          and not (k.state = 'booked' and k.start_at <= ${now} and k.end_at > ${now}))
    union all
    select m.end_at from meetings m
    where m.agent_id = s.agent_id and m.state = 'booked' and m.end_at > ${now}
      and m.start_at between ${new Date(now.getTime() - longestMeetingMs)} and ${now}) stands
  where s.settings @> '{"noChatsWhileBusy": true}'
  group by s.agent_id)`
