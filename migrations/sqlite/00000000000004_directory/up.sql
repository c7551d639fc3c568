-- Organizations and contacts, each with its e-mail addresses, phone numbers and tags.
-- A column that ends in _lower is the twin of another one, written by the code in lower case.

CREATE TABLE organizations (
    tenant_id       INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id              INTEGER NOT NULL,
    name            TEXT NOT NULL,
    name_lower      TEXT NOT NULL,
    address         TEXT,
    address_lower   TEXT,
    industry        TEXT,
    industry_lower  TEXT,
    size            TEXT,
    annual_revenue  TEXT,
    website         TEXT,
    website_lower   TEXT,
    note            TEXT,
    owner           TEXT,
    owner_id        TEXT,
    creator         TEXT,
    last_updated_by TEXT,
    custom_fields   TEXT NOT NULL,
    created_on      TEXT NOT NULL,
    last_updated_on TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX organizations_created_on ON organizations (tenant_id, created_on, id);
CREATE INDEX organizations_last_updated_on ON organizations (tenant_id, last_updated_on, id);
CREATE INDEX organizations_name ON organizations (tenant_id, name_lower, id);
CREATE INDEX organizations_industry_asc ON organizations (tenant_id, coalesce(industry_lower, '􏿿'), id);
CREATE INDEX organizations_industry_desc ON organizations (tenant_id, coalesce(industry_lower, ''), id);
CREATE INDEX organizations_owner ON organizations (tenant_id, owner_id, created_on, id);

CREATE TABLE contacts (
    tenant_id       INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id              INTEGER NOT NULL,
    name            TEXT NOT NULL,
    name_lower      TEXT NOT NULL,
    organization_id INTEGER,
    job_title       TEXT,
    job_title_lower TEXT,
    department      TEXT,
    seniority_level TEXT,
    linkedin        TEXT,
    note            TEXT,
    owner           TEXT,
    owner_id        TEXT,
    creator         TEXT,
    last_updated_by TEXT,
    custom_fields   TEXT NOT NULL,
    created_on      TEXT NOT NULL,
    last_updated_on TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    -- No ON DELETE action: whoever deletes an organization first unlinks it, which sets last_updated_on too.
    FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id)
) STRICT;

CREATE INDEX contacts_created_on ON contacts (tenant_id, created_on, id);
CREATE INDEX contacts_last_updated_on ON contacts (tenant_id, last_updated_on, id);
CREATE INDEX contacts_name ON contacts (tenant_id, name_lower, id);
CREATE INDEX contacts_job_title_asc ON contacts (tenant_id, coalesce(job_title_lower, '􏿿'), id);
CREATE INDEX contacts_job_title_desc ON contacts (tenant_id, coalesce(job_title_lower, ''), id);
CREATE INDEX contacts_organization ON contacts (tenant_id, organization_id, created_on, id);
CREATE INDEX contacts_owner ON contacts (tenant_id, owner_id, created_on, id);

CREATE TABLE organization_emails (
    tenant_id       INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    organization_id INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    label           TEXT,
    value           TEXT NOT NULL,
    value_lower     TEXT NOT NULL,
    is_primary      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, organization_id, position),
    FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE organization_phones (
    tenant_id       INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    organization_id INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    label           TEXT,
    value           TEXT NOT NULL,
    value_lower     TEXT NOT NULL,
    digits          TEXT NOT NULL,
    is_primary      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, organization_id, position),
    FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE contact_emails (
    tenant_id   INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    contact_id  INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    label       TEXT,
    value       TEXT NOT NULL,
    value_lower TEXT NOT NULL,
    is_primary  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, position),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE contact_phones (
    tenant_id   INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    contact_id  INTEGER NOT NULL,
    position    INTEGER NOT NULL,
    label       TEXT,
    value       TEXT NOT NULL,
    value_lower TEXT NOT NULL,
    digits      TEXT NOT NULL,
    is_primary  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, position),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE organization_tags (
    tenant_id       INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    organization_id INTEGER NOT NULL,
    kind            INTEGER NOT NULL DEFAULT 4 CHECK (kind = 4),
    tag_id          BLOB NOT NULL,
    PRIMARY KEY (tenant_id, organization_id, tag_id),
    FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, kind, tag_id) REFERENCES tags (tenant_id, kind, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX organization_tags_tag ON organization_tags (tenant_id, tag_id, organization_id);

CREATE TABLE contact_tags (
    tenant_id  INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    contact_id INTEGER NOT NULL,
    kind       INTEGER NOT NULL DEFAULT 3 CHECK (kind = 3),
    tag_id     BLOB NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, tag_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, kind, tag_id) REFERENCES tags (tenant_id, kind, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX contact_tags_tag ON contact_tags (tenant_id, tag_id, contact_id);
