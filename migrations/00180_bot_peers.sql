-- +goose Up

-- Where other bots of the database reach a bot, as host:port, to pass terminals on to it; '' when it says no address.
ALTER TABLE bots ADD COLUMN peer text NOT NULL DEFAULT '';
