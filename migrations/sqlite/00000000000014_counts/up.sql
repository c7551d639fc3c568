-- How many records a tenant has of each kind, and what its open opportunities add up to (docs/adr/0023): kept by the
-- transactions that write them. What is true is the sum over the parts.

CREATE TABLE record_counts (
    tenant_id  INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- As in numbering.
    kind       INTEGER NOT NULL,
    -- What is counted by itself within a kind: the pipeline, stage and currency of an open opportunity. Zeros and nothing
    -- for all other records.
    group_id   BLOB NOT NULL,
    group_key  TEXT NOT NULL,
    value_code TEXT NOT NULL,
    -- Always 0: there is one writer at a time.
    part       INTEGER NOT NULL,
    records    INTEGER NOT NULL,
    -- The values in two parts, each of which fits whatever there are: billions of units, and what is left of each.
    billions   INTEGER NOT NULL,
    rest       INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, kind, group_id, group_key, value_code, part)
) STRICT, WITHOUT ROWID;

-- What is there already.
INSERT INTO record_counts SELECT tenant_id, 1, zeroblob(16), '', '', 0, count(*), 0, 0 FROM leads GROUP BY tenant_id;
INSERT INTO record_counts SELECT tenant_id, 3, zeroblob(16), '', '', 0, count(*), 0, 0 FROM contacts GROUP BY tenant_id;
INSERT INTO record_counts SELECT tenant_id, 4, zeroblob(16), '', '', 0, count(*), 0, 0 FROM organizations GROUP BY tenant_id;
INSERT INTO record_counts SELECT tenant_id, 5, zeroblob(16), '', '', 0, count(*), 0, 0 FROM cases GROUP BY tenant_id;
INSERT INTO record_counts SELECT tenant_id, 2, zeroblob(16), '', '', 0, count(*), 0, 0 FROM opportunities
    WHERE status <> 'open' GROUP BY tenant_id;
INSERT INTO record_counts SELECT tenant_id, 2, pipeline_id, stage_key, coalesce(value_code, ''), 0, count(*),
    coalesce(sum(value_units / 1000000000), 0), coalesce(sum(value_units % 1000000000), 0) FROM opportunities
    WHERE status = 'open' GROUP BY tenant_id, pipeline_id, stage_key, coalesce(value_code, '');
