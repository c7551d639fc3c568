-- Tenants, their keys, and the numbers that their records got. Every other table hangs on tenants(id).

CREATE TABLE tenants (
    -- AUTOINCREMENT: the id of a deleted tenant is never given again.
    id         INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    public_id  TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    created_on TEXT NOT NULL
) STRICT;

CREATE TABLE api_keys (
    tenant_id  INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    role       TEXT NOT NULL CHECK (role IN ('primary', 'secondary')),
    hash       BLOB NOT NULL,
    is_chosen  INTEGER NOT NULL,
    created_on TEXT NOT NULL,
    PRIMARY KEY (tenant_id, role)
) STRICT, WITHOUT ROWID;

-- A key is what names the tenant, so that this one index cannot begin with it.
CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash);

CREATE TABLE numbering (
    tenant_id INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    kind      INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, kind)
) STRICT, WITHOUT ROWID;
