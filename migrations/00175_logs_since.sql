-- +goose Up

-- From when on a terminal shows the logs; NULL: from a little before it is opened.
ALTER TABLE terminal_links ADD COLUMN logs_since timestamptz;
ALTER TABLE terminal_sessions ADD COLUMN logs_since timestamptz;
