-- As migration 15, of the tables that link records: without, a contact that is deleted is looked for among all participants of its
-- tenant, and a tag among all tags of all records, since the key begins with the tenant as the right index does.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('lead_participants', 'lead_participants', '1000000 100000 2 1'),
    ('lead_participants', 'lead_participants_contact', '1000000 100000 4 1'),
    ('opportunity_participants', 'opportunity_participants', '1000000 100000 2 1'),
    ('opportunity_participants', 'opportunity_participants_contact', '1000000 100000 4 1'),
    ('lead_tags', 'lead_tags', '1000000 100000 2 1'),
    ('lead_tags', 'lead_tags_tag', '1000000 100000 5000 1'),
    ('opportunity_tags', 'opportunity_tags', '1000000 100000 2 1'),
    ('opportunity_tags', 'opportunity_tags_tag', '1000000 100000 5000 1'),
    ('contact_tags', 'contact_tags', '1000000 100000 2 1'),
    ('contact_tags', 'contact_tags_tag', '1000000 100000 5000 1'),
    ('organization_tags', 'organization_tags', '1000000 100000 2 1'),
    ('organization_tags', 'organization_tags_tag', '1000000 100000 5000 1'),
    ('case_tags', 'case_tags', '1000000 100000 2 1'),
    ('case_tags', 'case_tags_tag', '1000000 100000 5000 1');
ANALYZE sqlite_schema;
