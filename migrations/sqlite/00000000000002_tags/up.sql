-- The tags of every kind of record. The links of records to them are made with the tables of the records:
-- <record>_tags (tenant_id, <record>_id, kind, tag_id), whose foreign key to this table includes the kind,
-- so that a contact's tag can never hang on a lead.

CREATE TABLE tags (
    tenant_id    INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- 1 lead, 2 opportunity, 3 contact, 4 organization, 5 case
    kind         INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
    id           BLOB NOT NULL,
    label        TEXT NOT NULL,
    label_folded TEXT NOT NULL,
    color        TEXT NOT NULL,
    PRIMARY KEY (tenant_id, kind, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX tags_label ON tags (tenant_id, kind, label_folded);
