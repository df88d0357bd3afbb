-- +goose Up
CREATE TABLE incidents (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pagerduty_id    text NOT NULL UNIQUE,
    number          bigint NOT NULL DEFAULT 0,
    title           text NOT NULL DEFAULT '',
    service_id      text NOT NULL DEFAULT '',
    service         text NOT NULL DEFAULT '',
    status          text NOT NULL CHECK (status IN ('triggered', 'acknowledged', 'resolved')),
    -- when the status was reached, by PagerDuty's clock: an event that comes late does not turn it back
    status_at       timestamptz NOT NULL,
    urgency         text NOT NULL DEFAULT '',
    priority        text NOT NULL DEFAULT '',
    url             text NOT NULL DEFAULT '',
    opened_at       timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text NOT NULL DEFAULT '',
    restored_at     timestamptz,
    flat_at         timestamptz,
    resolved_at     timestamptz,
    resolved_by     text NOT NULL DEFAULT ''
);
CREATE INDEX incidents_opened ON incidents (opened_at DESC, id DESC);
CREATE INDEX incidents_open ON incidents (service_id) WHERE status <> 'resolved';

-- One line each, one chain per incident. incident_id is null for what happens outside any incident: those entries are
-- one chain too. The columns that are hashed are json, not jsonb, so that they are kept to the letter.
CREATE TABLE timeline (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint REFERENCES incidents (id),
    seq         bigint NOT NULL CHECK (seq > 0),
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    kind        text NOT NULL,
    actor       json NOT NULL,
    source      json NOT NULL,
    summary     text NOT NULL,
    details     json,
    prev_hash   bytea,
    hash        bytea NOT NULL,
    UNIQUE NULLS NOT DISTINCT (incident_id, seq)
);

-- +goose StatementBegin
CREATE FUNCTION timeline_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the timeline is append-only: % is not possible', TG_OP;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER timeline_no_change BEFORE UPDATE OR DELETE ON timeline
    FOR EACH ROW EXECUTE FUNCTION timeline_is_append_only();
CREATE TRIGGER timeline_no_truncate BEFORE TRUNCATE ON timeline
    FOR EACH STATEMENT EXECUTE FUNCTION timeline_is_append_only();

-- What came in, by the sender's own IDs, so that what comes twice acts once.
CREATE TABLE deliveries (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text NOT NULL,
    native_id   text NOT NULL,
    event_id    text,
    received_at timestamptz NOT NULL DEFAULT now(),
    incident_id bigint REFERENCES incidents (id),
    body        bytea NOT NULL,
    UNIQUE (source, native_id)
);
CREATE UNIQUE INDEX deliveries_event ON deliveries (source, event_id) WHERE event_id IS NOT NULL;
CREATE INDEX deliveries_received ON deliveries (received_at);

-- What runs under an identity, as it was last seen. gone_at is null while it is there.
CREATE TABLE containers (
    key        text PRIMARY KEY,
    engine     text NOT NULL,
    name       text NOT NULL,
    engine_id  text NOT NULL,
    doc        jsonb NOT NULL,
    labels     jsonb NOT NULL,
    seen_at    timestamptz NOT NULL DEFAULT now(),
    gone_at    timestamptz
);

CREATE TABLE deploys (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL,
    at         timestamptz NOT NULL,
    before_id  text NOT NULL,
    after_id   text NOT NULL,
    before     text NOT NULL,
    after      text NOT NULL,
    snapshot   text NOT NULL DEFAULT '',
    changes    jsonb NOT NULL DEFAULT '[]',
    UNIQUE (key, before_id, after_id)
);
CREATE INDEX deploys_recent ON deploys (key, at DESC);

CREATE TABLE snapshots (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key           text NOT NULL,
    container     text NOT NULL,
    name          text NOT NULL,
    reason        text NOT NULL,
    note          text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    expires_at    timestamptz,
    pinned        boolean NOT NULL DEFAULT false,
    size_bytes    bigint NOT NULL DEFAULT 0,
    image_id      text NOT NULL,
    image_ref     text NOT NULL,
    committed     boolean NOT NULL,
    container_id  text NOT NULL,
    document      bytea NOT NULL, -- sealed: it holds the environment
    changes       jsonb NOT NULL DEFAULT '[]',
    missing_since timestamptz,
    deleted_at    timestamptz
);
CREATE UNIQUE INDEX snapshots_name ON snapshots (key, name) WHERE deleted_at IS NULL;
CREATE INDEX snapshots_newest ON snapshots (key, created_at DESC, id DESC) WHERE deleted_at IS NULL;

-- The journal. epoch is the fencing token: whoever takes a restore over raises it.
CREATE TABLE restores (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL CHECK (kind IN ('restore', 'undo')),
    undo_of      bigint REFERENCES restores (id),
    key          text NOT NULL,
    container    text NOT NULL,
    snapshot_id  bigint NOT NULL REFERENCES snapshots (id),
    snapshot     text NOT NULL,
    state        text NOT NULL,
    epoch        bigint NOT NULL DEFAULT 0,
    lease_owner  text NOT NULL DEFAULT '',
    lease_until  timestamptz NOT NULL DEFAULT '-infinity',
    incident_id  bigint REFERENCES incidents (id),
    requested_by jsonb NOT NULL,
    requested_at timestamptz NOT NULL,
    entered_at   timestamptz NOT NULL,
    started_at   timestamptz,
    verified_at  timestamptz,
    kept_until   timestamptz,
    undone_by    bigint REFERENCES restores (id),
    error        text NOT NULL DEFAULT '',
    record       jsonb NOT NULL, -- plan, phases, differences: what only the machine and people read
    idempotency  text UNIQUE
);
CREATE UNIQUE INDEX restores_one_at_a_time ON restores (key)
    WHERE state NOT IN ('verified', 'refused', 'reverted', 'failed');
CREATE INDEX restores_incident ON restores (incident_id, id DESC);
CREATE INDEX restores_kept ON restores (kept_until) WHERE kept_until IS NOT NULL;

CREATE TABLE people (
    slack_id     text PRIMARY KEY,
    pagerduty_id text NOT NULL DEFAULT '',
    email        text NOT NULL DEFAULT '',
    name         text NOT NULL DEFAULT '',
    seen_at      timestamptz NOT NULL DEFAULT now() -- when Slack was last asked
);

CREATE TABLE api_tokens (
    id           text PRIMARY KEY,
    name         text NOT NULL,
    hash         bytea NOT NULL,
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);

CREATE TABLE idempotency (
    key         text PRIMARY KEY,
    fingerprint bytea NOT NULL,
    answer      jsonb,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- How far each incident's timeline has been told to whom. Incident 0 is what happens outside any incident.
CREATE TABLE slack_messages (
    incident_id  bigint PRIMARY KEY,
    channel      text NOT NULL DEFAULT '',
    ts           text NOT NULL DEFAULT '',
    rendered     bytea,
    seq          bigint NOT NULL DEFAULT 0,
    attempt      bigint NOT NULL DEFAULT -1, -- what is being posted: -1 nothing, 0 the message, n the entry with that seq
    attempted_at timestamptz,
    threads      jsonb NOT NULL DEFAULT '[]' -- for incident 0: the messages of recent restores
);
CREATE TABLE pagerduty_cursors (
    incident_id bigint PRIMARY KEY,
    seq         bigint NOT NULL DEFAULT 0
);
