-- +goose Up

-- What was wrong with the container when its snapshot was taken, for people; '' when nothing was to be seen.
ALTER TABLE snapshots ADD COLUMN unwell text NOT NULL DEFAULT '';
