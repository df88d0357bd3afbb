package store

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/incidents"
)

// Why a recording is left alone that seems to have had its time, in words for metrics.
const (
	leftNotOver = "left_not_over"  // by what is signed, its time is not over
	leftNoKey   = "left_no_key"    // it can't be read: its key is not in the ring
	leftUnsaid  = "left_not_named" // it is noted as removed, and no signed entry names it
)

// leftFor is when a recording that was left alone is looked at again.
const leftFor = time.Hour

// leftAlone are recordings that seem to have had their time and can't be removed yet. The zero value is empty. Each bot has its own:
// the key that one lacks, another may have.
type leftAlone struct {
	mu    sync.Mutex
	until map[string]time.Time // by the recording's ID, also when that is over: what is left alone is told once
}

// now lists those that are not to be looked at now; never nil.
func (l *leftAlone) now() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := []string{}
	for id, until := range l.until {
		if time.Now().Before(until) {
			ids = append(ids, id)
		}
	}
	return ids
}

// add returns false when that one was there before.
func (l *leftAlone) add(id string, until time.Time) (first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until == nil {
		l.until = map[string]time.Time{}
	}
	_, known := l.until[id]
	l.until[id] = until
	return !known
}

// leave leaves a recording alone for a while, and tells so once. Over is when it was over by what is signed; the zero time: it is not
// known to be, or that is not the reason. One that is over within the hour is no news: events are told after they happen.
func (db *DB) leave(id string, r Removal, why string, over time.Time) {
	again := time.Now().Add(leftFor)
	soon := !over.IsZero() && over.Add(r.Keep).Before(again)
	if soon {
		again = over.Add(r.Keep)
	}
	if !db.left.add(id, again) || soon {
		return
	}
	r.observe(why)
	db.log.Warn("a recording is left alone although its time seems over", "recording_id", id, "reason", why)
}

// endings are what the signed entries of a timeline say of those recordings. AsSigned is false when the incident's row is not as the
// last entry has left it: an entry about a removal would sign what somebody has made of it.
func (db *DB) endings(ctx context.Context, tx pgx.Tx, incident int64, ids []string) (ends incidents.Endings, asSigned bool, err error) {
	entries, err := collect(ctx, tx, scanEntry, `SELECT `+entryColumns+` FROM timeline t
		WHERE `+ofChain(incident)+` AND kind = ANY(@kinds) AND (kind <> @ended
		OR EXISTS (SELECT FROM unnest(@ids::text[]) id WHERE strpos(t.details::text, id) > 0)) ORDER BY incident_id, seq`,
		pgx.NamedArgs{"incident": incident, "kinds": incidents.EndingKinds(), "ended": incidents.KindTerminalEnded, "ids": ids})
	if err != nil {
		return ends, false, err
	}
	for _, e := range entries {
		if e.Holds(db.keys) {
			ends.Add(e)
		}
	}
	asSigned, err = db.isAsSigned(ctx, tx, incident)
	return ends, asSigned, err
}

func (db *DB) isAsSigned(ctx context.Context, tx pgx.Tx, incident int64) (bool, error) {
	if incident == 0 {
		return true, nil
	}
	in, err := collect(ctx, tx, scanIncident, `SELECT `+incidentColumns+` FROM incidents WHERE id = $1`, incident)
	if err != nil || len(in) == 0 {
		return false, err
	}
	last, err := collect(ctx, tx, scanEntry, `SELECT `+entryColumns+` FROM timeline WHERE incident_id = $1 ORDER BY seq DESC LIMIT 1`, incident)
	return err == nil && len(last) == 1 && last[0].Holds(db.keys) && last[0].Left(in[0]), err
}

// namesRemoved says whether an entry is signed and says that the recording is removed.
func (db *DB) namesRemoved(ctx context.Context, tx pgx.Tx, entry int64, recording string) (bool, error) {
	list, err := collect(ctx, tx, scanEntry, `SELECT `+entryColumns+` FROM timeline WHERE id = $1 AND kind = $2`, entry, incidents.KindRecordingsRemoved)
	if err != nil || len(list) == 0 || !list[0].Holds(db.keys) {
		return false, err
	}
	var said incidents.Removed
	if err := json.Unmarshal(list[0].Details, &said); err != nil {
		return false, nil
	}
	return slices.ContainsFunc(said.Recordings, func(s incidents.Sealed) bool { return s.ID == recording }), nil
}

// keepHolds is for how long the setting of a bot that is away still holds.
const keepHolds = 7 * 24 * time.Hour

// longestKeep notes this bot's setting, and returns the longest of those of all bots; 0: recordings are kept for ever. A store of no
// bot has only its own.
func (db *DB) longestKeep(ctx context.Context, own time.Duration) (keep time.Duration, err error) {
	if db.bot == "" {
		return own, nil
	}
	_, err = db.pool.Exec(ctx, `INSERT INTO recording_keeps AS k (bot, keep) VALUES ($1, $2)
		ON CONFLICT (bot) DO UPDATE SET keep = excluded.keep, noted_at = now()
		WHERE k.keep <> excluded.keep OR k.noted_at < now() - interval '10 minutes'`, db.bot, own)
	if err != nil {
		return 0, away(err)
	}
	others, err := collect(ctx, db.pool, pgx.RowTo[time.Duration], `SELECT keep FROM recording_keeps WHERE noted_at > now() - $1::interval AND bot <> $2`,
		keepHolds, db.bot)
	for _, other := range others {
		if own == 0 || other == 0 {
			return 0, err
		}
		own = max(own, other)
	}
	return own, err
}
