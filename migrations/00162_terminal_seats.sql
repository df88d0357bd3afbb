-- +goose Up

-- A terminal session is bought by a link, or opened by somebody who is signed in to the console. The latter has no token and no cookie
-- of its own: it is its console session's, by whose cookie it is asked for. The console forgets old sessions of its own, so that this
-- refers to none.
ALTER TABLE terminal_sessions
    ALTER COLUMN cookie_hash DROP NOT NULL,
    ALTER COLUMN token_hash DROP NOT NULL,
    ADD COLUMN console_session text,
    ADD CHECK ((console_session IS NULL) = (token_hash IS NOT NULL)),
    ADD CHECK ((console_session IS NULL) = (cookie_hash IS NOT NULL));
CREATE INDEX terminal_sessions_console ON terminal_sessions (console_session) WHERE ended_at IS NULL AND console_session IS NOT NULL;
