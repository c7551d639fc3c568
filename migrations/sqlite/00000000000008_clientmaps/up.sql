-- Client maps of ticketing: how tickets go to and from another system.

CREATE TABLE client_maps (
    tenant_id     INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id            BLOB NOT NULL,
    client_id     TEXT NOT NULL,
    client_name   TEXT NOT NULL,
    client_type   TEXT NOT NULL CHECK (client_type IN ('itsm', 'email', 'messaging', 'crm', 'custom')),
    mapping_type  TEXT NOT NULL CHECK (mapping_type IN ('inbound', 'outbound', 'bidirectional')),
    source_system TEXT,
    target_system TEXT,
    usecase       TEXT,
    configuration TEXT,
    -- The id of the key that the secrets inside are sealed with; without one they are in clear.
    secrets_key   TEXT,
    status        TEXT NOT NULL CHECK (status IN ('active', 'inactive')),
    last_sync_at  TEXT,
    sync_status   TEXT NOT NULL CHECK (sync_status IN ('success', 'failed', 'pending', 'in_progress', 'disabled')),
    created_at    TEXT NOT NULL,
    updated_at    TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE UNIQUE INDEX client_maps_client ON client_maps (tenant_id, client_id);
CREATE INDEX client_maps_created ON client_maps (tenant_id, created_at, id);
-- Which keys are in use, and which client maps are to be sealed with another.
CREATE INDEX client_maps_secrets_key ON client_maps (tenant_id, secrets_key);
CREATE INDEX client_maps_usecase ON client_maps (tenant_id, usecase, created_at, id);

-- What the ETag of a tenant's list is made of, so that a 304 reads no mapping. A new random value at each change: a
-- counter would give the same ETag to other content after a backup was restored.
CREATE TABLE clientmap_versions (
    tenant_id INTEGER NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    version   BLOB NOT NULL
) STRICT;
