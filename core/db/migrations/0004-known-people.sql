-- 0004: the directory pages and searches as fast with 200,000 people as with ten, and a visitor's earlier rows (another
-- browser, another site) are found by the e-mail address agents see.
create index people_order on people (lower(coalesce(name, email)), id);
create index people_words on people using gin
  ((lower(coalesce(name, '') || ' ' || email || ' ' || coalesce(company, ''))) gin_trgm_ops);
create index visitors_known_email on visitors ((coalesce(corrections ->> 'email', email)));
