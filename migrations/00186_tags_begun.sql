-- +goose Up

-- Tags that are about to be put on an engine for a snapshot that is not written down yet. One that stays here is of a snapshot that never came to
-- be, as where the bot was killed in between: nobody else would ever know of it.
CREATE TABLE tags_begun (
    key       text NOT NULL,
    image_ref text NOT NULL,
    name      text NOT NULL, -- the snapshot's
    begun_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key, image_ref)
);
