package terminal

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/webpage"
)

const (
	maxShared    = 1500 // bytes of a line
	sharesAtOnce = 10   // by one session
	shareEvery   = 10 * time.Second
)

// Moment is a time that somebody may want to read a log from.
type Moment struct {
	What string    `json:"what"` // deploy, alert, restore, undo
	At   time.Time `json:"at"`
}

// moments answers a page that offers to read the log from another time.
func (s *Service) moments(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.reader(r)
	if err != nil {
		return err
	}
	found, err := s.cfg.Store.Moments(r.Context(), sess.Container, sess.IncidentID)
	if err != nil {
		return err
	}
	return s.ok(w, map[string]any{"moments": append([]Moment{}, found...)})
}

// postShare puts a line of the log onto the incident's timeline, from where it reaches the incident's thread. The page says which; what
// the line says is read from the log, where the engine masks it, so that nobody puts words into a container's mouth.
func (s *Service) postShare(w http.ResponseWriter, r *http.Request) error {
	var ask struct {
		At   time.Time `json:"at"`
		Text string    `json:"text"` // as the page has it, for where several lines have one time
	}
	if err := webpage.Decode(w, r, maxMessage, &ask); err != nil {
		return err
	}
	sess, err := s.reader(r)
	if err != nil {
		return err
	}
	if sess.IncidentID == 0 {
		return errNoIncident
	}
	if err := s.cfg.Gate.CheckNote(r.Context(), sess.Grant); err != nil {
		return err
	}
	if _, ok := s.shares.Take(sess.ID, s.now(), 0); !ok {
		return webpage.ErrSlowDown
	}
	line, err := s.lineAt(r.Context(), sess, ask.At, ask.Text)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(plainLine(line.Text))
	summary := fmt.Sprintf("%s shared a line of %s, %s: %s", sess.Person.Name, sess.Name, line.At.In(s.cfg.Location).Format("15:04:05"), clip(text, maxShared))
	err = s.record(r.Context(), sess.Grant, incidents.KindTerminalShared, summary, map[string]any{"container": sess.Container, "line_at": line.At})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotRecorded, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// lineAt finds a line by its time, among several that one by what it says.
func (s *Service) lineAt(ctx context.Context, sess Session, at time.Time, text string) (shownLine, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	t, err := s.cfg.Engine.Resolve(ctx, sess.Container)
	if err != nil {
		return shownLine{}, err
	}
	release, err := s.look(ctx, sess.Person)
	if err != nil {
		return shownLine{}, err
	}
	defer release()
	logs, err := s.logsOf(ctx, sess.Container, t.ID)
	if err != nil {
		return shownLine{}, err
	}
	for i, id := range logs {
		found, err := s.lineIn(ctx, id, at, text)
		if err != nil && i == 0 {
			return shownLine{}, err
		}
		if found != nil {
			return *found, nil
		}
	}
	if ctx.Err() != nil {
		return shownLine{}, errTooLong
	}
	return shownLine{}, errNoLine
}

// lineIn is nil when the log has none of that time.
func (s *Service) lineIn(ctx context.Context, id string, at time.Time, text string) (found *shownLine, err error) {
	err = s.cfg.Engine.Logs(ctx, id, LogOptions{Since: at, Once: true}, func(l LogLine) error {
		if l.At.After(at) {
			return ErrEnough
		}
		if line := shown(l); l.At.Equal(at) && (found == nil || line.Text == text) {
			found = &line
		}
		return nil
	})
	if errors.Is(err, ErrEnough) {
		err = nil
	}
	return found, err
}

// plainLine is a line without what pages don't show.
func plainLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, string(escapes.ReplaceAll([]byte(text), nil)))
}
