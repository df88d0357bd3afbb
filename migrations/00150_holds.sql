-- +goose Up

-- What restores have rolled back, so that it does not come back unseen. A hold is on until its incident is resolved, or until its
-- time is over; or it ends before, by somebody who released it, or by a restore or an undo that brought it back on purpose.
CREATE TABLE holds (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    restore_id  bigint NOT NULL UNIQUE REFERENCES restores (id), -- the one that rolled it back
    key         text NOT NULL,
    incident_id bigint REFERENCES incidents (id),
    since       timestamptz NOT NULL,
    until       timestamptz, -- null: until the incident is resolved
    image       text NOT NULL, -- as its deploy named it
    image_id    text NOT NULL,
    digests     text[] NOT NULL DEFAULT '{}', -- by which registries know it
    content     text NOT NULL DEFAULT '', -- stands for what it holds, whenever it was built; '' when that is not known
    changes     jsonb NOT NULL, -- from what was restored to it, secrets masked
    document    bytea NOT NULL, -- the inspect document of what was rolled back, sealed: it holds the environment
    back_id     text, -- the engine's ID of the container with which it came back, and when that was last
    back_at     timestamptz,
    ended_at    timestamptz,
    ended_by    jsonb -- who released it; null when a restore, or an undo, has ended it
);
CREATE INDEX holds_of ON holds (key) WHERE ended_at IS NULL;
CREATE INDEX holds_incident ON holds (incident_id) WHERE ended_at IS NULL;
