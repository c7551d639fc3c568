-- Tenants, their keys, and the numbers that their records got. Every other table hangs on tenants(id).

CREATE TABLE tenants (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id  TEXT COLLATE "C" NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    created_on TIMESTAMPTZ NOT NULL
);

CREATE TABLE api_keys (
    tenant_id  BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    role       TEXT COLLATE "C" NOT NULL CHECK (role IN ('primary', 'secondary')),
    hash       BYTEA NOT NULL,
    is_chosen  BOOLEAN NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, role)
);

-- A key is what names the tenant, so that this one index cannot begin with it.
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);

CREATE TABLE numbering (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    kind      SMALLINT NOT NULL,
    last      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, kind)
);
