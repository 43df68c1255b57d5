-- 0037: what visitors booked before they signed in is theirs again, and what is written of their chats names them: until now
-- both stayed with the anonymous visitor, who was deleted. Whose it is, the chat says.
update calendar_shares s set visitor_id = c.visitor_id from conversations c
where c.id = s.conversation_id and s.visitor_id is null;
update meetings m set visitor_id = c.visitor_id from conversations c
where c.id = m.conversation_id and m.visitor_id is null;
update crm_writes w set visitor_id = c.visitor_id from conversations c
where c.id = w.conversation_id and w.visitor_id is distinct from c.visitor_id;
