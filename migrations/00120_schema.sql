-- +goose Up

-- The whole schema, in the order in which design and code speak of it: the night, what runs and what is kept of it, restores,
-- terminals, people, and how far others were told. River's own tables for jobs are not here: River makes them.
--
-- There were twelve files before this one, up to number 120. A database that has them all is the same as one made by this file, down to the
-- order of its columns. The next file has a number above 120.

-- ---------------------------------------------------------------------------------------------------------------------
-- The night
-- ---------------------------------------------------------------------------------------------------------------------

-- Incidents, as PagerDuty told of them. A row changes only together with an entry of its timeline, which signs what the row is then.
CREATE TABLE incidents (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pagerduty_id    text NOT NULL UNIQUE,
    number          bigint NOT NULL DEFAULT 0,
    title           text NOT NULL DEFAULT '',
    service_id      text NOT NULL DEFAULT '',
    service         text NOT NULL DEFAULT '',
    status          text NOT NULL CHECK (status IN ('triggered', 'acknowledged', 'resolved')),
    -- When the status was reached, by PagerDuty's clock: an event that comes late does not turn it back.
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
CREATE INDEX incidents_number ON incidents (number) WHERE number <> 0;

-- Who did what, a line each, in one chain per incident. incident_id is null for what happens outside any incident: those entries are one
-- chain too. The columns that are hashed are json, not jsonb, so that they are kept to the letter.
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
    -- Whoever can write to the database can compute a chain of hashes anew. So every entry is signed with a key that is not in the
    -- database, together with the digest of its incident's row after it (state; null outside of incidents).
    key_id      text,
    mac         bytea,
    state       bytea,
    UNIQUE NULLS NOT DISTINCT (incident_id, seq)
);
-- A timeline grows for years, and is never read through. An entry is found by where it comes from (by a hash, since a name of another
-- system may be longer than an index takes), and so are the incidents that were written to of late.
CREATE INDEX timeline_source ON timeline (hashtextextended(source ->> 'native_id', 0), kind) WHERE source ->> 'native_id' IS NOT NULL;
CREATE INDEX timeline_recent ON timeline (recorded_at) INCLUDE (incident_id, seq) WHERE incident_id IS NOT NULL;

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

-- What came in from PagerDuty and Slack, by the sender's own IDs, so that what comes twice acts once.
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

-- ---------------------------------------------------------------------------------------------------------------------
-- What runs, and what is kept of it. A key is a container's identity: the engine's name and what its successors share.
-- ---------------------------------------------------------------------------------------------------------------------

-- What runs under an identity, as it was last seen. gone_at is null while it is there.
CREATE TABLE containers (
    key       text PRIMARY KEY,
    engine    text NOT NULL,
    name      text NOT NULL,
    engine_id text NOT NULL,
    doc       jsonb NOT NULL,
    labels    jsonb NOT NULL, -- those that begin with snapback. alone: people put secrets into others
    seen_at   timestamptz NOT NULL DEFAULT now(), -- when it was first seen
    gone_at   timestamptz,
    -- What ran last, to the letter, sealed: it is what the next deploy is compared with.
    document  bytea,
    scopes    text[] NOT NULL DEFAULT '{}' -- the bots' scopes (SNAPBACK_ONLY) within which it was seen
);

-- One container that followed another under an identity, and what changed.
CREATE TABLE deploys (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key       text NOT NULL,
    at        timestamptz NOT NULL,
    before_id text NOT NULL,
    after_id  text NOT NULL,
    before    text NOT NULL,
    after     text NOT NULL,
    snapshot  text NOT NULL DEFAULT '',
    changes   jsonb NOT NULL DEFAULT '[]',
    UNIQUE (key, before_id, after_id)
);
CREATE INDEX deploys_newest ON deploys (at DESC, id DESC);
CREATE INDEX deploys_of ON deploys (key, at DESC, id DESC);
CREATE INDEX deploys_after ON deploys (key, after_id);

-- Kept states. The engine has the images, the bot's data folder the archives of volumes.
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
    document      bytea NOT NULL, -- the raw inspect document, sealed: it holds the environment
    changes       jsonb NOT NULL DEFAULT '[]', -- what restoring it would change back
    missing_since timestamptz, -- since when the engine does not have the image any more
    deleted_at    timestamptz, -- the row stays, since restores refer to it; its document goes in time
    -- A tag that could not be removed with its snapshot, since it was the only name of an image that a container uses.
    tag_left      boolean NOT NULL DEFAULT false,
    volumes       jsonb, -- the archives of its volumes: where they are, how still the container was, their checksums
    unwell        text NOT NULL DEFAULT '' -- what was wrong with the container then, for people
);
CREATE UNIQUE INDEX snapshots_name ON snapshots (key, name) WHERE deleted_at IS NULL;
CREATE INDEX snapshots_newest ON snapshots (key, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX snapshots_tag_left ON snapshots (id) WHERE tag_left;
CREATE INDEX snapshots_dead ON snapshots (deleted_at) WHERE deleted_at IS NOT NULL;

-- What engines call themselves, and the name under which what is theirs is written down: the first part of every key.
-- An upgrade of an engine may change what it calls itself; the name stays.
CREATE TABLE engines (
    id    text PRIMARY KEY,
    name  text NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);

-- Up to which moment an engine's events have been seen, so that a bot that was away can ask for the rest.
CREATE TABLE engine_marks (
    engine  text PRIMARY KEY,
    seen_to timestamptz NOT NULL
);

-- Which ticks of a schedule have been taken, and more generally what must be done once by any number of bots.
CREATE TABLE schedule_ticks (
    key  text NOT NULL,
    tick timestamptz NOT NULL,
    PRIMARY KEY (key, tick)
);

-- The bots, as they were last heard of: which engine each of them reaches, and which of its containers it is for.
CREATE TABLE bots (
    bot       text PRIMARY KEY,
    run       text NOT NULL, -- another one at every start
    engine    text NOT NULL, -- its name
    engine_id text NOT NULL, -- what it calls itself
    host      text NOT NULL, -- the engine's
    scope     text NOT NULL, -- the label that narrows its containers down; '' for all
    seen_at   timestamptz NOT NULL DEFAULT now()
);

-- ---------------------------------------------------------------------------------------------------------------------
-- Restores
-- ---------------------------------------------------------------------------------------------------------------------

-- The journal: a state is written before its work is done. epoch is the fencing token: whoever takes a restore over raises it.
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
    kept_until   timestamptz, -- until when the container from before is kept; null once it is gone
    undone_by    bigint REFERENCES restores (id),
    error        text NOT NULL DEFAULT '',
    record       jsonb NOT NULL, -- plan, phases, differences: what only the machine and people read
    idempotency  text UNIQUE,
    -- Bots that the restore was taken from, and when that was last: what they have told the engine may be done late.
    late         text[] NOT NULL DEFAULT '{}',
    taken_at     timestamptz
);
CREATE UNIQUE INDEX restores_one_at_a_time ON restores (key)
    WHERE state NOT IN ('verified', 'refused', 'reverted', 'failed');
CREATE INDEX restores_incident ON restores (incident_id, id DESC);
CREATE INDEX restores_kept ON restores (kept_until) WHERE kept_until IS NOT NULL;
CREATE INDEX restores_made ON restores (key, (record -> 'plan' ->> 'new_id')); -- a container that a restore made is no deploy
CREATE INDEX restores_late ON restores (taken_at) WHERE late <> '{}';
CREATE INDEX restores_asked ON restores (requested_at) WHERE idempotency IS NOT NULL;
CREATE INDEX restores_entered ON restores (entered_at);
CREATE INDEX restores_snapshot ON restores (snapshot_id);

-- ---------------------------------------------------------------------------------------------------------------------
-- Terminals
-- ---------------------------------------------------------------------------------------------------------------------

-- Links, by the hash of their token. A row is all that a link was bound to; the token carries the same, signed.
CREATE TABLE terminal_links (
    token_hash     bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    kid            text NOT NULL,
    person         jsonb NOT NULL,
    incident_id    bigint REFERENCES incidents (id),
    container_key  text NOT NULL,
    container_name text NOT NULL,
    mode           text NOT NULL CHECK (mode IN ('logs', 'shell')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    used_at        timestamptz
);

-- What a link has opened, once.
CREATE TABLE terminal_sessions (
    id             text PRIMARY KEY,
    cookie_hash    bytea NOT NULL UNIQUE CHECK (octet_length(cookie_hash) = 32),
    token_hash     bytea NOT NULL UNIQUE REFERENCES terminal_links (token_hash),
    person         jsonb NOT NULL,
    incident_id    bigint REFERENCES incidents (id),
    container_key  text NOT NULL,
    container_name text NOT NULL,
    mode           text NOT NULL CHECK (mode IN ('logs', 'shell')),
    opened_at      timestamptz NOT NULL,
    last_seen_at   timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    ended_at       timestamptz,
    end_reason     text NOT NULL DEFAULT '',
    -- Whether the end is on the timeline. A sweep looks for those where it is not.
    audited        boolean NOT NULL DEFAULT false,
    CHECK ((ended_at IS NULL) = (end_reason = ''))
);
CREATE INDEX terminal_sessions_unfinished ON terminal_sessions (opened_at) WHERE ended_at IS NULL OR NOT audited;

-- What is needed to end the processes of a shell, also by a bot that did not start it.
CREATE TABLE terminal_shells (
    id           text PRIMARY KEY,
    session_id   text NOT NULL REFERENCES terminal_sessions (id),
    container_id text NOT NULL,
    sid          integer NOT NULL DEFAULT 0,
    start_time   text NOT NULL DEFAULT '',
    started_at   timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL,
    gone_at      timestamptz
);
CREATE INDEX terminal_shells_here ON terminal_shells (seen_at) WHERE gone_at IS NULL;

-- A recording is its chunks, in order: one asciicast v2.
CREATE TABLE recordings (
    id             text PRIMARY KEY,
    session_id     text NOT NULL REFERENCES terminal_sessions (id),
    incident_id    bigint REFERENCES incidents (id),
    container_name text NOT NULL,
    started_at     timestamptz NOT NULL,
    ended_at       timestamptz
);
CREATE INDEX recordings_incident ON recordings (incident_id, started_at);

-- Chunks are sealed, and never changed.
CREATE TABLE recording_chunks (
    recording_id text NOT NULL REFERENCES recordings (id),
    seq          integer NOT NULL,
    chunk        bytea NOT NULL,
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

-- ---------------------------------------------------------------------------------------------------------------------
-- Who, and what was asked over HTTP
-- ---------------------------------------------------------------------------------------------------------------------

-- People: who a Slack account is in PagerDuty. The address is kept only of accounts that it tells something about: confirmed, living, of the
-- own workspace.
CREATE TABLE people (
    slack_id     text PRIMARY KEY,
    pagerduty_id text NOT NULL DEFAULT '',
    email        text NOT NULL DEFAULT '',
    name         text NOT NULL DEFAULT '',
    seen_at      timestamptz NOT NULL DEFAULT now() -- when Slack was last asked
);

-- Tokens for the HTTP API, by their hash.
CREATE TABLE api_tokens (
    id           text PRIMARY KEY,
    name         text NOT NULL,
    hash         bytea NOT NULL,
    scopes       text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at   timestamptz
);

-- Requests with an Idempotency-Key, and what was answered; null while it is being answered.
CREATE TABLE idempotency (
    key         text PRIMARY KEY,
    fingerprint bytea NOT NULL,
    answer      jsonb,
    created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX idempotency_created ON idempotency (created_at);

-- ---------------------------------------------------------------------------------------------------------------------
-- How far each incident's timeline has been told to whom. Incident 0 is what happens outside any incident.
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE slack_messages (
    incident_id  bigint PRIMARY KEY,
    channel      text NOT NULL DEFAULT '',
    ts           text NOT NULL DEFAULT '',
    rendered     bytea, -- the hash of what the message shows
    seq          bigint NOT NULL DEFAULT 0,
    attempt      bigint NOT NULL DEFAULT -1, -- what is being posted: -1 nothing, 0 the message, n the entry with that seq
    attempted_at timestamptz,
    threads      jsonb NOT NULL DEFAULT '[]' -- for incident 0: the messages of recent restores
);

CREATE TABLE pagerduty_cursors (
    incident_id bigint PRIMARY KEY,
    seq         bigint NOT NULL DEFAULT 0
);
