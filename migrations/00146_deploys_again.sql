-- +goose Up

-- Of two containers that are started and stopped in turn, each change is a deploy. That each is written once is for who holds the
-- lock of the identity to see: a deploy is to a container that did not stand there.
ALTER TABLE deploys DROP CONSTRAINT deploys_key_before_id_after_id_key;
