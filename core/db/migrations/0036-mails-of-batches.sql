-- 0036: a mail to an agent about missed chats names their visitors. Which mail a batch became is kept as long as the mail is, so
-- that erasing somebody finds it; sent mails are forgotten after a while.
alter table mail_batches add column mail_id uuid references mails on delete set null;
create index mail_batches_of_mail on mail_batches (mail_id) where mail_id is not null;
create index mails_sent on mails (sent_at) where sent_at is not null;
