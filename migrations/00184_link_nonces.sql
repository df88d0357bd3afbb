-- +goose Up

-- The hash of what the page made up that used a link: whoever asks again with it, for a moment, gets the session whose answer was lost.
-- NULL where the link was not used, or its page made nothing up.
ALTER TABLE terminal_links ADD COLUMN nonce_hash bytea CHECK (octet_length(nonce_hash) = 32);
