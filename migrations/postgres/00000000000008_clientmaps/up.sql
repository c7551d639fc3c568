-- Client maps of ticketing: how tickets go to and from another system.

CREATE TABLE client_maps (
    tenant_id     BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id            UUID NOT NULL,
    client_id     TEXT COLLATE "C" NOT NULL,
    client_name   TEXT NOT NULL,
    client_type   TEXT COLLATE "C" NOT NULL CHECK (client_type IN ('itsm', 'email', 'messaging', 'crm', 'custom')),
    mapping_type  TEXT COLLATE "C" NOT NULL CHECK (mapping_type IN ('inbound', 'outbound', 'bidirectional')),
    source_system TEXT,
    target_system TEXT,
    usecase       TEXT COLLATE "C",
    configuration JSON,
    -- The id of the key that the secrets inside are sealed with; without one they are in clear.
    secrets_key   TEXT COLLATE "C",
    status        TEXT COLLATE "C" NOT NULL CHECK (status IN ('active', 'inactive')),
    last_sync_at  TIMESTAMPTZ,
    sync_status   TEXT COLLATE "C" NOT NULL CHECK (sync_status IN ('success', 'failed', 'pending', 'in_progress', 'disabled')),
    created_at    TIMESTAMPTZ NOT NULL,
    updated_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE UNIQUE INDEX client_maps_client ON client_maps (tenant_id, client_id);
CREATE INDEX client_maps_created ON client_maps (tenant_id, created_at, id);
-- Which keys are in use, and which client maps are to be sealed with another.
CREATE INDEX client_maps_secrets_key ON client_maps (tenant_id, secrets_key);
CREATE INDEX client_maps_usecase ON client_maps (tenant_id, usecase, created_at, id);

-- What the ETag of a tenant's list is made of, so that a 304 reads no mapping. A new random value at each change: a
-- counter would give the same ETag to other content after a backup was restored.
CREATE TABLE clientmap_versions (
    tenant_id BIGINT NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    version   UUID NOT NULL
);
