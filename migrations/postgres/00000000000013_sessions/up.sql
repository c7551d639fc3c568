-- Who is signed in to the console: a row for each browser, which goes with the key that was used.

CREATE TABLE sessions (
    tenant_id  BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- SHA-256 of what the browser has.
    hash       BYTEA NOT NULL,
    key_hash   BYTEA NOT NULL,
    created_on TIMESTAMPTZ NOT NULL,
    -- Moves on while the session is used.
    expires_on TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, hash),
    FOREIGN KEY (tenant_id, key_hash) REFERENCES api_keys (tenant_id, hash) ON DELETE CASCADE
);

-- A session is what names the tenant, so that this one index cannot begin with it. Not unique: 256 random bits are.
CREATE INDEX sessions_hash ON sessions (hash);
-- Those of a key, which go with it, the oldest first.
CREATE INDEX sessions_key ON sessions (tenant_id, key_hash, created_on);
CREATE INDEX sessions_expired ON sessions (tenant_id, expires_on);
