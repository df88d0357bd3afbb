package page

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/snapback/snapback/internal/slackfake"
)

// view is the channel as one person sees it.
type view struct {
	Version    int64               `json:"version"`
	Me         string              `json:"me"`
	Messages   []slackfake.Message `json:"messages"`
	Ephemerals []slackfake.Message `json:"ephemerals"`
	Notices    []slackfake.Notice  `json:"notices"`
	Names      map[string]string   `json:"names"` // of people and channels, by ID
}

func (p *Page) view(s slackfake.State) view {
	v := view{
		Version: s.Version, Me: p.cfg.Me.ID(), Names: map[string]string{},
		Messages: []slackfake.Message{}, Ephemerals: []slackfake.Message{}, Notices: []slackfake.Notice{},
	}
	for _, c := range s.Channels {
		v.Names[c.ID] = c.Name
		if c.ID == p.cfg.Channel.ID() {
			v.Messages = c.Messages
		}
	}
	for _, u := range s.Users {
		v.Names[u.ID] = u.Name
		if u.ID == v.Me {
			v.Notices = u.Notices
			v.Ephemerals = p.here(u.Ephemerals)
		}
	}
	return v
}

func (p *Page) here(all []slackfake.Message) []slackfake.Message {
	out := []slackfake.Message{}
	for _, m := range all {
		if m.Channel == p.cfg.Channel.ID() {
			out = append(out, m)
		}
	}
	return out
}

// phoneEvents sends the channel at once and after every change.
func (p *Page) phoneEvents(w http.ResponseWriter, r *http.Request) {
	send := stream(w)
	for seen := int64(-1); ; {
		s, err := p.cfg.Slack.Wait(r.Context(), seen)
		if err != nil || send(p.view(s)) != nil {
			return
		}
		seen = s.Version
	}
}

// sideEvents sends what is beside the phone at once and then regularly.
func (p *Page) sideEvents(w http.ResponseWriter, r *http.Request) {
	send := stream(w)
	tick := time.NewTicker(p.cfg.Every)
	defer tick.Stop()
	for send(p.cfg.Side()) == nil {
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// stream begins a stream of server-sent events; what it returns sends one.
func stream(w http.ResponseWriter) func(any) error {
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	return func(v any) error {
		doc, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("encoding an event: %w", err)
		}
		if _, err := fmt.Fprintf(w, "data: %s\n\n", doc); err != nil {
			return fmt.Errorf("sending an event: %w", err)
		}
		return rc.Flush()
	}
}

// load is the chart's data, for whoever wants it without the stream.
func (p *Page) load(w http.ResponseWriter, _ *http.Request) {
	respond(w, http.StatusOK, p.cfg.Side().Load)
}

func respond(w http.ResponseWriter, status int, doc any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(doc)
}
