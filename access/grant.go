package access

import (
	"time"

	"github.com/snapback/snapback/incidents"
)

// Mode is what a terminal is of.
type Mode string

// A shell includes the logs.
const (
	ModeLogs  Mode = "logs"
	ModeShell Mode = "shell"
)

// Allows returns ErrDenied for a mode that the labels turn off for everybody.
func (l Labels) Allows(m Mode) error {
	if m == ModeShell && l.TerminalAllow.Rule == Nobody {
		return ErrDenied
	}
	return nil
}

// Holder is whom a terminal is granted to. IDs are empty where the person is unknown to that system.
type Holder struct {
	Person
	Via Via `json:"via,omitzero"`
}

// Via is how a person came by a terminal, which is what their permission hangs on for as long as it lasts: the Slack channel
// of their tap, the API token that asked, or the session of the console that they are in.
type Via struct {
	Channel string `json:"channel,omitempty"` // of the container's alerts, where a token has named somebody
	Tap     string `json:"tap,omitempty"`     // leads to the message that was tapped; "" when it can't be named
	TokenID string `json:"token_id,omitempty"`
	Token   string `json:"token,omitempty"`   // its name
	Console string `json:"console,omitempty"` // the session of the console
}

// Key tells people apart; an API token's person has but a name.
func (h Holder) Key() string {
	for _, k := range []string{h.SlackID, h.PagerDutyID, h.Email} {
		if k != "" {
			return k
		}
	}
	return h.Name
}

// Actor is who opened a terminal. Of a link that a token has asked for, nobody knows but that the token did: whoever holds it
// says whom the link is for.
func (h Holder) Actor() incidents.Actor {
	switch via := h.Via; {
	case via.TokenID != "" && h.Name != via.Token:
		return incidents.Actor{Kind: incidents.Token, Name: "token " + via.Token + ", for " + h.Name}
	case via.TokenID != "":
		return incidents.Actor{Kind: incidents.Token, Name: via.Token}
	}
	return incidents.Actor{Kind: incidents.Person, SlackID: h.SlackID, PagerDutyID: h.PagerDutyID, Name: h.Name}
}

// Grant is a terminal that somebody may open: what its link is bound to.
type Grant struct {
	Person     Holder
	IncidentID int64  // 0: none
	Container  string // the identity, which outlives replacements; never the engine's ID
	Name       string // what people call the container
	Mode       Mode
	LogsSince  time.Time // logs begin here, to the second; zero: a little before the terminal is opened
}

// Valid says whether nothing is missing that a link needs.
func (g Grant) Valid() bool {
	return g.Person.Key() != "" && g.Container != "" && (g.Mode == ModeLogs || g.Mode == ModeShell) && g.IncidentID >= 0
}

// Link opens what was granted, once. It is handed to the person, and to nobody else.
type Link struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"` // UTC
}
