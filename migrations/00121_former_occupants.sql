-- +goose Up

-- The engine's IDs of those that were seen before the last one under an identity, newest first. A container that was renamed to
-- make room, or that its tool keeps stopped, is no container of its own.
ALTER TABLE containers ADD COLUMN former text[] NOT NULL DEFAULT '{}';
