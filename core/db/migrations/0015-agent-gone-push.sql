-- 0015: an agent who has chats and no inbox connected for a minute is told so on their devices, once each time.

-- Of a push of kind gone: agents.gone_since as it was, which says which absence it tells of.
alter table pushes add column gone_since timestamptz;
alter table pushes drop constraint pushes_kind_check;
alter table pushes add constraint pushes_kind_check check (kind in ('offer', 'close', 'message', 'gone', 'test'));
create unique index pushes_gone_once on pushes (subscription_id, gone_since) where kind = 'gone';
