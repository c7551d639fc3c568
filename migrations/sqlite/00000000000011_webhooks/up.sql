-- Webhooks: whom a tenant tells of its changes, and what is on its way to them (docs/adr/0018).

CREATE TABLE webhooks (
    tenant_id        INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id               BLOB NOT NULL,
    url              TEXT NOT NULL,
    -- [ "lead.created", "opportunity.*" ]
    events           TEXT NOT NULL,
    fields           TEXT,
    description      TEXT,
    enabled          INTEGER NOT NULL,
    -- Why it was switched off, where nobody did it.
    disabled_reason  TEXT CHECK (disabled_reason IN ('gone', 'failing')),
    -- Since when nothing has arrived; NULL after a success.
    failing_since    TEXT,
    secret           TEXT NOT NULL,
    -- The one before, with which everything is signed as well until then.
    old_secret       TEXT,
    old_secret_until TEXT,
    -- The id of the key that the secrets are sealed with; without one they are in clear.
    secrets_key      TEXT,
    -- It is told of what stands behind this place in the feed: when it was made, or switched on again.
    turn             INTEGER NOT NULL,
    seq              INTEGER NOT NULL,
    created_on       TEXT NOT NULL,
    last_updated_on  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX webhooks_created ON webhooks (tenant_id, created_on, id);
-- Which keys are in use, and which webhooks are to be sealed with another.
CREATE INDEX webhooks_secrets_key ON webhooks (tenant_id, secrets_key);
CREATE INDEX webhooks_enabled ON webhooks (tenant_id) WHERE enabled;

-- Whose turn it is to deliver for a tenant, and how far it has come: one row for each tenant that ever had a webhook.
CREATE TABLE delivery_turns (
    tenant_id  INTEGER NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    -- The place in the feed up to which deliveries were made of the changes.
    turn       INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    -- The gateway that delivers, and until when the others leave it alone. On SQLite there is one gateway only.
    holder     BLOB,
    held_until TEXT,
    -- How often records of the tenant were erased: what was read before the last time is not written down after it.
    erasures   INTEGER NOT NULL
) STRICT;

-- One row for each change and each webhook that is told of it, for thirty days. Not tied to the webhook, which is deleted
-- at once whatever it has here.
CREATE TABLE deliveries (
    tenant_id   INTEGER NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- What the receiver sees as webhook-id.
    id          BLOB NOT NULL,
    webhook_id  BLOB NOT NULL,
    -- The change, and its place in the feed.
    change_seq  INTEGER NOT NULL,
    change_turn INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    record_id   TEXT NOT NULL,
    action      TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    -- When it is tried next. NULL where that is over, or while an earlier one of the same record holds it back.
    next_try_on TEXT,
    -- How often it was tried since it was made or replayed.
    tries       INTEGER NOT NULL,
    -- [ { on, status, milliseconds, response, error } ]
    attempts    TEXT NOT NULL,
    -- What was sent first, kept until it has arrived.
    body        TEXT,
    created_on  TEXT NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT;

CREATE INDEX deliveries_due ON deliveries (tenant_id, webhook_id, next_try_on) WHERE next_try_on IS NOT NULL;
-- What is on its way of a record; everything of a record that is erased.
CREATE INDEX deliveries_record ON deliveries (tenant_id, kind, record_id, webhook_id, state, change_turn, change_seq);
CREATE INDEX deliveries_log ON deliveries (tenant_id, webhook_id, created_on, id);
CREATE INDEX deliveries_state ON deliveries (tenant_id, webhook_id, state, created_on, id) WHERE state <> 'delivered';
CREATE INDEX deliveries_old ON deliveries (tenant_id, created_on);
