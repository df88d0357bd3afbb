-- +goose Up

-- Links are known by the hash of their token. A row is all that a link was bound to; the token carries the same, signed.
CREATE TABLE terminal_links (
    token_hash     bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    kid            text        NOT NULL,
    person         jsonb       NOT NULL,
    incident_id    bigint      REFERENCES incidents (id),
    container_key  text        NOT NULL,
    container_name text        NOT NULL,
    mode           text        NOT NULL CHECK (mode IN ('logs', 'shell')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    used_at        timestamptz
);

CREATE TABLE terminal_sessions (
    id             text PRIMARY KEY,
    cookie_hash    bytea       NOT NULL UNIQUE CHECK (octet_length(cookie_hash) = 32),
    token_hash     bytea       NOT NULL UNIQUE REFERENCES terminal_links (token_hash),
    person         jsonb       NOT NULL,
    incident_id    bigint      REFERENCES incidents (id),
    container_key  text        NOT NULL,
    container_name text        NOT NULL,
    mode           text        NOT NULL CHECK (mode IN ('logs', 'shell')),
    opened_at      timestamptz NOT NULL,
    last_seen_at   timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    ended_at       timestamptz,
    end_reason     text        NOT NULL DEFAULT '',
    -- Whether the end is on the timeline. A sweep looks for those where it is not.
    audited        boolean     NOT NULL DEFAULT false,
    CHECK ((ended_at IS NULL) = (end_reason = ''))
);

CREATE INDEX terminal_sessions_unfinished ON terminal_sessions (opened_at) WHERE ended_at IS NULL OR NOT audited;

-- What is needed to end the processes of a shell, also by a bot that did not start it.
CREATE TABLE terminal_shells (
    id           text PRIMARY KEY,
    session_id   text        NOT NULL REFERENCES terminal_sessions (id),
    container_id text        NOT NULL,
    sid          integer     NOT NULL DEFAULT 0,
    start_time   text        NOT NULL DEFAULT '',
    started_at   timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL,
    gone_at      timestamptz
);

CREATE INDEX terminal_shells_here ON terminal_shells (seen_at) WHERE gone_at IS NULL;

-- A recording is its chunks, in order: one asciicast v2.
CREATE TABLE recordings (
    id             text PRIMARY KEY,
    session_id     text        NOT NULL REFERENCES terminal_sessions (id),
    incident_id    bigint      REFERENCES incidents (id),
    container_name text        NOT NULL,
    started_at     timestamptz NOT NULL,
    ended_at       timestamptz
);

CREATE INDEX recordings_incident ON recordings (incident_id, started_at);

CREATE TABLE recording_chunks (
    recording_id text        NOT NULL REFERENCES recordings (id),
    seq          integer     NOT NULL,
    chunk        bytea       NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (recording_id, seq)
);

-- +goose StatementBegin
CREATE FUNCTION recording_chunks_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'recordings are append-only';
END
$$;
-- +goose StatementEnd

CREATE TRIGGER recording_chunks_append_only BEFORE UPDATE OR DELETE ON recording_chunks
    FOR EACH ROW EXECUTE FUNCTION recording_chunks_are_kept();

CREATE TRIGGER recording_chunks_no_truncate BEFORE TRUNCATE ON recording_chunks
    FOR EACH STATEMENT EXECUTE FUNCTION recording_chunks_are_kept();
