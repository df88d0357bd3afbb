-- +goose Up

-- One bot may reach several engines. Each is a row of its own: link is what the bot's settings call it, '' where there is one only,
-- and a row's bot has it at its end (bot/link), so that the release before goes on finding one row for each. name is the bot's.
ALTER TABLE bots ADD COLUMN link text NOT NULL DEFAULT '';
ALTER TABLE bots ADD COLUMN name text NOT NULL GENERATED ALWAYS AS (CASE WHEN link = '' THEN bot ELSE left(bot, -length(link) - 1) END) STORED;
