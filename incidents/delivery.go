package incidents

import (
	"errors"
	"time"
)

// What is wrong with what came in.
var (
	ErrUnsigned     = errors.New("the webhook is not signed")
	ErrBadSignature = errors.New("the webhook's signature does not match")
	ErrMalformed    = errors.New("malformed PagerDuty webhook") // it is of who it says, and no event
)

// FromRecord begins the native ID of an event that no webhook brought, and that was read from PagerDuty's record instead.
const FromRecord = "record "

// SameMoment is within what time an entry of PagerDuty's record and an event that a webhook brought may be one: the record has whole
// seconds.
const SameMoment = 2 * time.Second

// SameEvent says whether two entries tell of one event, of which one came by a webhook and the other was read from PagerDuty's record.
// What two people did in one moment, or one wrote, is two events.
func (e *Entry) SameEvent(o Entry) bool {
	if e.Kind != o.Kind || e.Source.System != o.Source.System || e.OccurredAt.Sub(o.OccurredAt).Abs() > SameMoment {
		return false
	}
	a, b := e.Actor.PagerDutyID, o.Actor.PagerDutyID
	switch e.Kind {
	case KindPagerDutyTriggered:
		return true
	case KindPagerDutyNoted:
		return e.Summary == o.Summary
	}
	return a == b || a == "" || b == ""
}

// Delivery is one thing that came in, by its sender's own IDs.
type Delivery struct {
	Source   string // pagerduty, slack
	NativeID string // the same for every try of a delivery
	EventID  string // the same for every delivery of an event; "" when there is none
	Body     []byte
}

// WebhookSecret is what signs all that comes along one of PagerDuty's webhook subscriptions.
type WebhookSecret struct {
	Subscription string // PagerDuty's ID
	URL          string // where it calls
	Secret       string
	MadeAt       time.Time // UTC
	CameAt       time.Time // when something was last signed by it; zero: never
}

// WebhookLook is what a look at PagerDuty's webhook subscriptions has found.
type WebhookLook struct {
	Trouble   string    // why alerts don't reach the bot; "": they do
	WellAt    time.Time // when they were last found to; zero: never
	Fresh     bool      // the last look was made lately
	Since     time.Time // since when somebody looks
	Elsewhere bool      // they reach another bot of the same database, at another address
}

// WebhookPing is the last test call that a bot has asked PagerDuty for along a subscription.
type WebhookPing struct {
	SentAt  time.Time // when it was asked for, by the database's clock
	Age     time.Duration
	Waiting bool // what became of it is not known yet
	Lost    int  // how many in a row have not come
}
