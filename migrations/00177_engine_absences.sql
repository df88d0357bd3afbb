-- +goose Up

-- The engines of which people were told that they do not answer, until they were told that they do again.
CREATE TABLE engine_absences (
    bot     text NOT NULL,            -- the one that has told it
    link    text NOT NULL,            -- what its settings call the engine
    engine  text NOT NULL,            -- the engine's name; empty: it was not reached since that bot's start
    address text NOT NULL,            -- as in bots
    since   timestamptz NOT NULL,     -- by that bot's clock
    PRIMARY KEY (bot, link)
);

-- Where a bot's settings have the engine, if it is the same place for every bot: not a socket, and not this machine.
ALTER TABLE bots ADD COLUMN address text NOT NULL DEFAULT '';
