-- Case types with their statuses, cases, what happened to them, and their tags.
-- A column that ends in _folded or _search is the twin of another one, written by the code: what it is compared and
-- ordered by, and, without accents, what is searched (crm_core::text).

CREATE TABLE case_types (
    tenant_id       BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id              BIGINT NOT NULL,
    label           TEXT NOT NULL,
    label_folded    TEXT COLLATE "C" NOT NULL,
    form            JSON NOT NULL,
    -- The graph as it was sent; the statuses in it are rows of case_statuses too.
    workflow        JSON NOT NULL,
    owner           JSON,
    creator         JSON,
    last_updated_by JSON,
    is_default      BOOLEAN NOT NULL,
    created_on      TIMESTAMPTZ NOT NULL,
    last_updated_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE UNIQUE INDEX case_types_label ON case_types (tenant_id, label_folded);
-- A tenant has one default case type. The orders of a list of case types have no indexes: a tenant has few.
CREATE UNIQUE INDEX case_types_default ON case_types (tenant_id) WHERE is_default;

-- The case types that are so long that a page of them could be too much: hardly any, and a list first asks for one.
CREATE INDEX case_types_heavy ON case_types (tenant_id)
    WHERE coalesce(octet_length(workflow::text), 0) + coalesce(octet_length(form::text), 0) > 32768;

-- The statuses of each case type: what a case can point at, so that no case is ever in a status that its type
-- does not have.
CREATE TABLE case_statuses (
    tenant_id    BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    case_type_id BIGINT NOT NULL,
    label_folded TEXT COLLATE "C" NOT NULL,
    -- The id of its node; a status that only transitions name has none.
    node_folded  TEXT COLLATE "C",
    PRIMARY KEY (tenant_id, case_type_id, label_folded),
    CONSTRAINT case_statuses_case_type_fkey FOREIGN KEY (tenant_id, case_type_id) REFERENCES case_types (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE cases (
    tenant_id           BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id                  BIGINT NOT NULL,
    title               TEXT NOT NULL,
    title_folded        TEXT COLLATE "C" NOT NULL,
    title_search        TEXT COLLATE "C" NOT NULL,
    description         TEXT,
    case_type_id        BIGINT NOT NULL,
    -- The label of a status of the type.
    status              TEXT NOT NULL,
    status_folded       TEXT COLLATE "C" NOT NULL,
    priority            TEXT,
    priority_folded     TEXT COLLATE "C",
    priority_search     TEXT COLLATE "C",
    -- YYYY-MM-DD, whose order as text is that of the days.
    expected_date       TEXT COLLATE "C",
    organization_id     BIGINT,
    contact_id          BIGINT,
    assignee            JSON,
    -- The ids inside assignee and owner, for the filters by them.
    assignee_id         TEXT COLLATE "C",
    owner               JSON,
    owner_id            TEXT COLLATE "C",
    creator             JSON,
    last_updated_by     JSON,
    external_id         TEXT COLLATE "C",
    custom_fields       JSON NOT NULL,
    first_resolution_on TIMESTAMPTZ,
    last_resolution_on  TIMESTAMPTZ,
    created_on          TIMESTAMPTZ NOT NULL,
    last_updated_on     TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CHECK ((first_resolution_on IS NULL) = (last_resolution_on IS NULL)),
    CHECK ((priority IS NULL) = (priority_folded IS NULL)),
    CHECK ((priority IS NULL) = (priority_search IS NULL)),
    -- No ON DELETE action: a status or type that cases have stays, and whoever deletes another record first
    -- unlinks it, which sets last_updated_on too.
    CONSTRAINT cases_status_fkey FOREIGN KEY (tenant_id, case_type_id, status_folded)
        REFERENCES case_statuses (tenant_id, case_type_id, label_folded),
    CONSTRAINT cases_organization_fkey FOREIGN KEY (tenant_id, organization_id) REFERENCES organizations (tenant_id, id),
    CONSTRAINT cases_contact_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
);

-- One index for each order. NULL comes last both ways, so that a nullable column has an index for each way,
-- on the expression that the list is ordered by.
CREATE INDEX cases_created_on ON cases (tenant_id, created_on, id);
CREATE INDEX cases_last_updated_on ON cases (tenant_id, last_updated_on, id);
CREATE INDEX cases_title ON cases (tenant_id, title_folded, id);
CREATE INDEX cases_status_order ON cases (tenant_id, status_folded, id);
CREATE INDEX cases_priority_asc ON cases (tenant_id, coalesce(priority_folded, '􏿿'), id);
CREATE INDEX cases_priority_desc ON cases (tenant_id, coalesce(priority_folded, ''), id);
CREATE INDEX cases_expected_date_asc ON cases (tenant_id, coalesce(expected_date, '􏿿'), id);
CREATE INDEX cases_expected_date_desc ON cases (tenant_id, coalesce(expected_date, ''), id);

-- One index for each filter by equality, in the default order behind the value: a page of one status or owner is
-- read without sorting all its cases. The one of type and status also counts the cases in each status of a type
-- and finds what a removed status would leave behind; those of organization and contact find what a deleted or
-- merged record does.
CREATE INDEX cases_type ON cases (tenant_id, case_type_id, created_on, id);
CREATE INDEX cases_type_status ON cases (tenant_id, case_type_id, status_folded, created_on, id);
CREATE INDEX cases_status ON cases (tenant_id, status_folded, created_on, id);
CREATE INDEX cases_priority ON cases (tenant_id, priority_search, created_on, id);
CREATE INDEX cases_organization ON cases (tenant_id, organization_id, created_on, id);
CREATE INDEX cases_contact ON cases (tenant_id, contact_id, created_on, id);
CREATE INDEX cases_assignee ON cases (tenant_id, assignee_id, created_on, id);
CREATE INDEX cases_owner ON cases (tenant_id, owner_id, created_on, id);

-- The id that another system has for the record, compared exactly.
CREATE UNIQUE INDEX cases_external_id ON cases (tenant_id, external_id) WHERE external_id IS NOT NULL;

-- Which columns have a value, as a number: so few combinations occur that it answers which are empty.
CREATE INDEX cases_filled ON cases (tenant_id, (
    CASE WHEN description IS NULL THEN 0 ELSE 1 END +
    CASE WHEN priority IS NULL THEN 0 ELSE 2 END +
    CASE WHEN expected_date IS NULL THEN 0 ELSE 4 END +
    CASE WHEN organization_id IS NULL THEN 0 ELSE 8 END +
    CASE WHEN contact_id IS NULL THEN 0 ELSE 16 END +
    CASE WHEN assignee_id IS NULL THEN 0 ELSE 32 END +
    CASE WHEN owner_id IS NULL THEN 0 ELSE 64 END +
    CASE WHEN external_id IS NULL THEN 0 ELSE 128 END +
    CASE WHEN first_resolution_on IS NULL THEN 0 ELSE 256 END +
    CASE WHEN last_resolution_on IS NULL THEN 0 ELSE 512 END
));

-- The cases that are so long that a page of them could be too much: hardly any, and a list first asks for one.
CREATE INDEX cases_heavy ON cases (tenant_id)
    WHERE coalesce(octet_length(custom_fields::text), 0) + coalesce(octet_length(description::text), 0) > 32768;

-- What happened to a case: changes of its status, and comments. No foreign key: they stay while the case is in the trash,
-- and go when it is gone for good.
CREATE TABLE case_activities (
    tenant_id   BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    case_id     BIGINT NOT NULL,
    -- Counts up from 1 in the case, in the order of what happened.
    id          BIGINT NOT NULL,
    from_status TEXT,
    to_status   TEXT,
    transition  TEXT,
    comment     TEXT,
    actor       JSON,
    created_on  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, case_id, id),
    CHECK ((from_status IS NULL) = (to_status IS NULL)),
    CHECK (to_status IS NOT NULL OR comment IS NOT NULL)
);

CREATE TABLE case_tags (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    case_id   BIGINT NOT NULL,
    kind      SMALLINT NOT NULL DEFAULT 5 CHECK (kind = 5),
    tag_id    UUID NOT NULL,
    PRIMARY KEY (tenant_id, case_id, tag_id),
    FOREIGN KEY (tenant_id, case_id) REFERENCES cases (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, kind, tag_id) REFERENCES tags (tenant_id, kind, id) ON DELETE CASCADE
);

CREATE INDEX case_tags_tag ON case_tags (tenant_id, tag_id, case_id);

-- Titles that lists search for "contains" (docs/adr/0006), where the migration of the directory could have its
-- extensions.
DO $$
BEGIN
    CREATE INDEX cases_search ON cases USING gin (tenant_id, title_search gin_trgm_ops);
EXCEPTION
    WHEN undefined_object THEN
        RAISE WARNING 'searches look at every title of a tenant: %', SQLERRM;
END $$;

-- The values of custom fields, as they are looked for: by a key whose bytes sort as the values do, or by a part of a text.
CREATE TABLE case_values (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    case_id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    field TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C",
    search TEXT,
    PRIMARY KEY (tenant_id, case_id, position),
    FOREIGN KEY (tenant_id, case_id) REFERENCES cases (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX case_values_value ON case_values (tenant_id, field, value, case_id);

DO $$
BEGIN
    CREATE INDEX case_values_search ON case_values USING gin (tenant_id, search gin_trgm_ops);
EXCEPTION
    WHEN undefined_object THEN
        RAISE WARNING 'searches look at every text of a custom field of a tenant: %', SQLERRM;
END $$;
