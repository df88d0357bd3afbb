-- +goose Up

-- Recordings are removed when their time is over. First an entry on the timeline says what they held, and only what such an entry names
-- can then be deleted: a chunk that somebody else deletes is missing, and found to be.
ALTER TABLE recordings
    ADD COLUMN removal    bigint REFERENCES timeline (id), -- the entry that says so
    ADD COLUMN emptied_at timestamptz;                     -- when the last of its chunks was deleted
CREATE INDEX recordings_there ON recordings (ended_at) WHERE removal IS NULL;
CREATE INDEX recordings_to_empty ON recordings (removal) WHERE removal IS NOT NULL AND emptied_at IS NULL;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION recording_chunks_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM recordings r JOIN timeline t ON t.id = r.removal
            WHERE r.id = OLD.recording_id AND t.kind = 'terminal.recordings.removed') THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'recordings are append-only';
END
$$;
-- +goose StatementEnd
