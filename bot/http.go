package bot

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/slack-go/slack"
)

const maxBody = 1 << 20

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// Handler serves /slack/interactions, /slack/commands and /slack/events. It answers as soon as a call is stored, since
// Slack waits for 3 seconds, and with 503 when it can't be.
func (b *Bot) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/slack/interactions", b.signed(formType, b.interactions))
	mux.Handle("/slack/commands", b.signed(formType, b.commands))
	mux.Handle("/slack/events", b.signed(jsonType, b.events))
	return mux
}

// signed lets through what Slack has signed, and hands the body on.
func (b *Bot) signed(contentType string, next func(http.ResponseWriter, *http.Request, []byte)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			b.refuse(w, r, http.StatusMethodNotAllowed, "method")
			return
		}
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != contentType {
			b.refuse(w, r, http.StatusUnsupportedMediaType, "content_type")
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			b.refuseBody(w, r, err)
			return
		}
		if err := verify(b.cfg.SigningSecret, r.Header, body, b.cfg.Now()); err != nil {
			b.refuse(w, r, http.StatusUnauthorized, err.Error())
			return
		}
		next(w, r, body)
	})
}

func (b *Bot) refuseBody(w http.ResponseWriter, r *http.Request, err error) {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		b.refuse(w, r, http.StatusRequestEntityTooLarge, "too_large")
		return
	}
	b.refuse(w, r, http.StatusBadRequest, "unreadable")
}

// refuse says nothing that helps an attacker; the reason is in the log and in the metrics.
func (b *Bot) refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	b.log.Warn("refusing a call in Slack's name", "route", r.Pattern, "reason", reason, "from", r.RemoteAddr)
	b.cfg.Observe("refused", reason)
	http.Error(w, http.StatusText(status), status)
}

func (b *Bot) interactions(w http.ResponseWriter, r *http.Request, body []byte) {
	form, err := parseForm(body)
	if err != nil {
		b.refuse(w, r, http.StatusBadRequest, "malformed")
		return
	}
	in, err := parseInteraction([]byte(form.Get("payload")))
	b.take(w, r, in, err)
}

func (b *Bot) commands(w http.ResponseWriter, r *http.Request, body []byte) {
	form, err := parseForm(body)
	if err != nil {
		b.refuse(w, r, http.StatusBadRequest, "malformed")
		return
	}
	if form.Get("ssl_check") == "1" { // Slack looks whether the certificate is good
		return
	}
	in, err := parseCommand(commandOf(form))
	b.take(w, r, in, err)
}

func commandOf(form url.Values) slack.SlashCommand {
	return slack.SlashCommand{
		Command: form.Get("command"), Text: form.Get("text"), TriggerID: form.Get("trigger_id"),
		TeamID: form.Get("team_id"), EnterpriseID: form.Get("enterprise_id"), UserID: form.Get("user_id"), UserName: form.Get("user_name"), ChannelID: form.Get("channel_id"), ResponseURL: form.Get("response_url"),
	}
}

// take stores what was read and answers. An empty 200 shows nothing to the person yet.
func (b *Bot) take(w http.ResponseWriter, r *http.Request, in inbound, err error) {
	switch {
	case errors.Is(err, errIgnored):
		b.cfg.Observe("inbound", "ignored")
	case err != nil:
		b.refuse(w, r, http.StatusBadRequest, "malformed")
	default:
		b.keep(w, r, in)
	}
}

func (b *Bot) keep(w http.ResponseWriter, r *http.Request, in inbound) {
	switch err := b.accept(r.Context(), in); {
	case errors.Is(err, errElsewhere):
		b.refuse(w, r, http.StatusForbidden, "other_workspace")
	case err != nil:
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
	}
}

// event is what is looked at of the Events API.
type event struct {
	Type         string `json:"type"`
	Challenge    string `json:"challenge"`
	TeamID       string `json:"team_id"`
	EnterpriseID string `json:"enterprise_id"`
	// Authorizations name the installation that the event is for. In a channel shared with others, TeamID may be theirs.
	Authorizations []struct {
		TeamID       string `json:"team_id"`
		EnterpriseID string `json:"enterprise_id"`
	} `json:"authorizations"`
	Event struct {
		Type string `json:"type"`
	} `json:"event"`
}

func (b *Bot) events(w http.ResponseWriter, r *http.Request, body []byte) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil || e.Type == "" {
		b.refuse(w, r, http.StatusBadRequest, "malformed")
		return
	}
	if e.Type == "url_verification" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, e.Challenge)
		return
	}
	if b.heard(r.Context(), e) != nil {
		b.refuse(w, r, http.StatusForbidden, "other_workspace")
	}
}

func (e event) origin() origin {
	if len(e.Authorizations) > 0 {
		return origin{Team: e.Authorizations[0].TeamID, Enterprise: e.Authorizations[0].EnterpriseID}
	}
	return origin{Team: e.TeamID, Enterprise: e.EnterpriseID}
}

// heard takes note of an event. None of them is acted on. It returns errElsewhere for those of other workspaces.
func (b *Bot) heard(ctx context.Context, e event) error {
	if err := b.directory.admit(ctx, e.origin()); err != nil {
		return err
	}
	switch kind := e.Event.Type; kind {
	case "app_uninstalled", "tokens_revoked":
		b.log.Error("the app was removed from the workspace: nothing can be posted until it is installed again", "event", kind)
		b.cfg.Observe("inbound", kind)
	default:
		b.cfg.Observe("inbound", "ignored")
	}
	return nil
}
