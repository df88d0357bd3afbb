package access

import (
	"strings"
	"time"
)

// Person is somebody in Slack and, as far as it is known, in PagerDuty. The two are linked by the e-mail address that both
// know.
type Person struct {
	SlackID     string    `json:"slack_id,omitempty"`
	PagerDutyID string    `json:"pagerduty_id,omitempty"`
	Name        string    `json:"name"`
	Email       string    `json:"email,omitempty"` // "" when it can't be gone by
	SeenAt      time.Time `json:"-"`               // when Slack was last asked
}

// named is p with something to call them by.
func (p Person) named() Person {
	if p.Name == "" {
		p.Name = p.SlackID
	}
	return p
}

// is compares IDs and e-mail addresses, never names: two people may share one.
func (p Person) is(other Person) bool {
	byID := p.PagerDutyID != "" && p.PagerDutyID == other.PagerDutyID
	return byID || sameAddress(p.Email, other.Email)
}

// Account is what Slack says of an account.
type Account struct {
	Name      string
	Email     string
	Confirmed bool // whoever has the account has shown that the e-mail address is theirs
	Standing  Standing
}

// Standing is what an account is in the workspace.
type Standing int

// The standings. Only members and guests may do anything.
const (
	Member Standing = iota
	Guest
	Unknown // to Slack itself
	Foreign // of another workspace
	Deactivated
	Program
)

func (s Standing) refused() bool { return s != Member && s != Guest }

// email is the address that tells who has an account; "" when none does.
func (g *Guard) email(a Account) string {
	if a.Standing.refused() || !a.Confirmed || a.Standing == Guest && !g.Guests {
		return ""
	}
	return strings.TrimSpace(a.Email)
}

// sameAddress compares e-mail addresses. Case counts for nothing, but only in ASCII: other letters fold into it.
func sameAddress(a, b string) bool {
	return a != "" && (a == b || ascii(a) && ascii(b) && strings.EqualFold(a, b))
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}
