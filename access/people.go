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

// is compares IDs and e-mail addresses, never names: two people may share one.
func (p Person) is(other Person) bool {
	byID := p.PagerDutyID != "" && p.PagerDutyID == other.PagerDutyID
	return byID || sameAddress(p.Email, other.Email)
}

// sameAddress compares e-mail addresses. Case counts for nothing, but only in ASCII: other letters fold into it.
func sameAddress(a, b string) bool {
	return a != "" && (a == b || ascii(a) && ascii(b) && strings.EqualFold(a, b))
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}
