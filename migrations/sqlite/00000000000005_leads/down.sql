DROP TABLE lead_values_search;
DROP TABLE lead_values;
DROP TABLE lead_tags;
DROP TABLE lead_participants;
DROP TABLE leads;
DROP TABLE leads_search;
