-- The forms that a tenant has changed. A tenant without a row has the default form of that kind.

CREATE TABLE forms (
    tenant_id       BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- 1 leads and opportunities, 2 contacts, 3 organizations
    kind            SMALLINT NOT NULL CHECK (kind BETWEEN 1 AND 3),
    -- { fields: the fields in their order, retired: the types of fields taken off that still have values }
    form            JSON NOT NULL,
    creator         JSON,
    last_updated_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, kind)
);
