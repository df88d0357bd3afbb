package access

import (
	"errors"
	"fmt"
)

// The refusals that callers tell apart.
var (
	ErrDenied     = errors.New("that person may not do this")
	ErrUnsure     = errors.New("it can't be found out who may do this")
	ErrResolved   = errors.New("the incident is resolved")
	ErrNotEnabled = errors.New("the container does not carry the label snapback.enable=true")
	ErrTooMany    = errors.New("too many terminals are open")
	ErrSignedOut  = errors.New("nobody is signed in to the console")
	ErrElsewhere  = errors.New("another bot looks after the container, and can't be reached from this one")
	ErrProve      = errors.New("the passkey has to be asked for again")
)

// Why is why somebody may not.
type Why string

// The whys. Each says which fields of a Denial tell more.
const (
	NobodyMay      Why = "nobody may"                          // Label
	OtherChannel   Why = "not in the container's channel"      // Home
	ShellElsewhere Why = "a shell is for the container's own"  // Home: the alert here only suspects the container
	NoService      Why = "no service names who is on call"     // none
	OffCall        Why = "not on call"                         // Names, NoEmail
	NotListed      Why = "not listed"                          // IDs
	BadAccount     Why = "nothing may be done with an account" // Standing
)

// Denial is that somebody may not do something. It is ErrDenied, or ErrUnsure while that could not be found out.
type Denial struct {
	Why      Why
	Label    string   // what is wrong with a label, as a sentence; "": the labels want it so
	Home     string   // the channel from which one may
	Names    []string // who is on call
	NoEmail  bool     // of the person, no e-mail address is known that can be gone by
	IDs      []string // of the users and user groups that may
	Standing Standing // of the account
	Unsure   error    // why it could not be found out; nil: the person may not
}

func (d *Denial) Error() string {
	if d.Unsure != nil {
		return fmt.Sprintf("%v: %v", ErrUnsure, d.Unsure)
	}
	return fmt.Sprintf("%v: %s", ErrDenied, d.Why)
}

// Is makes a Denial one of ErrDenied and ErrUnsure.
func (d *Denial) Is(target error) bool {
	if d.Unsure != nil {
		return target == ErrUnsure
	}
	return target == ErrDenied
}

// Unwrap returns why it could not be found out.
func (d *Denial) Unwrap() error { return d.Unsure }
