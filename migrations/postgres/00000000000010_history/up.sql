-- What happened: one row for each record that a write touched, written in the transaction of the write. History, feed,
-- trash and webhooks read it (docs/adr/0016).

CREATE TABLE changes (
    tenant_id  BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    seq        BIGINT GENERATED ALWAYS AS IDENTITY,
    -- The feed is in the order of turn and seq. See the insert in crm-history, which gives it.
    turn       BIGINT NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    record_id  TEXT COLLATE "C" NOT NULL,
    action     TEXT COLLATE "C" NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    -- Who did it: the person, and the key that was used.
    author     JSON,
    key_id     UUID,
    key_name   TEXT,
    request_id TEXT,
    -- [ { field, from, to } ]
    fields     JSON NOT NULL,
    -- The record, where it was made or deleted.
    record     JSON,
    -- What only a restore needs, and nobody is shown.
    kept       JSON,
    -- The ids of the records that were merged into this one, or of the one that this was merged into.
    others     JSON,
    -- The seq of the change that this one follows from.
    cause      BIGINT,
    -- Its values were taken out for good.
    erased     BOOLEAN NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);

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
    WHERE coalesce(octet_length(fields::text), 0) + coalesce(octet_length(record::text), 0) > 32768;

-- Where the changes of a tenant begin, once something of them was forgotten.
CREATE TABLE change_horizons (
    tenant_id BIGINT NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    -- What is added to the number of a transaction to make a turn, so that turns go on rising after the database was
    -- moved to a server that counts from the start.
    base      BIGINT NOT NULL,
    -- The place in the feed of the last change that was forgotten.
    turn      BIGINT NOT NULL,
    seq       BIGINT NOT NULL
);

-- What was said about leads, opportunities, contacts and organizations. No foreign key: a record that is brought back has
-- its comments still.
CREATE TABLE comments (
    tenant_id  BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id         UUID NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    record_id  BIGINT NOT NULL,
    -- The record that it was written on, which a merge leaves as it is.
    origin_id  BIGINT NOT NULL,
    comment    TEXT NOT NULL,
    author     JSON,
    created_on TIMESTAMPTZ NOT NULL,
    updated_on TIMESTAMPTZ,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX comments_record ON comments (tenant_id, kind, record_id, created_on, id);

-- The comments that are so long that a page of them could be too much.
CREATE INDEX comments_heavy ON comments (tenant_id) WHERE coalesce(octet_length(comment::text), 0) > 32768;
