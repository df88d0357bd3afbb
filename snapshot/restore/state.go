package restore

import "slices"

// State is where a restore stands. A state is written to the journal before its work is done, so the journal
// says what may have happened, and the work of a state can be done twice.
type State string

// The states of a restore; doc.go draws them.
const (
	Requested State = "requested" // asked for and audited; the engine has not been touched
	Preflight State = "preflight" // everything that can fail is being looked at, while the broken container runs
	Prepared  State = "prepared"  // the replacement is being created beside it, under a temporary name
	Swapping  State = "swapping"  // the old one is stopped and renamed, the new one takes the name and starts
	Started   State = "started"   // the new one runs and has to prove itself
	Verified  State = "verified"  // done
	Refused   State = "refused"   // nothing was done
	Reverting State = "reverting" // the old one is being put back
	Reverted  State = "reverted"  // the old one is back
	Failed    State = "failed"    // neither could be brought up: a person is told what to do
)

// transitions is the one table of what may follow what. The machine runs on it (see Restorer.advance), store
// refuses everything else, and the diagram in doc.go is checked against it.
var transitions = map[State][]State{
	Requested: {Preflight, Refused},
	Preflight: {Prepared, Refused},
	Prepared:  {Swapping, Reverting},
	Swapping:  {Started, Reverting},
	Started:   {Verified, Reverting},
	Reverting: {Reverted, Failed},
}

// States lists all states in the order in which they are passed.
func States() []State {
	return []State{Requested, Preflight, Prepared, Swapping, Started, Verified, Refused, Reverting, Reverted, Failed}
}

// Next lists the states that may follow s; none for a final one.
func (s State) Next() []State { return slices.Clone(transitions[s]) }

// Final says that a restore in this state is over. One that is not known here is not: a newer program goes on with it.
func (s State) Final() bool { return len(transitions[s]) == 0 && slices.Contains(States(), s) }

// May says whether a restore may go from s to next.
func (s State) May(next State) bool { return slices.Contains(transitions[s], next) }

// String is the state's name as the API shows it.
func (s State) String() string { return string(s) }
