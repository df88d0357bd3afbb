-- +goose Up

-- What a restore was made away from has a reason of its own. It was "manual", as if somebody had asked for it.
UPDATE snapshots SET reason = 'before' WHERE reason = 'manual' AND name ~ '^before-\d{4}-\d+$' AND note ~ '^what restore \d+ replaced$';
