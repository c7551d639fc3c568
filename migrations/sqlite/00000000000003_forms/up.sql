-- The forms that a tenant has changed. A tenant without a row has the default form of that kind.

CREATE TABLE forms (
    tenant_id       INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- 1 leads and opportunities, 2 contacts, 3 organizations
    kind            INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
    -- { fields: the fields in their order, retired: the types of fields taken off that still have values }
    form            TEXT NOT NULL,
    creator         TEXT,
    last_updated_on TEXT NOT NULL,
    PRIMARY KEY (tenant_id, kind)
) STRICT, WITHOUT ROWID;
