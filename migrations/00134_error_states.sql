-- +goose Up

-- What has been said last of the errors after a restore, and when: incidents/flat has the states.
ALTER TABLE restores
    ADD COLUMN errors    text NOT NULL DEFAULT 'watching',
    ADD COLUMN errors_at timestamptz;
