DROP TABLE case_values_search;
DROP TABLE case_values;
DROP TABLE case_tags;
DROP TABLE case_activities;
DROP TABLE cases;
DROP TABLE cases_search;
DROP TABLE case_statuses;
DROP TABLE case_types;
