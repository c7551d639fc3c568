DROP TABLE lead_tags;
DROP TABLE lead_participants;
DROP TABLE leads;
DROP TABLE leads_search;
