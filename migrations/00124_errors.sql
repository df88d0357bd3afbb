-- +goose Up

-- Errors of containers, as they were counted. A key's number keeps the rows short: 200 containers fill 312,000 rows of a minute.
CREATE TABLE error_keys (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL UNIQUE,
    -- Up to which moment errors are counted. What is counted again from before it, by another bot or after a restart, is dropped.
    counted_to timestamptz NOT NULL DEFAULT '-infinity'
);

-- One clock minute of a key. What was counted in a share of the lines is kept as it was counted, beside that share.
CREATE TABLE error_minutes (
    at       timestamptz NOT NULL, -- when the minute began
    key_id   integer NOT NULL REFERENCES error_keys (id) ON DELETE CASCADE,
    errors   real NOT NULL,
    requests real,          -- null: not known
    seconds  real NOT NULL, -- how much of the minute was watched
    read     real NOT NULL, -- seconds, each multiplied by the share of the lines that was read in it
    PRIMARY KEY (key_id, at)
) WITH (fillfactor = 90);

-- The same in finer steps, for the last minutes: whether errors fall after a restore is to be seen within half a minute.
CREATE TABLE error_moments (
    at       timestamptz NOT NULL,
    key_id   integer NOT NULL REFERENCES error_keys (id) ON DELETE CASCADE,
    errors   real NOT NULL,
    requests real,
    seconds  real NOT NULL,
    read     real NOT NULL,
    PRIMARY KEY (key_id, at)
) WITH (fillfactor = 70);
