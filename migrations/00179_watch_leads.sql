-- +goose Up

-- Which bot looks after an engine's containers, and until when it may without saying so again. Bots that are for different labels
-- (scope) look after different containers. A program of an earlier release does not ask; it looks as well, which does no harm.
CREATE TABLE watch_leads (
    engine text        NOT NULL,
    scope  text        NOT NULL,
    bot    text        NOT NULL,
    until  timestamptz NOT NULL,
    PRIMARY KEY (engine, scope)
);
