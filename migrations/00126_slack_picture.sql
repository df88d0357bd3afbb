-- +goose Up

-- The picture of the errors in an incident's thread: which file it is, up to which entry it shows the night, and what is to be removed.
ALTER TABLE slack_messages ADD COLUMN picture jsonb NOT NULL DEFAULT '{}';
