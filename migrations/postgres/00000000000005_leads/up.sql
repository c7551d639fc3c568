-- Leads, with their participants and tags.
-- A column that ends in _folded or _search is the twin of another one, written by the code: what it is compared and
-- ordered by, and, without accents, what is searched (crm_core::text).

CREATE TABLE leads (
    tenant_id       BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id              BIGINT NOT NULL,
    title           TEXT NOT NULL,
    title_folded    TEXT COLLATE "C" NOT NULL,
    title_search    TEXT COLLATE "C" NOT NULL,
    -- Money: a whole number of ten-thousandths, and a currency.
    value_units     BIGINT,
    value_code      TEXT,
    origin          TEXT COLLATE "C",
    origin_search   TEXT COLLATE "C",
    lead_rating     TEXT COLLATE "C" CHECK (lead_rating IN ('1_cold', '2_warm', '3_hot')),
    note            TEXT,
    organization_id BIGINT,
    contact_id      BIGINT,
    owner           JSON,
    -- The id inside owner, for the filter by owner.
    owner_id        TEXT COLLATE "C",
    creator         JSON,
    last_updated_by JSON,
    followers       JSON NOT NULL,
    external_id     TEXT COLLATE "C",
    custom_fields   JSON NOT NULL,
    is_archived     BOOLEAN NOT NULL,
    -- A lead is converted where converted_on is set; opportunity_id is NULL again once that opportunity is deleted.
    converted_on    TIMESTAMPTZ,
    opportunity_id  BIGINT,
    created_on      TIMESTAMPTZ NOT NULL,
    last_updated_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK ((value_units IS NULL) = (value_code IS NULL)),
    CHECK (opportunity_id IS NULL OR converted_on IS NOT NULL),
    -- No ON DELETE action: whoever deletes a record first unlinks it, which sets last_updated_on too.
    CONSTRAINT leads_organization_fkey FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id),
    CONSTRAINT leads_contact_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
);

-- One index for each order. NULL comes last both ways, so that a nullable column has an index for each way,
-- on the expression that the list is ordered by.
CREATE INDEX leads_created_on ON leads (tenant_id, created_on, id);
CREATE INDEX leads_last_updated_on ON leads (tenant_id, last_updated_on, id);
CREATE INDEX leads_title ON leads (tenant_id, title_folded, id);
CREATE INDEX leads_value_asc ON leads (tenant_id, coalesce(value_units, 9223372036854775807), id);
CREATE INDEX leads_value_desc ON leads (tenant_id, coalesce(value_units, -9223372036854775807), id);
CREATE INDEX leads_rating_asc ON leads (tenant_id, coalesce(lead_rating, '􏿿'), id);
CREATE INDEX leads_rating_desc ON leads (tenant_id, coalesce(lead_rating, ''), id);

-- One index for each filter by equality, in the default order behind the value: a page of one organization's or
-- owner's leads is read without sorting all of them. The first two also find what a deleted or merged record
-- leaves behind. `title` has none: a text inside of it is looked for in the order of the list, which ends as
-- soon as the page is full.
CREATE INDEX leads_organization ON leads (tenant_id, organization_id, created_on, id);
CREATE INDEX leads_contact ON leads (tenant_id, contact_id, created_on, id);
CREATE INDEX leads_owner ON leads (tenant_id, owner_id, created_on, id);
CREATE INDEX leads_origin ON leads (tenant_id, origin_search, created_on, id);
CREATE INDEX leads_rating ON leads (tenant_id, lead_rating, created_on, id);
CREATE INDEX leads_archived ON leads (tenant_id, is_archived, created_on, id);

-- Converted or not is a question about NULL, which no index range in the order of created_on answers: a partial
-- index for each answer does, and a lead stands in only one of them.
CREATE INDEX leads_converted ON leads (tenant_id, created_on, id) WHERE converted_on IS NOT NULL;
CREATE INDEX leads_unconverted ON leads (tenant_id, created_on, id) WHERE converted_on IS NULL;

-- Finds the lead of an opportunity that is deleted. Few leads have one.
CREATE INDEX leads_opportunity ON leads (tenant_id, opportunity_id) WHERE opportunity_id IS NOT NULL;

-- The id that another system has for the record, compared exactly.
CREATE UNIQUE INDEX leads_external_id ON leads (tenant_id, external_id) WHERE external_id IS NOT NULL;

-- Which columns have a value, as a number: so few combinations occur that it answers which are empty.
CREATE INDEX leads_filled ON leads (tenant_id, (
    CASE WHEN value_units IS NULL THEN 0 ELSE 1 END +
    CASE WHEN organization_id IS NULL THEN 0 ELSE 2 END +
    CASE WHEN contact_id IS NULL THEN 0 ELSE 4 END +
    CASE WHEN origin IS NULL THEN 0 ELSE 8 END +
    CASE WHEN lead_rating IS NULL THEN 0 ELSE 16 END +
    CASE WHEN owner_id IS NULL THEN 0 ELSE 32 END +
    CASE WHEN CAST(followers AS text) = '[]' THEN 0 ELSE 64 END +
    CASE WHEN note IS NULL THEN 0 ELSE 128 END +
    CASE WHEN external_id IS NULL THEN 0 ELSE 256 END +
    CASE WHEN opportunity_id IS NULL THEN 0 ELSE 512 END
));

-- The leads that are so long that a page of them could be too much: hardly any, and a list first asks for one.
CREATE INDEX leads_heavy ON leads (tenant_id)
    WHERE coalesce(octet_length(custom_fields::text), 0) + coalesce(octet_length(followers::text), 0) + coalesce(octet_length(note::text), 0) > 32768;

CREATE TABLE lead_participants (
    tenant_id  BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    lead_id    BIGINT NOT NULL,
    contact_id BIGINT NOT NULL,
    -- The name that came with the participant, where one did.
    name       TEXT,
    position   SMALLINT NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, contact_id),
    CONSTRAINT lead_participants_lead_fkey FOREIGN KEY (tenant_id, lead_id) REFERENCES leads (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT lead_participants_contact_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
);

CREATE INDEX lead_participants_contact ON lead_participants (tenant_id, contact_id, lead_id);

CREATE TABLE lead_tags (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    lead_id   BIGINT NOT NULL,
    kind      SMALLINT NOT NULL DEFAULT 1 CHECK (kind = 1),
    tag_id    UUID NOT NULL,
    PRIMARY KEY (tenant_id, lead_id, tag_id),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES leads (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, kind, tag_id) REFERENCES tags (tenant_id, kind, id) ON DELETE CASCADE
);

CREATE INDEX lead_tags_tag ON lead_tags (tenant_id, tag_id, lead_id);

-- Titles that lists search for "contains" (docs/adr/0006), where the migration of the directory could have its
-- extensions.
DO $$
BEGIN
    CREATE INDEX leads_search ON leads USING gin (tenant_id, title_search gin_trgm_ops);
EXCEPTION
    WHEN undefined_object THEN
        RAISE WARNING 'searches look at every title of a tenant: %', SQLERRM;
END $$;

-- The values of custom fields, as they are looked for: by a key whose bytes sort as the values do, or by a part of a text.
CREATE TABLE lead_values (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    lead_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C",
    search TEXT,
    PRIMARY KEY (tenant_id, lead_id, position),
    FOREIGN KEY (tenant_id, lead_id) REFERENCES leads (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX lead_values_value ON lead_values (tenant_id, field, value, lead_id);

DO $$
BEGIN
    CREATE INDEX lead_values_search ON lead_values USING gin (tenant_id, search gin_trgm_ops);
EXCEPTION
    WHEN undefined_object THEN
        RAISE WARNING 'searches look at every text of a custom field of a tenant: %', SQLERRM;
END $$;
