-- 0018: taking words into the search index no longer looks up the conversation once for each document, which was a tenth
-- of PostgreSQL's time at saturation. As with entries, the indexer itself holds the conversations it writes for, all in
-- one statement, and a trigger deletes the words of deleted ones.
create or replace function delete_entries_of_deleted() returns trigger language plpgsql as $$
begin
  delete from entries where conversation_id in (select id from deleted);
  delete from search_documents where conversation_id in (select id from deleted);
  return null;
end
$$;
alter table search_documents drop constraint search_documents_conversation_id_fkey;
