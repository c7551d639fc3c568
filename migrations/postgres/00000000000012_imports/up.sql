-- Files that become records: what of them is still to be read, what was wrong with it, and what they made (docs/adr/0020).

CREATE TABLE imports (
    tenant_id   BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          UUID NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    mode        TEXT COLLATE "C" NOT NULL,
    match_by    TEXT COLLATE "C" NOT NULL,
    dry_run     BOOLEAN NOT NULL,
    -- How its rows are read: { names, map, organizations, tags, moves }
    settings    JSON NOT NULL,
    -- Who sent it, or has it taken back: { user, key }
    actor       JSON NOT NULL,
    state       TEXT COLLATE "C" NOT NULL CHECK (state IN
        ('uploading', 'abandoned', 'draft', 'queued', 'running', 'done', 'failed', 'cancelled', 'undoing', 'undone')),
    -- Whether somebody has something to do for it: parts to send, to read, to take back or to forget.
    is_open     BOOLEAN NOT NULL,
    -- How many rows it has, and what became of those that were read.
    total       BIGINT NOT NULL,
    created     BIGINT NOT NULL,
    updated     BIGINT NOT NULL,
    unchanged   BIGINT NOT NULL,
    failed      BIGINT NOT NULL,
    -- What was taken back: records that are in the trash, that are as they were, and that somebody changed meanwhile.
    deleted     BIGINT NOT NULL,
    restored    BIGINT NOT NULL,
    left_as_is  BIGINT NOT NULL,
    -- Why it failed.
    error       TEXT,
    created_on  TIMESTAMPTZ NOT NULL,
    started_on  TIMESTAMPTZ,
    finished_on TIMESTAMPTZ,
    -- The gateway that works on it, and until when the others leave it alone. On SQLite there is one gateway only.
    holder      UUID,
    held_until  TIMESTAMPTZ,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX imports_created ON imports (tenant_id, created_on, id);
CREATE INDEX imports_open ON imports (tenant_id, id) WHERE is_open;

-- Rows that wait to be read, some hundreds in each: gone as soon as they were.
CREATE TABLE import_parts (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    import_id UUID NOT NULL,
    part      BIGINT NOT NULL,
    -- [ [ line, [ cell ] or "line of NDJSON" ] ]
    content   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, import_id, part),
    FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE
);

-- Rows that failed, as they came.
CREATE TABLE import_problems (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    import_id UUID NOT NULL,
    -- The line of the file that the row begins in.
    line      BIGINT NOT NULL,
    -- [ cell ] or "line of NDJSON"
    content   TEXT NOT NULL,
    problem   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, import_id, line),
    FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE
);

-- What an import made and changed, for whoever takes it back.
CREATE TABLE import_records (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    import_id UUID NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    record_id TEXT COLLATE "C" NOT NULL,
    -- Whether it was made; else it was there, and was changed.
    is_new    BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, import_id, kind, record_id),
    FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE
);
