-- The first answers of POSTs that were sent with an Idempotency-Key, for 24 hours. A row is committed together with
-- the effect that it tells of; a request that still runs has none.

CREATE TABLE idempotency_keys (
    tenant_id   BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    key         TEXT COLLATE "C" NOT NULL,
    fingerprint BYTEA NOT NULL,
    status      SMALLINT NOT NULL,
    headers     JSON NOT NULL,
    -- NULL where it was too long to be kept.
    body        BYTEA,
    -- How much of the quota of the tenant the row takes.
    size        INTEGER NOT NULL,
    -- What whoever did it may do: who may less is not told.
    scopes      TEXT NOT NULL,
    created_on  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, key)
);

-- The oldest of a tenant, to be forgotten after their time or beyond the quota, which reads nothing but the index.
CREATE INDEX idempotency_keys_created ON idempotency_keys (tenant_id, created_on, key, size);
