-- Opportunities, with their participants and tags, and the pipelines whose stages they pass through.
-- A column that ends in _folded or _search is the twin of another one, written by the code: what it is compared and
-- ordered by, and, without accents, what is searched (crm_core::text).

CREATE TABLE pipelines (
    tenant_id       BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id              UUID NOT NULL,
    name            TEXT NOT NULL,
    name_folded     TEXT COLLATE "C" NOT NULL,
    created_on      TIMESTAMPTZ NOT NULL,
    last_updated_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX pipelines_created_on ON pipelines (tenant_id, created_on, id);
CREATE INDEX pipelines_last_updated_on ON pipelines (tenant_id, last_updated_on, id);
CREATE INDEX pipelines_name ON pipelines (tenant_id, name_folded, id);

-- The default pipeline of a tenant. The primary key allows one, the foreign key keeps it from being deleted, and
-- another one takes its place by one upsert: a mark on each pipeline would need two statements and a lock between
-- them and everybody else's.
CREATE TABLE default_pipelines (
    tenant_id   BIGINT NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    pipeline_id UUID NOT NULL,
    CONSTRAINT default_pipelines_pipeline_fkey FOREIGN KEY (tenant_id, pipeline_id) REFERENCES pipelines (tenant_id, id)
);

CREATE TABLE pipeline_stages (
    tenant_id   BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    pipeline_id UUID NOT NULL,
    key         TEXT COLLATE "C" NOT NULL,
    -- The place in the pipeline, from 1.
    position    SMALLINT NOT NULL,
    label       TEXT NOT NULL,
    -- Whole percents.
    probability SMALLINT CHECK (probability BETWEEN 0 AND 100),
    color       TEXT NOT NULL,
    PRIMARY KEY (tenant_id, pipeline_id, key),
    CONSTRAINT pipeline_stages_pipeline_fkey FOREIGN KEY (tenant_id, pipeline_id) REFERENCES pipelines (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE opportunities (
    tenant_id       BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id              BIGINT NOT NULL,
    title           TEXT NOT NULL,
    title_folded    TEXT COLLATE "C" NOT NULL,
    title_search    TEXT COLLATE "C" NOT NULL,
    -- Money: a whole number of ten-thousandths, and a currency.
    value_units     BIGINT,
    value_code      TEXT,
    origin          TEXT,
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
    pipeline_id     UUID NOT NULL,
    stage_key       TEXT COLLATE "C" NOT NULL,
    -- A copy of the stage's place, for the order by stage: whoever moves the stage writes it too, under the lock of the
    -- stage. (A cascading foreign key would do so by itself, and is refused where the tables are sharded by tenant.)
    stage_position  SMALLINT NOT NULL,
    status          TEXT COLLATE "C" NOT NULL CHECK (status IN ('open', 'won', 'lost')),
    lost_reason     JSON,
    closed_on       TIMESTAMPTZ,
    -- The lead that it was made of; a lead can be made into one opportunity only.
    lead_id         BIGINT,
    created_on      TIMESTAMPTZ NOT NULL,
    last_updated_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK ((value_units IS NULL) = (value_code IS NULL)),
    CHECK ((status = 'open') = (closed_on IS NULL)),
    CHECK (lost_reason IS NULL OR status = 'lost'),
    -- No ON DELETE action: whoever deletes a record first unlinks it, which sets last_updated_on too.
    CONSTRAINT opportunities_organization_fkey FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id),
    CONSTRAINT opportunities_contact_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    -- leads.opportunity_id, the other way, has no foreign key: two that refer to each other could only be written
    -- with a deferred check. Conversion and deletion (crm-suite) write both in one transaction.
    CONSTRAINT opportunities_lead_fkey FOREIGN KEY (tenant_id, lead_id) REFERENCES leads (tenant_id, id),
    -- A stage with opportunities cannot be removed.
    CONSTRAINT opportunities_stage_fkey FOREIGN KEY (tenant_id, pipeline_id, stage_key)
        REFERENCES pipeline_stages (tenant_id, pipeline_id, key)
);

CREATE UNIQUE INDEX opportunities_lead ON opportunities (tenant_id, lead_id);

-- One index for each order. NULL comes last both ways, so that a nullable column has an index for each way,
-- on the expression that the list is ordered by.
CREATE INDEX opportunities_created_on ON opportunities (tenant_id, created_on, id);
CREATE INDEX opportunities_last_updated_on ON opportunities (tenant_id, last_updated_on, id);
CREATE INDEX opportunities_title ON opportunities (tenant_id, title_folded, id);
CREATE INDEX opportunities_value_asc ON opportunities (tenant_id, coalesce(value_units, 9223372036854775807), id);
CREATE INDEX opportunities_value_desc ON opportunities (tenant_id, coalesce(value_units, -9223372036854775807), id);
CREATE INDEX opportunities_rating_asc ON opportunities (tenant_id, coalesce(lead_rating, '􏿿'), id);
CREATE INDEX opportunities_rating_desc ON opportunities (tenant_id, coalesce(lead_rating, ''), id);
CREATE INDEX opportunities_closed_asc ON opportunities (tenant_id, coalesce(closed_on, '9999-12-31T23:59:59.999Z'), id);
CREATE INDEX opportunities_closed_desc ON opportunities (tenant_id, coalesce(closed_on, '0001-01-01T00:00:00.000Z'), id);
CREATE INDEX opportunities_stage_position ON opportunities (tenant_id, stage_position, id);

-- One index for each filter by equality, in the default order behind the value: a page of one organization's or
-- owner's opportunities is read without sorting all of them. The first two also find what a deleted or merged
-- record leaves behind. `title` has none, as in leads.
CREATE INDEX opportunities_organization ON opportunities (tenant_id, organization_id, created_on, id);
CREATE INDEX opportunities_contact ON opportunities (tenant_id, contact_id, created_on, id);
CREATE INDEX opportunities_owner ON opportunities (tenant_id, owner_id, created_on, id);
CREATE INDEX opportunities_status ON opportunities (tenant_id, status, created_on, id);
CREATE INDEX opportunities_pipeline ON opportunities (tenant_id, pipeline_id, created_on, id);
CREATE INDEX opportunities_stage ON opportunities (tenant_id, stage_key, created_on, id);

-- Finds the opportunities of a stage that moves or is removed.
CREATE INDEX opportunities_board ON opportunities (tenant_id, pipeline_id, stage_key);

-- The id that another system has for the record, compared exactly.
CREATE UNIQUE INDEX opportunities_external_id ON opportunities (tenant_id, external_id) WHERE external_id IS NOT NULL;

-- Which columns have a value, as a number: so few combinations occur that it answers which are empty.
CREATE INDEX opportunities_filled ON opportunities (tenant_id, (
    CASE WHEN value_units IS NULL THEN 0 ELSE 1 END +
    CASE WHEN organization_id IS NULL THEN 0 ELSE 2 END +
    CASE WHEN contact_id IS NULL THEN 0 ELSE 4 END +
    CASE WHEN origin IS NULL THEN 0 ELSE 8 END +
    CASE WHEN lead_rating IS NULL THEN 0 ELSE 16 END +
    CASE WHEN owner_id IS NULL THEN 0 ELSE 32 END +
    CASE WHEN CAST(followers AS text) = '[]' THEN 0 ELSE 64 END +
    CASE WHEN note IS NULL THEN 0 ELSE 128 END +
    CASE WHEN external_id IS NULL THEN 0 ELSE 256 END +
    CASE WHEN closed_on IS NULL THEN 0 ELSE 512 END +
    CASE WHEN lost_reason IS NULL THEN 0 ELSE 1024 END +
    CASE WHEN lead_id IS NULL THEN 0 ELSE 2048 END
));

-- The opportunities that are so long that a page of them could be too much: hardly any, and a list first asks for one.
CREATE INDEX opportunities_heavy ON opportunities (tenant_id)
    WHERE coalesce(octet_length(custom_fields::text), 0) + coalesce(octet_length(followers::text), 0) + coalesce(octet_length(note::text), 0) > 32768;

CREATE TABLE opportunity_participants (
    tenant_id      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    opportunity_id BIGINT NOT NULL,
    contact_id     BIGINT NOT NULL,
    -- The name that came with the participant, where one did.
    name           TEXT,
    position       SMALLINT NOT NULL,
    PRIMARY KEY (tenant_id, opportunity_id, contact_id),
    CONSTRAINT opportunity_participants_opportunity_fkey FOREIGN KEY (tenant_id, opportunity_id) REFERENCES opportunities (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT opportunity_participants_contact_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
);

CREATE INDEX opportunity_participants_contact ON opportunity_participants (tenant_id, contact_id, opportunity_id);

CREATE TABLE opportunity_tags (
    tenant_id      BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    opportunity_id BIGINT NOT NULL,
    kind           SMALLINT NOT NULL DEFAULT 2 CHECK (kind = 2),
    tag_id         UUID NOT NULL,
    PRIMARY KEY (tenant_id, opportunity_id, tag_id),
    FOREIGN KEY (tenant_id, opportunity_id) REFERENCES opportunities (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, kind, tag_id) REFERENCES tags (tenant_id, kind, id) ON DELETE CASCADE
);

CREATE INDEX opportunity_tags_tag ON opportunity_tags (tenant_id, tag_id, opportunity_id);

-- Titles that lists search for "contains" (docs/adr/0006), where the migration of the directory could have its
-- extensions.
DO $$
BEGIN
    CREATE INDEX opportunities_search ON opportunities USING gin (tenant_id, title_search gin_trgm_ops);
EXCEPTION
    WHEN undefined_object THEN
        RAISE WARNING 'searches look at every title of a tenant: %', SQLERRM;
END $$;

-- The values of custom fields, as they are looked for: by a key whose bytes sort as the values do, or by a part of a text.
CREATE TABLE opportunity_values (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    opportunity_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C",
    search TEXT,
    PRIMARY KEY (tenant_id, opportunity_id, position),
    FOREIGN KEY (tenant_id, opportunity_id) REFERENCES opportunities (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX opportunity_values_value ON opportunity_values (tenant_id, field, value, opportunity_id);

DO $$
BEGIN
    CREATE INDEX opportunity_values_search ON opportunity_values USING gin (tenant_id, search gin_trgm_ops);
EXCEPTION
    WHEN undefined_object THEN
        RAISE WARNING 'searches look at every text of a custom field of a tenant: %', SQLERRM;
END $$;
