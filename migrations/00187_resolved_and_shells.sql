-- +goose Up

-- The incidents that were resolved lately are found by when that was.
CREATE INDEX incidents_resolved ON incidents (resolved_at DESC, id DESC) WHERE status = 'resolved';

-- The container that a recording is of, by its key, so that its last shells are found without reading all of its sessions. A bot of an
-- earlier release leaves it empty: then the session's says it.
ALTER TABLE recordings ADD COLUMN container_key text;
UPDATE recordings r SET container_key = s.container_key FROM terminal_sessions s WHERE s.id = r.session_id;
CREATE INDEX recordings_of ON recordings (container_key, started_at DESC) WHERE removal IS NULL;
