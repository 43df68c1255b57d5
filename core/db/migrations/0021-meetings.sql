-- 0021: an agent's calendar can be shared and a meeting booked in it, never two at one time.

create extension if not exists btree_gist;

-- How somebody can be met; no row: as MeetingSettings in core/contracts/meetings.ts has it by default.
create table meeting_settings (
  agent_id uuid primary key references agents on delete cascade,
  -- {timeZone, blocks, datesOff, durationMinutes, …}
  settings jsonb not null,
  changed_at timestamptz not null
);

-- An agent's own account at a calendar's provider is a connection like any other, but the agent's alone; what admins
-- connect for everybody has no agent.
alter table connections add column agent_id uuid references agents on delete cascade;
drop index connections_one;
create unique index connections_one on connections (connector) where state <> 'disconnected' and agent_id is null;
create unique index connections_one_of_agent on connections (agent_id) where state <> 'disconnected';

-- The calendar that an agent has connected. No row: Foyer's own, in which nothing is but the meetings.
--   choosing  connected, and no calendar chosen yet                  -> ok
--   ok        booked in, as long as its busy time is known           -> broken, or no row (disconnected)
--   broken    the provider has it no more; out of booking at once    -> ok (connected again, or chosen anew)
create table calendars (
  agent_id uuid primary key references agents on delete cascade,
  connection_id uuid not null unique references connections on delete cascade,
  state text not null default 'choosing' check (state in ('choosing', 'ok', 'broken')),
  -- A sentence for the agent and for colleagues: what happened and what to do.
  broken_because text,
  broken_at timestamptz,
  -- The provider's id of the calendar that meetings are put into, its name, and the zone that its all-day events are days of.
  calendar_id text,
  name text,
  time_zone text,
  -- Whose busy time counts beside that of calendar_id, which always does.
  busy_calendar_ids text[] not null default '{}',
  -- The mirror in calendar_busy is whole for this stretch of time, as of busy_read_at: the oldest moment at which every one of
  -- the calendars was last read to the end. What lies outside, or was read too long ago, is unknown, and unknown is not free.
  busy_from timestamptz,
  busy_until timestamptz,
  busy_read_at timestamptz,
  changed_at timestamptz not null,
  check ((state = 'broken') = (broken_because is not null)),
  check ((state = 'ok') <= (calendar_id is not null))
);

-- Where the reading of each of those calendars stands: its feed of changes, and the channel on which the provider calls.
create table calendar_feeds (
  agent_id uuid not null references calendars on delete cascade,
  calendar_id text not null,
  -- Null: to be read anew and whole.
  sync_token text,
  read_at timestamptz,
  next_at timestamptz not null,
  lease_until timestamptz,
  failures integer not null default 0,
  channel_id text unique,
  channel_resource_id text,
  channel_token_hash bytea,
  channel_expires_at timestamptz,
  primary key (agent_id, calendar_id)
);
create index calendar_feeds_due on calendar_feeds (next_at);

-- The mirror of what stands in those calendars: a row for each stretch of time that blocks (opaque, not cancelled, not declined;
-- a repeated event has one for each time). What Foyer itself put there stands here too, under the id that Foyer gave it.
create table calendar_busy (
  agent_id uuid not null references calendars on delete cascade,
  calendar_id text not null,
  event_id text not null,
  start_at timestamptz not null,
  end_at timestamptz not null,
  primary key (agent_id, calendar_id, event_id, start_at),
  check (start_at < end_at)
);
create index calendar_busy_when on calendar_busy (agent_id, end_at);

-- Leave to book: who has the token may take a slot of one agent, or of whoever of a team has the fewest meetings ahead.
create table calendar_shares (
  id uuid primary key,
  -- Stands in the log of the chat it was shared in, too, so it is kept as it is.
  token text not null unique,
  agent_id uuid references agents on delete cascade,
  team_id uuid references teams on delete cascade,
  conversation_id uuid references conversations on delete set null,
  visitor_id uuid references visitors on delete set null,
  -- The agent who shared it; null: the visitor asked for it.
  shared_by uuid references agents on delete set null,
  created_at timestamptz not null,
  check (num_nonnulls(agent_id, team_id) = 1)
);
create index calendar_shares_of_conversation on calendar_shares (conversation_id);
create index calendar_shares_of_visitor on calendar_shares (visitor_id);

-- A meeting.
--   held       its time is taken, and nobody has been told "booked"    -> booked, failed
--   booked     it stands in the agent's calendar                       -> cancelled
--   cancelled  by the visitor, the agent, or in the calendar itself
--   failed     the calendar could not take it; both have been told
create table meetings (
  id uuid primary key,
  agent_id uuid not null references agents,
  state text not null check (state in ('held', 'booked', 'cancelled', 'failed')),
  share_id uuid references calendar_shares on delete set null,
  conversation_id uuid references conversations on delete set null,
  visitor_id uuid references visitors on delete set null,
  -- The same key on the same share is the same booking.
  idempotency_key text,
  name text not null,
  email text not null check (email = lower(email)),
  note text,
  start_at timestamptz not null,
  end_at timestamptz not null,
  -- What each was told, as a clock there shows it ("2026-03-29T10:00"), whatever becomes of the zone's rules.
  time_zone text not null,
  wall_time text not null,
  agent_time_zone text not null,
  agent_wall_time text not null,
  -- The buffers as of booking.
  buffer_before_minutes integer not null default 0,
  buffer_after_minutes integer not null default 0,
  title text not null,
  body text not null default '',
  location text,
  wants_video boolean not null default false,
  video_url text,
  guest_response text check (guest_response in ('needs_action', 'accepted', 'declined', 'tentative')),
  -- Where its event is: a connected calendar, or Foyer's own (null). The event's id is made before the event.
  connection_id uuid references connections on delete set null,
  calendar_id text,
  event_id text not null unique,
  event_etag text,
  -- What the calendar has still to be brought to: insert (held), move, cancel; null: it says what is here.
  event_due text check (event_due in ('insert', 'move', 'cancel')),
  -- Whether the live check has found the time free since it was held.
  checked_at timestamptz,
  -- A move that the calendar has not taken yet; until then the meeting is where it was.
  moving_to timestamptz,
  -- Counts the times it was changed, for calendars that get it by mail.
  sequence integer not null default 0,
  -- Until when the process that took it on works on the calendar; after that, the next one does.
  worked_until timestamptz,
  attempts integer not null default 0,
  last_problem text,
  held_at timestamptz not null,
  booked_at timestamptz,
  cancelled_at timestamptz,
  cancelled_by text check (cancelled_by in ('visitor', 'agent', 'calendar')),
  failed_at timestamptz,
  failed_because text,
  remind_at timestamptz,
  changed_at timestamptz not null,
  check (start_at < end_at),
  check ((state = 'cancelled') = (cancelled_at is not null)),
  check ((state = 'failed') = (failed_at is not null)),
  check ((state = 'booked') <= (booked_at is not null))
);
create unique index meetings_once on meetings (share_id, idempotency_key) where idempotency_key is not null;
create index meetings_of_agent on meetings (agent_id, start_at, id);
create index meetings_by_start on meetings (start_at, id);
create index meetings_of_visitor on meetings (visitor_id, start_at) where visitor_id is not null;
create index meetings_of_email on meetings (email, start_at);
create index meetings_of_share on meetings (share_id, held_at) where share_id is not null;
create index meetings_due on meetings (worked_until) where event_due is not null;
create index meetings_to_remind on meetings (remind_at) where remind_at is not null;

-- The times that are taken, buffers included; the one place that makes selling one twice impossible. A meeting that is being
-- moved has two, and its own do not stand in its way. One that somebody moved in the calendar onto another meeting has none
-- there: it is so, and the other one's row keeps the time.
create table taken_times (
  meeting_id uuid not null references meetings on delete cascade deferrable initially deferred,
  agent_id uuid not null,
  taken tstzrange not null check (not isempty(taken)),
  exclude using gist (agent_id with =, meeting_id with <>, taken with &&)
);
create index taken_times_of_meeting on taken_times (meeting_id);

-- A link to one meeting, for whoever it was given or mailed to.
create table meeting_links (
  token_hash bytea primary key,
  meeting_id uuid not null references meetings on delete cascade,
  created_at timestamptz not null
);
create index meeting_links_of_meeting on meeting_links (meeting_id);

-- A mail may carry a calendar's file: {method: 'REQUEST' | 'CANCEL', content: 'BEGIN:VCALENDAR …'}.
alter table mails add column invitation jsonb;
