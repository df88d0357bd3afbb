-- +goose Up

-- People who may register a passkey for the console, by the handle that authenticators keep: random, so that it tells nothing.
CREATE TABLE signin_people (
    slack_id text PRIMARY KEY,
    handle   bytea NOT NULL UNIQUE,
    added_at timestamptz NOT NULL
);

-- Links that register a passkey, once.
CREATE TABLE signin_links (
    token_hash bytea PRIMARY KEY, -- SHA-256 of the token
    slack_id   text NOT NULL REFERENCES signin_people,
    made_by    text NOT NULL, -- slack, host
    made_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    revoked_at timestamptz
);
CREATE INDEX signin_links_person ON signin_links (slack_id);

CREATE TABLE passkeys (
    id           bytea PRIMARY KEY, -- as the authenticator named it
    slack_id     text NOT NULL REFERENCES signin_people,
    device       text NOT NULL, -- for people: which one it is
    record       jsonb NOT NULL, -- public key, flags and counter; nothing of it is secret
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz,
    revoked_at   timestamptz
);
CREATE INDEX passkeys_person ON passkeys (slack_id);

-- Challenges that were answered, until nobody could answer them any more: each is good for one answer.
CREATE TABLE signin_challenges (
    hash       bytea PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE TABLE console_sessions (
    id           text PRIMARY KEY,
    cookie_hash  bytea NOT NULL UNIQUE, -- SHA-256 of the cookie's value
    slack_id     text NOT NULL REFERENCES signin_people,
    name         text NOT NULL,
    passkey      bytea NOT NULL REFERENCES passkeys,
    opened_at    timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    proved_at    timestamptz NOT NULL, -- when the passkey was asked for last
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    end_reason   text NOT NULL DEFAULT ''
);
CREATE INDEX console_sessions_open ON console_sessions (slack_id) WHERE ended_at IS NULL;
