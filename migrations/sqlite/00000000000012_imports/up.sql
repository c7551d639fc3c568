-- Files that become records: what of them is still to be read, what was wrong with it, and what they made (docs/adr/0020).

CREATE TABLE imports (
    tenant_id   INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          BLOB NOT NULL,
    kind        TEXT NOT NULL,
    mode        TEXT NOT NULL,
    match_by    TEXT NOT NULL,
    dry_run     INTEGER NOT NULL,
    -- How its rows are read: { names, map, organizations, tags, moves }
    settings    TEXT NOT NULL,
    -- Who sent it, or has it taken back: { user, key }
    actor       TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN
        ('uploading', 'abandoned', 'draft', 'queued', 'running', 'done', 'failed', 'cancelled', 'undoing', 'undone')),
    -- Whether somebody has something to do for it: parts to send, to read, to take back or to forget.
    is_open     INTEGER NOT NULL,
    -- How many rows it has, and what became of those that were read.
    total       INTEGER NOT NULL,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL,
    unchanged   INTEGER NOT NULL,
    failed      INTEGER NOT NULL,
    -- What was taken back: records that are in the trash, that are as they were, and that somebody changed meanwhile.
    deleted     INTEGER NOT NULL,
    restored    INTEGER NOT NULL,
    left_as_is  INTEGER NOT NULL,
    -- Why it failed.
    error       TEXT,
    created_on  TEXT NOT NULL,
    started_on  TEXT,
    finished_on TEXT,
    -- The gateway that works on it, and until when the others leave it alone. On SQLite there is one gateway only.
    holder      BLOB,
    held_until  TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX imports_created ON imports (tenant_id, created_on, id);
CREATE INDEX imports_open ON imports (tenant_id, id) WHERE is_open;

-- Rows that wait to be read, some hundreds in each: gone as soon as they were.
CREATE TABLE import_parts (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    import_id BLOB NOT NULL,
    part      INTEGER NOT NULL,
    -- [ [ line, [ cell ] or "line of NDJSON" ] ]
    content   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, import_id, part),
    FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE
) STRICT;

-- Rows that failed, as they came.
CREATE TABLE import_problems (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    import_id BLOB NOT NULL,
    -- The line of the file that the row begins in.
    line      INTEGER NOT NULL,
    -- [ cell ] or "line of NDJSON"
    content   TEXT NOT NULL,
    problem   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, import_id, line),
    FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE
) STRICT;

-- What an import made and changed, for whoever takes it back.
CREATE TABLE import_records (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    import_id BLOB NOT NULL,
    kind      TEXT NOT NULL,
    record_id TEXT NOT NULL,
    -- Whether it was made; else it was there, and was changed.
    is_new    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, import_id, kind, record_id),
    FOREIGN KEY (tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE
) STRICT;
