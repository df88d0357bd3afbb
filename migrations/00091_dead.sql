-- +goose Up

-- Snapshots that were removed, whose documents go in time.
CREATE INDEX snapshots_dead ON snapshots (deleted_at) WHERE deleted_at IS NOT NULL;
