DROP TABLE contact_tags;
DROP TABLE organization_tags;
DROP TABLE contact_phones;
DROP TABLE contact_emails;
DROP TABLE organization_phones;
DROP TABLE organization_emails;
DROP TABLE contacts;
DROP TABLE organizations;
