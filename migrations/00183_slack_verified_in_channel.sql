-- +goose Up

-- The restores of which the channel was shown that they are verified: it is not shown later as well what became of their errors.
ALTER TABLE slack_messages ADD COLUMN verified_shown bigint[] NOT NULL DEFAULT '{}';
