-- Webhooks: whom a tenant tells of its changes, and what is on its way to them (docs/adr/0018).

CREATE TABLE webhooks (
    tenant_id        BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id               UUID NOT NULL,
    url              TEXT NOT NULL,
    -- [ "lead.created", "opportunity.*" ]
    events           JSON NOT NULL,
    fields           JSON,
    description      TEXT,
    enabled          BOOLEAN NOT NULL,
    -- Why it was switched off, where nobody did it.
    disabled_reason  TEXT COLLATE "C" CHECK (disabled_reason IN ('gone', 'failing')),
    -- Since when nothing has arrived; NULL after a success.
    failing_since    TIMESTAMPTZ,
    secret           TEXT NOT NULL,
    -- The one before, with which everything is signed as well until then.
    old_secret       TEXT,
    old_secret_until TIMESTAMPTZ,
    -- The id of the key that the secrets are sealed with; without one they are in clear.
    secrets_key      TEXT COLLATE "C",
    -- It is told of what stands behind this place in the feed: when it was made, or switched on again.
    turn             BIGINT NOT NULL,
    seq              BIGINT NOT NULL,
    created_on       TIMESTAMPTZ NOT NULL,
    last_updated_on  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX webhooks_created ON webhooks (tenant_id, created_on, id);
-- Which keys are in use, and which webhooks are to be sealed with another.
CREATE INDEX webhooks_secrets_key ON webhooks (tenant_id, secrets_key);
CREATE INDEX webhooks_enabled ON webhooks (tenant_id) WHERE enabled;

-- Whose turn it is to deliver for a tenant, and how far it has come: one row for each tenant that ever had a webhook.
CREATE TABLE delivery_turns (
    tenant_id  BIGINT NOT NULL PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    -- The place in the feed up to which deliveries were made of the changes.
    turn       BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    -- The gateway that delivers, and until when the others leave it alone. On SQLite there is one gateway only.
    holder     UUID,
    held_until TIMESTAMPTZ,
    -- How often records of the tenant were erased: what was read before the last time is not written down after it.
    erasures   BIGINT NOT NULL
);

-- One row for each change and each webhook that is told of it, for thirty days. Not tied to the webhook, which is deleted
-- at once whatever it has here.
CREATE TABLE deliveries (
    tenant_id   BIGINT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- What the receiver sees as webhook-id.
    id          UUID NOT NULL,
    webhook_id  UUID NOT NULL,
    -- The change, and its place in the feed.
    change_seq  BIGINT NOT NULL,
    change_turn BIGINT NOT NULL,
    kind        TEXT COLLATE "C" NOT NULL,
    record_id   TEXT COLLATE "C" NOT NULL,
    action      TEXT COLLATE "C" NOT NULL,
    state       TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
    -- When it is tried next. NULL where that is over, or while an earlier one of the same record holds it back.
    next_try_on TIMESTAMPTZ,
    -- How often it was tried since it was made or replayed.
    tries       INTEGER NOT NULL,
    -- [ { on, status, milliseconds, response, error } ]
    attempts    JSON NOT NULL,
    -- What was sent first, kept until it has arrived.
    body        TEXT,
    created_on  TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX deliveries_due ON deliveries (tenant_id, webhook_id, next_try_on) WHERE next_try_on IS NOT NULL;
-- What is on its way of a record; everything of a record that is erased.
CREATE INDEX deliveries_record ON deliveries (tenant_id, kind, record_id, webhook_id, state, change_turn, change_seq);
CREATE INDEX deliveries_log ON deliveries (tenant_id, webhook_id, created_on, id);
CREATE INDEX deliveries_state ON deliveries (tenant_id, webhook_id, state, created_on, id) WHERE state <> 'delivered';
CREATE INDEX deliveries_old ON deliveries (tenant_id, created_on);
