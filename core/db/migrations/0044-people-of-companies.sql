-- 0044: a company's new name is shown with everybody who works there, without reading all people.
create index people_mirror_company on people_mirror (connector, company_id) where company_id is not null;
