DROP TABLE numbering;
DROP TABLE api_keys;
DROP TABLE tenants;
