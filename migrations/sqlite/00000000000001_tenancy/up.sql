-- Tenants, their keys, and the numbers that their records got. Every other table hangs on tenants(id).

CREATE TABLE tenants (
    -- AUTOINCREMENT: the id of a deleted tenant is never given again.
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    public_id  TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    created_on TEXT NOT NULL,
    -- Since when it is being deleted, in parts; it has no keys from then on.
    deleted_on TEXT,
    -- Since when nothing of it may be changed, because it is being moved.
    frozen_on  TEXT
) STRICT;

CREATE INDEX tenants_created_on ON tenants (created_on, id);

-- A row for each secret: the current one of a key, and those that it replaced while they still work.
CREATE TABLE api_keys (
    tenant_id    INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id           BLOB NOT NULL,
    hash         BLOB NOT NULL,
    name         TEXT NOT NULL,
    role         TEXT CHECK (role IN ('primary', 'secondary')),
    scopes       TEXT NOT NULL,
    prefix       TEXT NOT NULL,
    is_chosen    INTEGER NOT NULL,
    created_on   TEXT NOT NULL,
    expires_on   TEXT,
    last_used_on TEXT,
    -- Another one took its place, and it works until then.
    grace_until  TEXT,
    PRIMARY KEY (tenant_id, hash)
) STRICT, WITHOUT ROWID;

-- A key is what names the tenant, so that this one index cannot begin with it.
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);
CREATE UNIQUE INDEX api_keys_current ON api_keys (tenant_id, id) WHERE grace_until IS NULL;
CREATE UNIQUE INDEX api_keys_role ON api_keys (tenant_id, role) WHERE grace_until IS NULL;

CREATE TABLE numbering (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    kind      INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, kind)
) STRICT, WITHOUT ROWID;
