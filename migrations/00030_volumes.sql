-- +goose Up

-- The archives of a snapshot's volumes: where they are, how still the container was, and their checksums. Their contents
-- are in the data folder of the bot that took them.
ALTER TABLE snapshots ADD COLUMN volumes jsonb;
