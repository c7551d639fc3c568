-- Who is signed in to the console: a row for each browser, of a key, with which it goes, or of a person whom an issuer names.

CREATE TABLE sessions (
    tenant_id  INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- SHA-256 of what the browser has.
    hash       BLOB NOT NULL,
    key_hash   BLOB,
    -- Who it is, with their roles and who vouched for them.
    person     TEXT,
    -- The id inside person, for the limit of sessions.
    person_id  TEXT,
    created_on TEXT NOT NULL,
    -- Of a key: moves on while the session is used.
    expires_on TEXT NOT NULL,
    PRIMARY KEY (tenant_id, hash),
    CHECK ((key_hash IS NULL) <> (person_id IS NULL) AND (person IS NULL) = (person_id IS NULL)),
    FOREIGN KEY (tenant_id, key_hash) REFERENCES api_keys (tenant_id, hash) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- A session is what names the tenant, so that this one index cannot begin with it. Not unique: 256 random bits are.
CREATE INDEX sessions_hash ON sessions (hash);
-- Those of a key, which go with it, the oldest first.
CREATE INDEX sessions_key ON sessions (tenant_id, key_hash, created_on);
-- Those of a person, the oldest first.
CREATE INDEX sessions_person ON sessions (tenant_id, person_id, created_on);
CREATE INDEX sessions_expired ON sessions (tenant_id, expires_on);
