package incidents

import "errors"

// What is wrong with what came in.
var (
	ErrUnsigned     = errors.New("the webhook is not signed")
	ErrBadSignature = errors.New("the webhook's signature does not match")
	ErrMalformed    = errors.New("malformed PagerDuty webhook") // it is of who it says, and no event
)

// Delivery is one thing that came in, by its sender's own IDs.
type Delivery struct {
	Source   string // pagerduty, slack
	NativeID string // the same for every try of a delivery
	EventID  string // the same for every delivery of an event; "" when there is none
	Body     []byte
}
