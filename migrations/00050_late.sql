-- +goose Up

-- Bots that a restore was taken from, and when that was last: what they have told the engine may be done late.
ALTER TABLE restores
    ADD COLUMN late text[] NOT NULL DEFAULT '{}',
    ADD COLUMN taken_at timestamptz;
CREATE INDEX restores_late ON restores (taken_at) WHERE late <> '{}';
