-- 0008: searching for a visitor reads only those whose name, address or company holds what was typed, also where an
-- agent corrected them; and the mails that wait are counted without reading those that were given up.
create index visitors_corrected_words on visitors using gin
  ((lower(coalesce(corrections ->> 'name', '') || ' ' || coalesce(corrections ->> 'email', '') || ' ' ||
          coalesce(corrections ->> 'company', ''))) gin_trgm_ops)
  where corrections <> '{}';
create index mails_waiting on mails (created_at) where sent_at is null and unsent_because is null;
