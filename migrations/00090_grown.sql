-- +goose Up

-- A timeline grows for years. What has to be found in it is found by an index: an entry by where it comes from (by a hash,
-- since a name of another system may be longer than an index takes), and the incidents that were written to of late.
CREATE INDEX timeline_source ON timeline (hashtextextended(source ->> 'native_id', 0), kind) WHERE source ->> 'native_id' IS NOT NULL;
CREATE INDEX timeline_recent ON timeline (recorded_at) INCLUDE (incident_id, seq) WHERE incident_id IS NOT NULL;

-- What is looked for at every deploy and in every message.
CREATE INDEX deploys_newest ON deploys (at DESC, id DESC);
CREATE INDEX deploys_of ON deploys (key, at DESC, id DESC);
DROP INDEX deploys_recent; -- which the one before begins with
CREATE INDEX deploys_after ON deploys (key, after_id);
CREATE INDEX incidents_number ON incidents (number) WHERE number <> 0;

-- What is swept every few seconds.
CREATE INDEX idempotency_created ON idempotency (created_at);
CREATE INDEX restores_asked ON restores (requested_at) WHERE idempotency IS NOT NULL;
CREATE INDEX restores_entered ON restores (entered_at);
CREATE INDEX restores_snapshot ON restores (snapshot_id);
