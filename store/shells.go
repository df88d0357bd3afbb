package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
)

// aShell reads scanShell's columns. Where an earlier release has begun the recording, only its session knows the container.
const aShell = `SELECT r.id, coalesce(r.incident_id, 0), coalesce(r.container_key, s.container_key), s.person, r.started_at, r.ended_at
	FROM recordings r JOIN terminal_sessions s ON s.id = r.session_id `

// hasChunks leaves out a recording r that was begun and never written to: its shell was never started.
const hasChunks = `EXISTS (SELECT FROM recording_chunks c WHERE c.recording_id = r.id AND octet_length(chunk) > 0)`

func scanShell(row pgx.CollectableRow) (s incidents.Shell, err error) {
	var person []byte
	var who access.Holder
	var ended *time.Time
	if err := row.Scan(&s.Recording, &s.Incident, &s.Container, &person, &s.StartedAt, &ended); err != nil {
		return s, err
	}
	err = json.Unmarshal(person, &who)
	s.By, s.StartedAt, s.EndedAt = who.Name, s.StartedAt.UTC(), zero(ended)
	return s, err
}

// Shell is the one that a recording is of, also when that was removed. It returns incidents.ErrNoRecording.
func (db *DB) Shell(ctx context.Context, recording string) (incidents.Shell, error) {
	list, err := collect(ctx, db.pool, scanShell, aShell+`WHERE r.id = $1`, recording)
	return first(list, err, incidents.ErrNoRecording)
}

// ShellsIn lists the newest shells in the container with that key whose recordings are kept, at most limit, newest first. One that was
// begun by a bot of an earlier release is not in it.
func (db *DB) ShellsIn(ctx context.Context, key string, limit int) ([]incidents.Shell, error) {
	return collect(ctx, db.pool, scanShell, aShell+`WHERE r.container_key = @key AND r.removal IS NULL AND `+hasChunks+`
		ORDER BY r.started_at DESC LIMIT @limit`, pgx.NamedArgs{"key": key, "limit": limit})
}
