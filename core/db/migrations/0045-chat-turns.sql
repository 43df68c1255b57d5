-- 0045: nobody fills the list of missed chats by coming as another visitor each time. One for each conversation that was begun from a
-- public network, and that network, as a hash that needs the secret key. Gone after a day.
create table chat_turns (
  id bigint generated always as identity primary key,
  key text not null,
  at timestamptz not null
);
create index chat_turns_of on chat_turns (key, at);
