-- +goose Up

-- What ran under an identity last, to the letter, sealed: it is what the next deploy is compared with.
ALTER TABLE containers ADD COLUMN document bytea;

-- Up to which moment an engine's events have been seen, so that a bot that was away can ask for the rest.
CREATE TABLE engine_marks (
    engine  text PRIMARY KEY,
    seen_to timestamptz NOT NULL
);

-- Which ticks of a schedule have been taken, and more generally what must be done once by any number of bots.
CREATE TABLE schedule_ticks (
    key  text NOT NULL,
    tick timestamptz NOT NULL,
    PRIMARY KEY (key, tick)
);

-- A tag that could not be removed with its snapshot, since it was the only name of an image that a container uses.
ALTER TABLE snapshots ADD COLUMN tag_left boolean NOT NULL DEFAULT false;
CREATE INDEX snapshots_tag_left ON snapshots (id) WHERE tag_left;

-- A new container that a restore made is not a deploy.
CREATE INDEX restores_made ON restores (key, (record -> 'plan' ->> 'new_id'));
