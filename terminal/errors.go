package terminal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/snapback/snapback/incidents"
)

// errorsView is what the page's Errors view shows. The SVG is the bot's own: what others have written is escaped in it.
type errorsView struct {
	Figures string `json:"figures"`
	Said    string `json:"said,omitempty"`
	SVG     string `json:"svg,omitempty"`
}

// errorsNow answers the page's Errors view. It shows no more than logs do, so whoever may have the session may have it; that is asked
// each time. The page asks again and again, which keeps no session from going idle, and hears 304 while nothing changes.
func (s *Service) errorsNow(w http.ResponseWriter, r *http.Request) error {
	sess, err := s.current(r)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("session") != sess.ID {
		return ErrOtherSession
	}
	if err := s.allowed(r.Context(), sess); err != nil {
		return err
	}
	now := incidents.ErrorsNow{Figures: "Errors are not counted here."}
	if s.cfg.Errors != nil {
		now, err = s.cfg.Errors.Live(r.Context(), sess.IncidentID, sess.Container, sess.Name, r.URL.Query().Get("theme") == "dark")
		if err != nil {
			return err
		}
	}
	return s.unlessKnown(w, r, errorsView{Figures: now.Figures, Said: now.Said, SVG: string(now.SVG)})
}

// unlessKnown spares a phone what it has already.
func (s *Service) unlessKnown(w http.ResponseWriter, r *http.Request, view errorsView) error {
	doc, _ := json.Marshal(view) // a plain struct: always encodable
	sum := sha256.Sum256(doc)
	tag := `"` + hex.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return s.ok(w, view)
}
