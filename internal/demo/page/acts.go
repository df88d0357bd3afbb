package page

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/snapback/snapback/internal/slackfake"
)

const maxBody = 64 << 10

// What people are told.
const (
	sayGone    = "This message has just changed. Have another look."
	sayNothing = "Type a message first."
)

// touch is what was tapped, as the phone showed it.
type touch struct {
	TS      string `json:"ts"`
	BlockID string `json:"block_id"`
	Action  string `json:"action_id"`
	Value   string `json:"value"`
}

// outcome is how the app took it.
type outcome struct {
	OK     bool   `json:"ok"`
	Error  string `json:"error,omitempty"`
	TookMs int64  `json:"took_ms"`
}

func (p *Page) tap(w http.ResponseWriter, r *http.Request) {
	var t touch
	if !read(w, r, &t) {
		return
	}
	c, ok := p.find(t)
	if !ok {
		respond(w, http.StatusConflict, outcome{Error: sayGone})
		return
	}
	p.report(w, p.cfg.Me.Tap(c))
}

// find is the control that was tapped. One whose value is no longer the one that was seen is not tapped for somebody.
func (p *Page) find(t touch) (slackfake.Control, bool) {
	m, ok := p.message(t.TS)
	if !ok {
		return slackfake.Control{}, false
	}
	c := m.Control(t.BlockID, t.Action, t.Value)
	return c, c.Exists() && c.Value == t.Value
}

func (p *Page) message(ts string) (slackfake.Message, bool) {
	if m, ok := p.cfg.Channel.Message(ts); ok {
		return m, true
	}
	for _, m := range p.cfg.Me.Ephemerals(p.cfg.Channel) {
		if m.TS == ts {
			return m, true
		}
	}
	return slackfake.Message{}, false
}

// say types into the channel: a slash command, or a message.
func (p *Page) say(w http.ResponseWriter, r *http.Request) {
	var said struct{ Text string }
	if !read(w, r, &said) {
		return
	}
	text := strings.TrimSpace(said.Text)
	switch command, rest, _ := strings.Cut(text, " "); {
	case text == "":
		respond(w, http.StatusBadRequest, outcome{Error: sayNothing})
	case strings.HasPrefix(text, "/"):
		p.report(w, p.cfg.Me.Command(p.cfg.Channel, command, strings.TrimSpace(rest)))
	default:
		p.report(w, p.cfg.Me.Say(p.cfg.Channel, text))
	}
}

func (p *Page) report(w http.ResponseWriter, a slackfake.Answer) {
	out := outcome{OK: a.OK(), TookMs: a.Took.Milliseconds()}
	switch {
	case a.OK():
	case a.TimedOut:
		out.Error = "Snapback did not answer in time."
	case a.Err != nil:
		out.Error = "Snapback could not be reached."
		p.cfg.Log.Warn("the app did not answer", "err", a.Err)
	default:
		out.Error = "Snapback refused it."
		p.cfg.Log.Warn("the app refused", "status", a.Status)
	}
	respond(w, http.StatusOK, out)
}

// again has something happen that Maria's phone can't do.
func (p *Page) again(w http.ResponseWriter, r *http.Request) {
	var none struct{}
	if !read(w, r, &none) {
		return
	}
	if p.cfg.Again == nil {
		http.NotFound(w, r)
		return
	}
	began := time.Now()
	err := p.cfg.Again(r.Context())
	out := outcome{OK: err == nil, TookMs: time.Since(began).Milliseconds()}
	if err != nil {
		out.Error = "It did not work: " + err.Error()
	}
	respond(w, http.StatusOK, out)
}

func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if r.Header.Get("Content-Type") != "application/json" {
		respond(w, http.StatusUnsupportedMediaType, outcome{Error: "want application/json"})
		return false
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into); err != nil {
		respond(w, http.StatusBadRequest, outcome{Error: "want a JSON object"})
		return false
	}
	return true
}

// file shows a picture that the app has shared.
func (p *Page) file(w http.ResponseWriter, r *http.Request) {
	f, ok := p.cfg.Slack.File(r.PathValue("id"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if strings.HasPrefix(f.MIMEType, "image/") {
		w.Header().Set("Content-Type", f.MIMEType)
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	}
	_, _ = w.Write(f.Data)
}
