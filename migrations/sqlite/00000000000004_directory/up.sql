-- Organizations and contacts, each with its e-mail addresses, phone numbers and tags.
-- A column that ends in _folded or _search is the twin of another one, written by the code: what it is compared and
-- ordered by, and, without accents, what is searched (crm_core::text).

CREATE TABLE organizations (
    tenant_id       INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id              INTEGER NOT NULL,
    name            TEXT NOT NULL,
    name_folded     TEXT NOT NULL,
    name_search     TEXT NOT NULL,
    -- What it is told from others by: folded, blanks alike.
    name_key        TEXT NOT NULL,
    address         TEXT,
    address_search  TEXT,
    industry        TEXT,
    industry_folded TEXT,
    industry_search TEXT,
    size            TEXT,
    annual_revenue  TEXT,
    website         TEXT,
    website_search  TEXT,
    note            TEXT,
    owner           TEXT,
    owner_id        TEXT,
    creator         TEXT,
    last_updated_by TEXT,
    external_id     TEXT,
    custom_fields   TEXT NOT NULL,
    created_on      TEXT NOT NULL,
    last_updated_on TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX organizations_created_on ON organizations (tenant_id, created_on, id);
CREATE INDEX organizations_last_updated_on ON organizations (tenant_id, last_updated_on, id);
CREATE INDEX organizations_name ON organizations (tenant_id, name_folded, id);
CREATE INDEX organizations_name_key ON organizations (tenant_id, name_key, id);
CREATE INDEX organizations_industry_asc ON organizations (tenant_id, coalesce(industry_folded, '􏿿'), id);
CREATE INDEX organizations_industry_desc ON organizations (tenant_id, coalesce(industry_folded, ''), id);
CREATE INDEX organizations_industry ON organizations (tenant_id, industry_search, created_on, id);
CREATE INDEX organizations_owner ON organizations (tenant_id, owner_id, created_on, id);

-- The id that another system has for the record, compared exactly.
CREATE UNIQUE INDEX organizations_external_id ON organizations (tenant_id, external_id) WHERE external_id IS NOT NULL;

-- Which columns have a value, as a number: so few combinations occur that it answers which are empty.
CREATE INDEX organizations_filled ON organizations (tenant_id, (
    CASE WHEN address IS NULL THEN 0 ELSE 1 END +
    CASE WHEN website IS NULL THEN 0 ELSE 2 END +
    CASE WHEN industry IS NULL THEN 0 ELSE 4 END +
    CASE WHEN size IS NULL THEN 0 ELSE 8 END +
    CASE WHEN annual_revenue IS NULL THEN 0 ELSE 16 END +
    CASE WHEN owner_id IS NULL THEN 0 ELSE 32 END +
    CASE WHEN note IS NULL THEN 0 ELSE 64 END +
    CASE WHEN external_id IS NULL THEN 0 ELSE 128 END
));

-- The organizations that are so long that a page of them could be too much: hardly any, and a list first asks for one.
CREATE INDEX organizations_heavy ON organizations (tenant_id)
    WHERE coalesce(octet_length(custom_fields), 0) + coalesce(octet_length(note), 0) > 32768;

CREATE TABLE contacts (
    tenant_id        INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id               INTEGER NOT NULL,
    name             TEXT NOT NULL,
    name_folded      TEXT NOT NULL,
    name_search      TEXT NOT NULL,
    -- What it is told from others by: folded, blanks alike.
    name_key         TEXT NOT NULL,
    organization_id  INTEGER,
    job_title        TEXT,
    job_title_folded TEXT,
    department       TEXT,
    seniority_level  TEXT,
    linkedin         TEXT,
    note             TEXT,
    owner            TEXT,
    owner_id         TEXT,
    creator          TEXT,
    last_updated_by  TEXT,
    external_id      TEXT,
    custom_fields    TEXT NOT NULL,
    created_on       TEXT NOT NULL,
    last_updated_on  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id),
    -- No ON DELETE action: whoever deletes an organization first unlinks it, which sets last_updated_on too.
    CONSTRAINT contacts_organization_fkey FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id)
) STRICT;

CREATE INDEX contacts_created_on ON contacts (tenant_id, created_on, id);
CREATE INDEX contacts_last_updated_on ON contacts (tenant_id, last_updated_on, id);
CREATE INDEX contacts_name ON contacts (tenant_id, name_folded, id);
CREATE INDEX contacts_name_key ON contacts (tenant_id, name_key, id);
CREATE INDEX contacts_job_title_asc ON contacts (tenant_id, coalesce(job_title_folded, '􏿿'), id);
CREATE INDEX contacts_job_title_desc ON contacts (tenant_id, coalesce(job_title_folded, ''), id);
CREATE INDEX contacts_organization ON contacts (tenant_id, organization_id, created_on, id);
CREATE INDEX contacts_owner ON contacts (tenant_id, owner_id, created_on, id);

-- The id that another system has for the record, compared exactly.
CREATE UNIQUE INDEX contacts_external_id ON contacts (tenant_id, external_id) WHERE external_id IS NOT NULL;

-- Which columns have a value, as a number: so few combinations occur that it answers which are empty.
CREATE INDEX contacts_filled ON contacts (tenant_id, (
    CASE WHEN organization_id IS NULL THEN 0 ELSE 1 END +
    CASE WHEN job_title IS NULL THEN 0 ELSE 2 END +
    CASE WHEN department IS NULL THEN 0 ELSE 4 END +
    CASE WHEN seniority_level IS NULL THEN 0 ELSE 8 END +
    CASE WHEN linkedin IS NULL THEN 0 ELSE 16 END +
    CASE WHEN owner_id IS NULL THEN 0 ELSE 32 END +
    CASE WHEN note IS NULL THEN 0 ELSE 64 END +
    CASE WHEN external_id IS NULL THEN 0 ELSE 128 END
));

-- The contacts that are so long that a page of them could be too much: hardly any, and a list first asks for one.
CREATE INDEX contacts_heavy ON contacts (tenant_id)
    WHERE coalesce(octet_length(custom_fields), 0) + coalesce(octet_length(note), 0) > 32768;

CREATE TABLE organization_emails (
    tenant_id       INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    organization_id INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    label           TEXT,
    value           TEXT NOT NULL,
    value_search    TEXT NOT NULL,
    -- What it is told from others by: folded, the domain in Unicode.
    value_folded    TEXT NOT NULL,
    is_primary      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, organization_id, position),
    FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX organization_emails_folded ON organization_emails (tenant_id, value_folded, organization_id);

CREATE TABLE organization_phones (
    tenant_id       INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    organization_id INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    label           TEXT,
    value           TEXT NOT NULL,
    value_search    TEXT NOT NULL,
    digits          TEXT NOT NULL,
    -- What it is told from others by: its last digits, however the country before them is written.
    last_digits     TEXT,
    is_primary      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, organization_id, position),
    FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX organization_phones_last_digits ON organization_phones (tenant_id, last_digits, organization_id) WHERE last_digits IS NOT NULL;

CREATE TABLE contact_emails (
    tenant_id    INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    contact_id   INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    label        TEXT,
    value        TEXT NOT NULL,
    value_search TEXT NOT NULL,
    -- What it is told from others by: folded, the domain in Unicode.
    value_folded TEXT NOT NULL,
    is_primary   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, position),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX contact_emails_folded ON contact_emails (tenant_id, value_folded, contact_id);

CREATE TABLE contact_phones (
    tenant_id    INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    contact_id   INTEGER NOT NULL,
    position     INTEGER NOT NULL,
    label        TEXT,
    value        TEXT NOT NULL,
    value_search TEXT NOT NULL,
    digits       TEXT NOT NULL,
    -- What it is told from others by: its last digits, however the country before them is written.
    last_digits  TEXT,
    is_primary   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, position),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX contact_phones_last_digits ON contact_phones (tenant_id, last_digits, contact_id) WHERE last_digits IS NOT NULL;

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

-- Texts that lists search for "contains" (docs/adr/0006): an index of their trigrams. Its rowid is made of the
-- tenant, the id of the record and the position in its list, so that a search reads the range of one tenant, needs
-- no other table to name the record, and survives a VACUUM, which renumbers the rowids of tables without a key of
-- their own. There is room for 2^20 tenants, 2^33 records of a kind in each, and 2^10 positions.

CREATE VIRTUAL TABLE organizations_search USING fts5
    (name, address, website, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1');
CREATE TRIGGER organizations_search_insert AFTER INSERT ON organizations BEGIN
    INSERT INTO organizations_search (rowid, name, address, website)
    VALUES ((new.tenant_id << 43) + (new.id << 10), new.name_search, new.address_search, new.website_search);
END;
CREATE TRIGGER organizations_search_update AFTER UPDATE OF name_search, address_search, website_search ON organizations
WHEN old.name_search IS NOT new.name_search OR old.address_search IS NOT new.address_search OR old.website_search IS NOT new.website_search BEGIN
    DELETE FROM organizations_search WHERE rowid = (old.tenant_id << 43) + (old.id << 10);
    INSERT INTO organizations_search (rowid, name, address, website)
    VALUES ((new.tenant_id << 43) + (new.id << 10), new.name_search, new.address_search, new.website_search);
END;
CREATE TRIGGER organizations_search_delete AFTER DELETE ON organizations BEGIN
    DELETE FROM organizations_search WHERE rowid = (old.tenant_id << 43) + (old.id << 10);
END;

CREATE VIRTUAL TABLE organization_emails_search USING fts5
    (value, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1');
CREATE TRIGGER organization_emails_search_insert AFTER INSERT ON organization_emails BEGIN
    INSERT INTO organization_emails_search (rowid, value)
    VALUES ((new.tenant_id << 43) + (new.organization_id << 10) + new.position, new.value_search);
END;
CREATE TRIGGER organization_emails_search_update AFTER UPDATE OF value_search ON organization_emails
WHEN old.value_search IS NOT new.value_search BEGIN
    DELETE FROM organization_emails_search WHERE rowid = (old.tenant_id << 43) + (old.organization_id << 10) + old.position;
    INSERT INTO organization_emails_search (rowid, value)
    VALUES ((new.tenant_id << 43) + (new.organization_id << 10) + new.position, new.value_search);
END;
CREATE TRIGGER organization_emails_search_delete AFTER DELETE ON organization_emails BEGIN
    DELETE FROM organization_emails_search WHERE rowid = (old.tenant_id << 43) + (old.organization_id << 10) + old.position;
END;

CREATE VIRTUAL TABLE organization_phones_search USING fts5
    (digits, value, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1');
CREATE TRIGGER organization_phones_search_insert AFTER INSERT ON organization_phones BEGIN
    INSERT INTO organization_phones_search (rowid, digits, value)
    VALUES ((new.tenant_id << 43) + (new.organization_id << 10) + new.position, new.digits, new.value_search);
END;
CREATE TRIGGER organization_phones_search_update AFTER UPDATE OF digits, value_search ON organization_phones
WHEN old.digits IS NOT new.digits OR old.value_search IS NOT new.value_search BEGIN
    DELETE FROM organization_phones_search WHERE rowid = (old.tenant_id << 43) + (old.organization_id << 10) + old.position;
    INSERT INTO organization_phones_search (rowid, digits, value)
    VALUES ((new.tenant_id << 43) + (new.organization_id << 10) + new.position, new.digits, new.value_search);
END;
CREATE TRIGGER organization_phones_search_delete AFTER DELETE ON organization_phones BEGIN
    DELETE FROM organization_phones_search WHERE rowid = (old.tenant_id << 43) + (old.organization_id << 10) + old.position;
END;

CREATE VIRTUAL TABLE contacts_search USING fts5
    (name, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1');
CREATE TRIGGER contacts_search_insert AFTER INSERT ON contacts BEGIN
    INSERT INTO contacts_search (rowid, name)
    VALUES ((new.tenant_id << 43) + (new.id << 10), new.name_search);
END;
CREATE TRIGGER contacts_search_update AFTER UPDATE OF name_search ON contacts
WHEN old.name_search IS NOT new.name_search BEGIN
    DELETE FROM contacts_search WHERE rowid = (old.tenant_id << 43) + (old.id << 10);
    INSERT INTO contacts_search (rowid, name)
    VALUES ((new.tenant_id << 43) + (new.id << 10), new.name_search);
END;
CREATE TRIGGER contacts_search_delete AFTER DELETE ON contacts BEGIN
    DELETE FROM contacts_search WHERE rowid = (old.tenant_id << 43) + (old.id << 10);
END;

CREATE VIRTUAL TABLE contact_emails_search USING fts5
    (value, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1');
CREATE TRIGGER contact_emails_search_insert AFTER INSERT ON contact_emails BEGIN
    INSERT INTO contact_emails_search (rowid, value)
    VALUES ((new.tenant_id << 43) + (new.contact_id << 10) + new.position, new.value_search);
END;
CREATE TRIGGER contact_emails_search_update AFTER UPDATE OF value_search ON contact_emails
WHEN old.value_search IS NOT new.value_search BEGIN
    DELETE FROM contact_emails_search WHERE rowid = (old.tenant_id << 43) + (old.contact_id << 10) + old.position;
    INSERT INTO contact_emails_search (rowid, value)
    VALUES ((new.tenant_id << 43) + (new.contact_id << 10) + new.position, new.value_search);
END;
CREATE TRIGGER contact_emails_search_delete AFTER DELETE ON contact_emails BEGIN
    DELETE FROM contact_emails_search WHERE rowid = (old.tenant_id << 43) + (old.contact_id << 10) + old.position;
END;

CREATE VIRTUAL TABLE contact_phones_search USING fts5
    (digits, value, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1');
CREATE TRIGGER contact_phones_search_insert AFTER INSERT ON contact_phones BEGIN
    INSERT INTO contact_phones_search (rowid, digits, value)
    VALUES ((new.tenant_id << 43) + (new.contact_id << 10) + new.position, new.digits, new.value_search);
END;
CREATE TRIGGER contact_phones_search_update AFTER UPDATE OF digits, value_search ON contact_phones
WHEN old.digits IS NOT new.digits OR old.value_search IS NOT new.value_search BEGIN
    DELETE FROM contact_phones_search WHERE rowid = (old.tenant_id << 43) + (old.contact_id << 10) + old.position;
    INSERT INTO contact_phones_search (rowid, digits, value)
    VALUES ((new.tenant_id << 43) + (new.contact_id << 10) + new.position, new.digits, new.value_search);
END;
CREATE TRIGGER contact_phones_search_delete AFTER DELETE ON contact_phones BEGIN
    DELETE FROM contact_phones_search WHERE rowid = (old.tenant_id << 43) + (old.contact_id << 10) + old.position;
END;

-- The values of custom fields, as they are looked for: by a key whose bytes sort as the values do, or by a part of a text.
CREATE TABLE contact_values (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    contact_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    field TEXT NOT NULL,
    value TEXT,
    search TEXT,
    PRIMARY KEY (tenant_id, contact_id, position),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX contact_values_value ON contact_values (tenant_id, field, value, contact_id);

CREATE VIRTUAL TABLE contact_values_search USING fts5
    (value, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1');
CREATE TRIGGER contact_values_search_insert AFTER INSERT ON contact_values WHEN new.search IS NOT NULL BEGIN
    INSERT INTO contact_values_search (rowid, value)
    VALUES ((new.tenant_id << 43) + (new.contact_id << 10) + new.position, new.search);
END;
CREATE TRIGGER contact_values_search_update AFTER UPDATE OF search ON contact_values WHEN old.search IS NOT new.search BEGIN
    DELETE FROM contact_values_search WHERE rowid = (old.tenant_id << 43) + (old.contact_id << 10) + old.position;
    INSERT INTO contact_values_search (rowid, value)
    SELECT (new.tenant_id << 43) + (new.contact_id << 10) + new.position, new.search WHERE new.search IS NOT NULL;
END;
CREATE TRIGGER contact_values_search_delete AFTER DELETE ON contact_values WHEN old.search IS NOT NULL BEGIN
    DELETE FROM contact_values_search WHERE rowid = (old.tenant_id << 43) + (old.contact_id << 10) + old.position;
END;

-- The values of custom fields, as they are looked for: by a key whose bytes sort as the values do, or by a part of a text.
CREATE TABLE organization_values (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    organization_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    field TEXT NOT NULL,
    value TEXT,
    search TEXT,
    PRIMARY KEY (tenant_id, organization_id, position),
    FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX organization_values_value ON organization_values (tenant_id, field, value, organization_id);

CREATE VIRTUAL TABLE organization_values_search USING fts5
    (value, content = '', contentless_delete = 1, tokenize = 'trigram case_sensitive 1');
CREATE TRIGGER organization_values_search_insert AFTER INSERT ON organization_values WHEN new.search IS NOT NULL BEGIN
    INSERT INTO organization_values_search (rowid, value)
    VALUES ((new.tenant_id << 43) + (new.organization_id << 10) + new.position, new.search);
END;
CREATE TRIGGER organization_values_search_update AFTER UPDATE OF search ON organization_values WHEN old.search IS NOT new.search BEGIN
    DELETE FROM organization_values_search WHERE rowid = (old.tenant_id << 43) + (old.organization_id << 10) + old.position;
    INSERT INTO organization_values_search (rowid, value)
    SELECT (new.tenant_id << 43) + (new.organization_id << 10) + new.position, new.search WHERE new.search IS NOT NULL;
END;
CREATE TRIGGER organization_values_search_delete AFTER DELETE ON organization_values WHEN old.search IS NOT NULL BEGIN
    DELETE FROM organization_values_search WHERE rowid = (old.tenant_id << 43) + (old.organization_id << 10) + old.position;
END;
