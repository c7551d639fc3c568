-- Tenants, their keys, and the numbers that their records got. Every other table hangs on tenants(id).

CREATE TABLE tenants (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    public_id  TEXT COLLATE "C" NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    -- Since when it is being deleted, in parts; it has no keys from then on.
    deleted_on TIMESTAMPTZ,
    -- Since when nothing of it may be changed, because it is being moved.
    frozen_on  TIMESTAMPTZ
);

CREATE INDEX tenants_created_on ON tenants (created_on, id);

-- A row for each secret: the current one of a key, and those that it replaced while they still work.
CREATE TABLE api_keys (
    tenant_id    BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id           UUID NOT NULL,
    hash         BYTEA NOT NULL,
    name         TEXT NOT NULL,
    role         TEXT COLLATE "C" CHECK (role IN ('primary', 'secondary')),
    scopes       TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    is_chosen    BOOLEAN NOT NULL,
    created_on   TIMESTAMPTZ NOT NULL,
    expires_on   TIMESTAMPTZ,
    last_used_on TIMESTAMPTZ,
    -- Another one took its place, and it works until then.
    grace_until  TIMESTAMPTZ,
    PRIMARY KEY (tenant_id, hash)
);

-- A key is what names the tenant, so that this one index cannot begin with it.
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE UNIQUE INDEX api_keys_current ON api_keys (tenant_id, id) WHERE grace_until IS NULL;
CREATE UNIQUE INDEX api_keys_role ON api_keys (tenant_id, role) WHERE grace_until IS NULL;

CREATE TABLE numbering (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    kind      SMALLINT NOT NULL,
    last      BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, kind)
);
