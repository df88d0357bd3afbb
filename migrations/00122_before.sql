-- +goose Up

-- Errors were at a spike's rate when the snapshot was taken: it is offered after all others.
ALTER TABLE snapshots ADD COLUMN spiked boolean NOT NULL DEFAULT false;

-- What a restore was made away from has a reason of its own. It was "manual", as if somebody had asked for it.
UPDATE snapshots SET reason = 'before' WHERE reason = 'manual' AND name ~ '^before-\d{4}-\d+$' AND note ~ '^what restore \d+ replaced$';
