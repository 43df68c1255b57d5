-- Of agents there are few, of visitors' sockets ten thousand: which agents are there is asked several times a second.
create index presence_agents on presence (subject_id) where subject_type = 'agent';
