package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/terminal"
)

// BeginRecording makes an empty recording.
func (s *TerminalStore) BeginRecording(ctx context.Context, r terminal.Recording) error {
	return s.exec(ctx, "beginning a recording", `
		INSERT INTO recordings (id, session_id, incident_id, container_name, container_key, started_at)
		VALUES (@id, @session, @incident, @container, (SELECT container_key FROM terminal_sessions WHERE id = @session), @started)`,
		pgx.NamedArgs{
			"id": r.ID, "session": r.SessionID, "incident": nullID(r.IncidentID), "container": r.Container, "started": r.StartedAt,
		})
}

// sealRecording is the purpose under which chunks are sealed: nobody can tell what a shell has shown.
const sealRecording = "recording"

// chunkOf is what a chunk's seal is bound to, so that none can stand in another recording or in another place.
func chunkOf(id string, seq int) string { return fmt.Sprintf("%s/%d", id, seq) }

// AppendRecording adds a chunk. Another one under the same number is an error, and so is one after the end: whoever ends a recording
// waits for the row lock that is taken here, and counts what is there then.
func (s *TerminalStore) AppendRecording(ctx context.Context, id string, seq int, chunk []byte) error {
	sealed, err := s.keys.Seal(sealRecording, chunkOf(id, seq), chunk)
	if err != nil {
		return fmt.Errorf("sealing a recording: %w", err)
	}
	tag, err := s.pool.Exec(ctx, `
		INSERT INTO recording_chunks (recording_id, seq, chunk)
		SELECT id, @seq::integer, @chunk::bytea FROM recordings WHERE id = @id AND ended_at IS NULL FOR SHARE`,
		pgx.NamedArgs{"id": id, "seq": seq, "chunk": sealed})
	if isUnique(err, "recording_chunks_pkey") {
		if err = s.held(ctx, id, seq, chunk, err); err == nil {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("appending to a recording: %w", terminalAway(err))
	}
	if tag.RowsAffected() == 0 {
		return fmt.Errorf("appending to recording %s: %w", id, terminal.ErrSessionOver)
	}
	return nil
}

// held returns nil where a recording has that very chunk under that number, and otherwise what it is given, unless it can't be found out.
func (s *TerminalStore) held(ctx context.Context, id string, seq int, chunk []byte, otherwise error) error {
	var sealed []byte
	err := s.pool.QueryRow(ctx, `SELECT chunk FROM recording_chunks WHERE recording_id = @id AND seq = @seq`,
		pgx.NamedArgs{"id": id, "seq": seq}).Scan(&sealed)
	if err != nil {
		return err
	}
	if there, err := s.keys.Open(sealRecording, chunkOf(id, seq), sealed); err != nil || string(there) != string(chunk) {
		return otherwise
	}
	return nil
}

// SealRecordings ends a session's recordings and says what they hold.
func (s *TerminalStore) SealRecordings(ctx context.Context, sessionID string, at time.Time) (list []incidents.Sealed, err error) {
	err = pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `UPDATE recordings SET ended_at = coalesce(ended_at, @at) WHERE session_id = @session RETURNING id, started_at`,
			pgx.NamedArgs{"session": sessionID, "at": at})
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id string, err error) {
			return id, row.Scan(&id, nil)
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			sealed, _, err := s.summarise(ctx, tx, id)
			if err != nil {
				return err
			}
			list = append(list, sealed)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sealing recordings: %w", terminalAway(err))
	}
	return list, nil
}

// SummariseRecording says what a recording holds now.
func (s *TerminalStore) SummariseRecording(ctx context.Context, id string) (incidents.Sealed, error) {
	sealed, _, err := s.summarise(ctx, s.pool, id)
	return sealed, err
}

// summarise returns whole as false when a key is missing, so that the digest is of less than there is.
func (s *TerminalStore) summarise(ctx context.Context, from querier, id string) (sealed incidents.Sealed, whole bool, err error) {
	sum := sha256.New()
	n, bytes, whole, err := s.readChunks(ctx, from, id, sum)
	return incidents.Sealed{ID: id, Chunks: n, Bytes: bytes, SHA256: hex.EncodeToString(sum.Sum(nil))}, whole, terminalAway(err)
}

// readChunks writes those that are there, in order. One that can't be opened counts and is left out, so that a lost key
// does not hold up the end of a session: its bytes are missing from the digest, and whole is false. One that was changed is missing
// as well, and will be for ever: that has no part in whole.
func (s *TerminalStore) readChunks(ctx context.Context, from querier, id string, w io.Writer) (chunks int, bytes int64, whole bool, err error) {
	rows, err := from.Query(ctx, `SELECT seq, chunk FROM recording_chunks WHERE recording_id = @id ORDER BY seq`, pgx.NamedArgs{"id": id})
	if err != nil {
		return 0, 0, false, err
	}
	whole = true
	var seq int
	var sealed []byte
	_, err = pgx.ForEachRow(rows, []any{&seq, &sealed}, func() error {
		chunks++
		chunk, err := s.keys.Open(sealRecording, chunkOf(id, seq), sealed)
		if err != nil {
			whole = whole && !errors.Is(err, keyring.ErrUnknownKey)
			return nil
		}
		bytes += int64(len(chunk))
		_, err = w.Write(chunk)
		return err
	})
	return chunks, bytes, whole, err
}

// EndRecording notes when it ended, the first time.
func (s *TerminalStore) EndRecording(ctx context.Context, id string, at time.Time) error {
	return s.exec(ctx, "ending a recording",
		`UPDATE recordings SET ended_at = @at WHERE id = @id AND ended_at IS NULL`, pgx.NamedArgs{"id": id, "at": at})
}

// ReadRecording writes an asciicast, chunk by chunk. terminal.ErrNoRecording when there is none.
func (s *TerminalStore) ReadRecording(ctx context.Context, id string, w io.Writer) error {
	rows, err := s.pool.Query(ctx, `SELECT seq, chunk FROM recording_chunks WHERE recording_id = @id ORDER BY seq`, pgx.NamedArgs{"id": id})
	if err != nil {
		return fmt.Errorf("reading recording %s: %w", id, terminalAway(err))
	}
	var seq int
	var sealed []byte
	tag, err := pgx.ForEachRow(rows, []any{&seq, &sealed}, func() error {
		chunk, err := s.keys.Open(sealRecording, chunkOf(id, seq), sealed)
		if err != nil {
			return err
		}
		_, err = w.Write(chunk)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading recording %s: %w", id, terminalAway(err))
	}
	if tag.RowsAffected() == 0 {
		return terminal.ErrNoRecording
	}
	return nil
}

// Recordings lists an incident's recordings, oldest first. It leaves out one that was begun and never written to: its shell was
// never started.
func (s *TerminalStore) Recordings(ctx context.Context, incidentID int64) ([]incidents.Recording, error) {
	return s.recordings(ctx, ofChain(incidentID), pgx.NamedArgs{"incident": incidentID})
}

// Recording is one of them, of whatever incident or of none. It returns incidents.ErrNoRecording where nothing is kept of it.
func (s *TerminalStore) Recording(ctx context.Context, id string) (incidents.Recording, error) {
	list, err := s.recordings(ctx, `r.id = @id`, pgx.NamedArgs{"id": id})
	return first(list, err, incidents.ErrNoRecording)
}

func (s *TerminalStore) recordings(ctx context.Context, which string, args pgx.NamedArgs) ([]incidents.Recording, error) {
	list, err := collect(ctx, s.pool, func(row pgx.CollectableRow) (r incidents.Recording, err error) {
		err = row.Scan(&r.ID, &r.StartedAt, &r.Bytes)
		r.StartedAt = r.StartedAt.UTC()
		r.Write = func(w io.Writer) error { return s.ReadRecording(ctx, r.ID, w) }
		return r, err
	}, `
		SELECT r.id, r.started_at, (SELECT coalesce(sum(octet_length(chunk)), 0) FROM recording_chunks c WHERE c.recording_id = r.id)
		FROM recordings r WHERE r.removal IS NULL AND `+which+` AND `+hasChunks+` ORDER BY r.started_at`, args)
	if err != nil {
		return nil, fmt.Errorf("listing recordings: %w", terminalAway(err))
	}
	return list, nil
}
