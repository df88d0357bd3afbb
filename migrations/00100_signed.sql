-- +goose Up

-- Whoever can write to the database can compute a chain of hashes anew. So every entry is signed with a key that is not in
-- the database, together with what its incident's row was after it. Entries from before this are not signed.
ALTER TABLE timeline
    ADD COLUMN key_id text,
    ADD COLUMN mac bytea,
    ADD COLUMN state bytea; -- the digest of the incident's row; null outside of incidents
