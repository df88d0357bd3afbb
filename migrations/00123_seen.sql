-- +goose Up

-- Who has acknowledged an incident last, when somebody had before. The columns without "last" are of who did so first.
ALTER TABLE incidents
    ADD COLUMN last_acknowledged_at timestamptz,
    ADD COLUMN last_acknowledged_by text NOT NULL DEFAULT '';

ALTER TABLE snapshots
    ADD COLUMN last_seen_at timestamptz,                -- when a container was last seen running well in that state; null: when it was taken
    ADD COLUMN ran_for_ms bigint NOT NULL DEFAULT 0,    -- for how long one was seen up in that state, at most
    ADD COLUMN spiked boolean NOT NULL DEFAULT false;   -- errors were at a spike's rate while one ran
