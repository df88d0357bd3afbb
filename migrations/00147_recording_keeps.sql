-- +goose Up

-- How long each bot is told to keep recordings of shells: of several bots, the longest holds.
CREATE TABLE recording_keeps (
    bot      text PRIMARY KEY,
    keep     interval NOT NULL, -- 0: for ever
    noted_at timestamptz NOT NULL DEFAULT now()
);
