-- +goose Up

-- When a deploy was written down, by the database's clock, as the states of restores are: at is by the engine's, which may be minutes
-- from it. NULL for those from before this column.
ALTER TABLE deploys ADD COLUMN noted_at timestamptz;
ALTER TABLE deploys ALTER COLUMN noted_at SET DEFAULT now();
