-- What happened: one row for each record that a write touched, written in the transaction of the write. History, feed,
-- trash and webhooks read it (docs/adr/0016).

CREATE TABLE changes (
    tenant_id  INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- Counts up in the tenant, and never again what was forgotten: see the insert in crm-history.
    seq        INTEGER NOT NULL,
    -- The feed is in the order of turn and seq: here of seq, for writers come one after the other.
    turn       INTEGER NOT NULL,
    kind       TEXT NOT NULL,
    record_id  TEXT NOT NULL,
    action     TEXT NOT NULL,
    created_on TEXT NOT NULL,
    -- Who did it: the person, and the key that was used.
    author     TEXT,
    key_id     BLOB,
    key_name   TEXT,
    request_id TEXT,
    -- [ { field, from, to } ]
    fields     TEXT NOT NULL,
    -- The record, where it was made or deleted.
    record     TEXT,
    -- What only a restore needs, and nobody is shown.
    kept       TEXT,
    -- The ids of the records that were merged into this one, or of the one that this was merged into.
    others     TEXT,
    -- The seq of the change that this one follows from.
    cause      INTEGER,
    -- Its values were taken out for good.
    erased     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX changes_feed ON changes (tenant_id, turn, seq);
-- What came last of some kinds.
CREATE INDEX changes_kind ON changes (tenant_id, kind, turn, seq);
-- The history of a record; its last turn.
CREATE INDEX changes_record ON changes (tenant_id, kind, record_id, seq);
-- What is in the trash, in the order in which it came: a deletion or merge that keeps what a restore needs.
CREATE INDEX changes_trash ON changes (tenant_id, created_on, seq)
    WHERE kept IS NOT NULL AND action IN ('deleted', 'mergedInto');
-- What a deletion did elsewhere.
CREATE INDEX changes_cause ON changes (tenant_id, cause, seq) WHERE cause IS NOT NULL;

-- The changes that are so long that a page of them could be too much.
CREATE INDEX changes_heavy ON changes (tenant_id)
    WHERE coalesce(octet_length(fields), 0) + coalesce(octet_length(record), 0) > 32768;

-- Where the changes of a tenant begin, once something of them was forgotten.
CREATE TABLE change_horizons (
    tenant_id INTEGER NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    -- Of PostgreSQL alone.
    base      INTEGER NOT NULL,
    -- The place in the feed of the last change that was forgotten.
    turn      INTEGER NOT NULL,
    seq       INTEGER NOT NULL
) STRICT;

-- What was said about leads, opportunities, contacts and organizations. No foreign key: a record that is brought back has
-- its comments still.
CREATE TABLE comments (
    tenant_id  INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id         BLOB NOT NULL,
    kind       TEXT NOT NULL,
    record_id  INTEGER NOT NULL,
    -- The record that it was written on, which a merge leaves as it is.
    origin_id  INTEGER NOT NULL,
    comment    TEXT NOT NULL,
    author     TEXT,
    created_on TEXT NOT NULL,
    updated_on TEXT,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX comments_record ON comments (tenant_id, kind, record_id, created_on, id);

-- The comments that are so long that a page of them could be too much.
CREATE INDEX comments_heavy ON comments (tenant_id) WHERE coalesce(octet_length(comment), 0) > 32768;
