-- 0034: nobody mails a stranger, or an agent, again and again by booking and moving meetings. One for each booking, and each move by a
-- guest, and what it counts for: an e-mail address, or a network and an agent, as a hash that needs the secret key. Gone after a day.
create table booking_turns (
  id bigint generated always as identity primary key,
  key text not null,
  at timestamptz not null
);
create index booking_turns_of on booking_turns (key, at);
