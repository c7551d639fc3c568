-- Organizations and contacts, each with its e-mail addresses, phone numbers and tags.
-- A column that ends in _folded or _search is the twin of another one, written by the code: what it is compared and
-- ordered by, and, without accents, what is searched (crm_core::text).

CREATE TABLE organizations (
    tenant_id       BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id              BIGINT NOT NULL,
    name            TEXT NOT NULL,
    name_folded     TEXT COLLATE "C" NOT NULL,
    name_search     TEXT COLLATE "C" NOT NULL,
    -- What it is told from others by: folded, blanks alike.
    name_key        TEXT COLLATE "C" NOT NULL,
    address         TEXT,
    address_search  TEXT COLLATE "C",
    industry        TEXT COLLATE "C",
    industry_folded TEXT COLLATE "C",
    industry_search TEXT COLLATE "C",
    size            TEXT,
    annual_revenue  TEXT,
    website         TEXT,
    website_search  TEXT COLLATE "C",
    note            TEXT,
    owner           JSON,
    owner_id        TEXT COLLATE "C",
    creator         JSON,
    last_updated_by JSON,
    external_id     TEXT COLLATE "C",
    custom_fields   JSON NOT NULL,
    created_on      TIMESTAMPTZ NOT NULL,
    last_updated_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

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
    WHERE coalesce(octet_length(custom_fields::text), 0) + coalesce(octet_length(note::text), 0) > 32768;

CREATE TABLE contacts (
    tenant_id        BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id               BIGINT NOT NULL,
    name             TEXT NOT NULL,
    name_folded      TEXT COLLATE "C" NOT NULL,
    name_search      TEXT COLLATE "C" NOT NULL,
    -- What it is told from others by: folded, blanks alike.
    name_key         TEXT COLLATE "C" NOT NULL,
    organization_id  BIGINT,
    job_title        TEXT,
    job_title_folded TEXT COLLATE "C",
    department       TEXT,
    seniority_level  TEXT,
    linkedin         TEXT,
    note             TEXT,
    owner            JSON,
    owner_id         TEXT COLLATE "C",
    creator          JSON,
    last_updated_by  JSON,
    external_id      TEXT COLLATE "C",
    custom_fields    JSON NOT NULL,
    created_on       TIMESTAMPTZ NOT NULL,
    last_updated_on  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id),
    -- No ON DELETE action: whoever deletes an organization first unlinks it, which sets last_updated_on too.
    CONSTRAINT contacts_organization_fkey FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id)
);

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
    WHERE coalesce(octet_length(custom_fields::text), 0) + coalesce(octet_length(note::text), 0) > 32768;

CREATE TABLE organization_emails (
    tenant_id       BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    organization_id BIGINT NOT NULL,
    position        SMALLINT NOT NULL,
    label           TEXT,
    value           TEXT NOT NULL,
    value_search    TEXT COLLATE "C" NOT NULL,
    -- What it is told from others by: folded, the domain in Unicode.
    value_folded    TEXT COLLATE "C" NOT NULL,
    is_primary      BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, organization_id, position),
    FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX organization_emails_folded ON organization_emails (tenant_id, value_folded, organization_id);

CREATE TABLE organization_phones (
    tenant_id       BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    organization_id BIGINT NOT NULL,
    position        SMALLINT NOT NULL,
    label           TEXT,
    value           TEXT NOT NULL,
    value_search    TEXT COLLATE "C" NOT NULL,
    digits          TEXT COLLATE "C" NOT NULL,
    -- What it is told from others by: its last digits, however the country before them is written.
    last_digits     TEXT COLLATE "C",
    is_primary      BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, organization_id, position),
    FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX organization_phones_last_digits ON organization_phones (tenant_id, last_digits, organization_id) WHERE last_digits IS NOT NULL;

CREATE TABLE contact_emails (
    tenant_id    BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    contact_id   BIGINT NOT NULL,
    position     SMALLINT NOT NULL,
    label        TEXT,
    value        TEXT NOT NULL,
    value_search TEXT COLLATE "C" NOT NULL,
    -- What it is told from others by: folded, the domain in Unicode.
    value_folded TEXT COLLATE "C" NOT NULL,
    is_primary   BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, position),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX contact_emails_folded ON contact_emails (tenant_id, value_folded, contact_id);

CREATE TABLE contact_phones (
    tenant_id    BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    contact_id   BIGINT NOT NULL,
    position     SMALLINT NOT NULL,
    label        TEXT,
    value        TEXT NOT NULL,
    value_search TEXT COLLATE "C" NOT NULL,
    digits       TEXT COLLATE "C" NOT NULL,
    -- What it is told from others by: its last digits, however the country before them is written.
    last_digits  TEXT COLLATE "C",
    is_primary   BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, position),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX contact_phones_last_digits ON contact_phones (tenant_id, last_digits, contact_id) WHERE last_digits IS NOT NULL;

CREATE TABLE organization_tags (
    tenant_id       BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    organization_id BIGINT NOT NULL,
    kind            SMALLINT NOT NULL DEFAULT 4 CHECK (kind = 4),
    tag_id          UUID NOT NULL,
    PRIMARY KEY (tenant_id, organization_id, tag_id),
    FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, kind, tag_id) REFERENCES tags (tenant_id, kind, id) ON DELETE CASCADE
);

CREATE INDEX organization_tags_tag ON organization_tags (tenant_id, tag_id, organization_id);

CREATE TABLE contact_tags (
    tenant_id  BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    contact_id BIGINT NOT NULL,
    kind       SMALLINT NOT NULL DEFAULT 3 CHECK (kind = 3),
    tag_id     UUID NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, tag_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, kind, tag_id) REFERENCES tags (tenant_id, kind, id) ON DELETE CASCADE
);

CREATE INDEX contact_tags_tag ON contact_tags (tenant_id, tag_id, contact_id);

-- Texts that lists search for "contains" (docs/adr/0006): an index of their trigrams, with the tenant in front.
-- Both extensions are trusted, so that the owner of the database may create them. Where they cannot be had the
-- lists work all the same, only slower: every text of the tenant is looked at.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS btree_gin;
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX organizations_search ON organizations USING gin
        (tenant_id, name_search gin_trgm_ops, address_search gin_trgm_ops, website_search gin_trgm_ops);
    CREATE INDEX organization_emails_search ON organization_emails USING gin (tenant_id, value_search gin_trgm_ops);
    CREATE INDEX organization_phones_search ON organization_phones USING gin
        (tenant_id, digits gin_trgm_ops, value_search gin_trgm_ops);
    CREATE INDEX contacts_search ON contacts USING gin (tenant_id, name_search gin_trgm_ops);
    CREATE INDEX contact_emails_search ON contact_emails USING gin (tenant_id, value_search gin_trgm_ops);
    CREATE INDEX contact_phones_search ON contact_phones USING gin
        (tenant_id, digits gin_trgm_ops, value_search gin_trgm_ops);
EXCEPTION
    WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN
        RAISE WARNING 'searches look at every text of a tenant: %', SQLERRM;
END $$;

-- The values of custom fields, as they are looked for: by a key whose bytes sort as the values do, or by a part of a text.
CREATE TABLE contact_values (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    contact_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C",
    search TEXT,
    PRIMARY KEY (tenant_id, contact_id, position),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX contact_values_value ON contact_values (tenant_id, field, value, contact_id);

DO $$
BEGIN
    CREATE INDEX contact_values_search ON contact_values USING gin (tenant_id, search gin_trgm_ops);
EXCEPTION
    WHEN undefined_object THEN
        RAISE WARNING 'searches look at every text of a custom field of a tenant: %', SQLERRM;
END $$;

-- The values of custom fields, as they are looked for: by a key whose bytes sort as the values do, or by a part of a text.
CREATE TABLE organization_values (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    organization_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C",
    search TEXT,
    PRIMARY KEY (tenant_id, organization_id, position),
    FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX organization_values_value ON organization_values (tenant_id, field, value, organization_id);

DO $$
BEGIN
    CREATE INDEX organization_values_search ON organization_values USING gin (tenant_id, search gin_trgm_ops);
EXCEPTION
    WHEN undefined_object THEN
        RAISE WARNING 'searches look at every text of a custom field of a tenant: %', SQLERRM;
END $$;
