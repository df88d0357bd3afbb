package pagerduty

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
)

// An alert must not be lost because something beside it has another shape than PagerDuty's documentation says. So of a webhook
// every part is read by itself, and one that can't be read counts as not there. Only what has no incident in it may be
// malformed.

// decodeObject reads what it can of a JSON object. It returns what was odd, which is no reason to give the rest up; and an
// error when it is no JSON. None at all and null count as an empty object.
func decodeObject(doc json.RawMessage, into any) (odd, err error) {
	doc = bytes.TrimSpace(doc)
	if len(doc) == 0 || bytes.Equal(doc, []byte("null")) {
		return nil, nil
	}
	err = json.Unmarshal(doc, into)
	var wrong *json.UnmarshalTypeError // it tells of the first, and all the rest was read
	if errors.As(err, &wrong) {
		return malformed(err), nil
	}
	if err != nil {
		return nil, malformed(err)
	}
	return nil, nil
}

// malformed says what is wrong without quoting the body, as encoding/json's own texts do.
func malformed(err error) error {
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrong):
		return fmt.Errorf("%w: %s is of the wrong type", ErrMalformed, clean(wrong.Field, maxName))
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: not JSON at byte %d", ErrMalformed, syntax.Offset)
	}
	return fmt.Errorf("%w: a value can't be read", ErrMalformed)
}

// moment is a time in any form that people write one in; zero when it can't be read. One without a zone is UTC.
type moment struct{ time.Time }

// forms are RFC 3339 and its neighbours, and those of HTTP and of e-mail.
var forms = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00",
	"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 -0700", "2006-01-02 15:04:05.999999999 MST",
	"2006-01-02 15:04:05.999999999", time.RFC1123Z, time.RFC1123,
}

// UnmarshalJSON never fails.
func (m *moment) UnmarshalJSON(doc []byte) error {
	text := strings.TrimSpace(strings.Trim(string(doc), `"`))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		m.Time = sinceEpoch(seconds)
		return nil
	}
	for _, form := range forms {
		if t, err := time.Parse(form, text); err == nil {
			m.Time = t
			return nil
		}
	}
	return nil
}

// sinceEpoch takes seconds, or milliseconds where seconds would lead far beyond our time.
func sinceEpoch(n float64) time.Time {
	if n >= 1e11 {
		n /= 1000
	}
	if n <= 0 || n != n || n >= 1e11 {
		return time.Time{}
	}
	return time.UnixMilli(int64(n * 1000))
}

// count is a number, also one in quotes; 0 when it can't be read.
type count int64

// UnmarshalJSON never fails.
func (c *count) UnmarshalJSON(doc []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(doc), `"`), 10, 64)
	if err == nil {
		*c = count(n)
	}
	return nil
}

// named is an object or a mere name, which stands for one; anything else is nobody.
type named struct{ object }

// UnmarshalJSON never fails.
func (n *named) UnmarshalJSON(doc []byte) error {
	if err := json.Unmarshal(doc, &n.Summary); err != nil {
		_ = json.Unmarshal(doc, &n.object) // what can be read of it
	}
	return nil
}

func (n *named) actor() incidents.Actor {
	if n == nil {
		return (*object)(nil).actor()
	}
	return n.object.actor()
}

// complete makes up for what e's envelope lacks, since it has an incident: the body is what tells its delivery from others, its
// type is the status that it leaves behind, and it has just happened.
func (e Event) complete(raw *rawEvent, body []byte, received time.Time) Event {
	if !usable(raw.ID) {
		e.ID = fmt.Sprintf("body-%.16x", sha256.Sum256(body))
	}
	if !usable(raw.Type) {
		e.Type = typeOf(e.Incident.Status)
	}
	if e.OccurredAt.IsZero() {
		e.OccurredAt = received.UTC()
	}
	return e
}

func typeOf(left incidents.Status) incidents.Kind {
	switch left {
	case incidents.Acknowledged:
		return incidents.KindPagerDutyAcked
	case incidents.Resolved:
		return incidents.KindPagerDutyResolved
	}
	return incidents.KindPagerDutyTriggered
}

// usable says whether an ID or a type can be kept as it is.
func usable(s string) bool { return s != "" && s == clean(s, maxName) }
