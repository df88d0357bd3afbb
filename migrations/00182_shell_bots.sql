-- +goose Up

-- The bot that runs a shell, so that whoever comes back to it at another bot is led there; '' when a release before this one wrote the row.
ALTER TABLE terminal_shells ADD COLUMN bot text NOT NULL DEFAULT '';
