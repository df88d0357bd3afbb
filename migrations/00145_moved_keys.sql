-- +goose Up

-- Keys that containers had before their deploy tools' labels were read, and what became of them. Duplicates of snapshots on an
-- engine may still bear the former one.
CREATE TABLE moved_keys (
    was text PRIMARY KEY,
    key text NOT NULL,
    at  timestamptz NOT NULL DEFAULT now()
);
