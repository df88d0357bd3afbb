package terminal

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// What a page is given of the log to begin with: what a phone shows at once, and what a bad network brings within a tenth of a second.
const (
	firstLines = 25
	firstBytes = 4 << 10                // with what stands around each of them
	firstTime  = 200 * time.Millisecond // then the page comes without, and has them from its connection
)

// first is a session as a page begins with it, with the newest lines of its log where they are at hand: each way to the bot and back takes
// as long on a bad network as all that is done there, and the connection that the log is followed over is several of them. The page replaces
// them by what the connection brings. Whoever may not read the log gets none; the connection says why.
func (s *Service) first(ctx context.Context, sess Session) sessionView {
	view := s.view(sess)
	ctx, cancel := context.WithTimeout(ctx, s.cfg.FirstTime)
	defer cancel()
	if s.allowed(ctx, sess) == nil {
		view.Lines = s.newest(ctx, sess)
	}
	return view
}

// newest are the last lines of a session's log, oldest first. None when they can't be had in time.
func (s *Service) newest(ctx context.Context, sess Session) []shownLine {
	release, err := s.look(ctx, sess.Person)
	if err != nil {
		return nil
	}
	defer release()
	t, err := s.cfg.Engine.Resolve(ctx, sess.Container)
	if err != nil {
		return nil
	}
	past, err := s.newestLines(ctx, t.ID, LogOptions{Tail: firstLines}, firstLines, func(l LogLine) bool { return !l.At.Before(sess.LogsSince) })
	if err != nil || ctx.Err() != nil {
		return nil // some of them would leave a gap
	}
	lines, _ := past.lines()
	return lastThatFit(lines)
}

// lastThatFit leaves out the oldest lines of too many bytes.
func lastThatFit(lines []shownLine) []shownLine {
	const around = 60 // of a line's time, and the names
	room := firstBytes
	for i, l := range slices.Backward(lines) {
		room -= len(l.Text) + around
		if room < 0 {
			return lines[i+1:]
		}
	}
	return lines
}

// firstPlace is replaced in the page by what it begins with.
const firstPlace = "{{first}}"

// begin is what a document holds for the page's script, as JSON that can stand in HTML; nothing for a request that is not that of a person
// who goes to the page, has no open session, or whose container another bot looks after: the page asks then, and hears why.
// Only what a browser shows in a window of its own has it. Another site, also one under the same domain, gets the page without.
func (s *Service) begin(r *http.Request) []byte {
	h := r.Header
	if site := h.Get("Sec-Fetch-Site"); h.Get("Sec-Fetch-Dest") != "document" || site != "same-origin" && site != "none" {
		return nil
	}
	sess, err := s.current(r)
	if err != nil {
		return nil
	}
	if beyond, err := s.beyond(r, sess.Container); err != nil || len(beyond) > 0 {
		return nil
	}
	b, err := json.Marshal(s.first(r.Context(), sess)) // escapes <, > and & within texts
	if err != nil {
		return nil
	}
	return b
}
