package incidents

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Anchors are the ends of all timelines as they were once a day, in a file of the data folder that is only ever appended
// to. Whoever can write to the database, and even has a copy of it from yesterday, can't reach them. The log says how long
// the file is and what its digest is, so that whoever collects logs can tell that the file was not written anew either:
// head --bytes=N anchors | sha256sum.
type Anchors struct {
	path string
	keys Signer
	log  *slog.Logger

	mu    sync.Mutex         // guards all below, and the file
	noted map[int64][]Anchor // by incident; 0 is what happened outside any
}

// Heads reads the last entry of every timeline. It ends with the first error of each.
type Heads interface {
	Heads(ctx context.Context, each func(Entry) error) error
}

// OpenAnchors reads what was noted. What can't be read is told, and keeps no bot from starting: what it could show is then
// not shown.
func OpenAnchors(path string, keys Signer, log *slog.Logger) (*Anchors, error) {
	a := &Anchors{path: path, keys: keys, log: log, noted: map[int64][]Anchor{}}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	whole := text[:bytes.LastIndexByte(text, '\n')+1]
	if len(whole) < len(text) { // a crash has cut the last line off
		if err := os.Truncate(path, int64(len(whole))); err != nil {
			return nil, err
		}
	}
	n := 0
	for line := range bytes.Lines(whole) {
		n++
		if err := a.parse(string(line)); err != nil {
			log.Error("an anchor can't be read: what it has noted of a timeline is not compared", "file", path, "line", n, "err", err)
		}
	}
	return a, nil
}

const anchorForm = "%s incident %d entry %d %x\n"

func (a *Anchors) parse(line string) error {
	var at string
	var incident int64
	var anchor Anchor
	if _, err := fmt.Sscanf(line, anchorForm, &at, &incident, &anchor.Seq, &anchor.Hash); err != nil {
		return fmt.Errorf("it is no anchor: %w", err)
	}
	var err error
	if anchor.At, err = time.Parse(time.RFC3339, at); err != nil {
		return err
	}
	a.noted[incident] = append(a.noted[incident], anchor)
	return nil
}

func (a *Anchors) of(incident int64) []Anchor {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Anchor(nil), a.noted[incident]...)
}

// Note appends the ends that have moved on. Where nothing is noted yet, what is found counts as it is, since it may be
// from before entries were signed; after that, an end that is not signed with one of the keys is told, and not noted.
func (a *Anchors) Note(ctx context.Context, db Heads, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	first, count := len(a.noted) == 0, 0
	var text bytes.Buffer
	err := db.Heads(ctx, func(e Entry) error {
		old := a.noted[e.IncidentID]
		if len(old) > 0 && old[len(old)-1].Seq == e.Seq {
			return nil
		}
		if !first && !e.SignedBy(a.keys) {
			a.log.Error("the end of a timeline is not signed with the secret keys: see snapback verify", "incident_id", e.IncidentID, "entry", e.Seq)
			return nil
		}
		count++
		fmt.Fprintf(&text, anchorForm, now.UTC().Format(time.RFC3339), e.IncidentID, e.Seq, e.Hash)
		return nil
	})
	if err != nil || count == 0 {
		return err
	}
	return a.append(text.Bytes(), count)
}

func (a *Anchors) append(lines []byte, count int) error {
	f, err := os.OpenFile(a.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(lines)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	for line := range bytes.Lines(lines) {
		if err := a.parse(string(line)); err != nil {
			return err
		}
	}
	whole, err := os.ReadFile(a.path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(whole)
	a.log.Info("timelines anchored", "timelines", count, "file", a.path, "file_bytes", len(whole), "file_sha256", hex.EncodeToString(sum[:]))
	return nil
}

// Daily notes now, and then once a day, until it is stopped. What could not be noted is tried again after a minute.
func (a *Anchors) Daily(db Heads) func(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			wait := 24 * time.Hour
			if err := a.Note(ctx, db, time.Now()); err != nil && ctx.Err() == nil {
				a.log.Warn("timelines not anchored", "err", err)
				wait = time.Minute
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	}()
	return func(context.Context) error { cancel(); <-done; return nil }
}
