package incidents

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Anchor is the end of a timeline as it was noted outside the database.
type Anchor struct {
	At   time.Time
	Seq  int64
	Hash []byte
}

// Proof is what can be said about whether a timeline, its incident and its recordings are what was written.
type Proof struct {
	Entries    int64     `json:"entries"`
	LastHash   []byte    `json:"last_hash,omitempty"`
	SignedFrom int64     `json:"signed_from"`          // the first entry that is signed; 0: none is
	RowSigned  bool      `json:"row_signed"`           // the incident's status, times and names are signed with the last entry
	AnchoredTo int64     `json:"anchored_to"`          // the last entry that is noted outside the database; 0: none is
	AnchoredAt time.Time `json:"anchored_at,omitzero"` // when that was noted
	Recordings int       `json:"recordings"`           // that are whole, by what the end of their session says
	Unsealed   int       `json:"recordings_unsealed"`  // of sessions that go on, or ended before recordings were sealed
	Removed    int       `json:"recordings_removed"`   // that have had their time; what they held stands on the timeline
	KeptFor    string    `json:"kept_for,omitempty"`   // for how long those were kept, in words
	Findings   []string  `json:"findings"`             // what is not as it was written; empty: nothing
	Shells     []string  `json:"-"`                    // the recordings that the timeline tells of
	Seals      []Sealed  `json:"-"`                    // what it says of them

	Gone removed `json:"-"` // of these, those that it says were removed
}

// Sealed is what the entry that ends a terminal session says of a recording.
type Sealed struct {
	ID     string `json:"id"`
	Chunks int    `json:"chunks"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // in hex, of what was recorded: an export adds marks to it
}

// Prove reads a timeline once and holds it against its signatures, its anchors and its incident. What it finds is in the
// proof; an error means that it could not look.
func Prove(entries Entries, in Incident, keys Signer, anchors []Anchor) (Proof, error) {
	p := prover{keys: keys, anchors: map[int64][]Anchor{}, Proof: Proof{Findings: []string{}, Gone: removed{}}}
	for _, a := range anchors {
		p.anchors[a.Seq] = append(p.anchors[a.Seq], a)
	}
	if err := entries.InOrder(p.add); err != nil && !errors.Is(err, ErrBroken) {
		return p.Proof, err
	}
	p.Entries, p.LastHash = p.chain.Count, p.chain.Last
	if !p.broken {
		p.finish(in, anchors)
	}
	return p.Proof, nil
}

type prover struct {
	Proof
	keys     Signer
	anchors  map[int64][]Anchor // by sequence number
	chain    Verifier
	last     Entry
	ends     Endings
	unsigned int64 // entries before the first that is signed
	broken   bool  // the rest is not worth looking at
	gap      bool  // an unsigned entry after a signed one was told
	forged   bool  // a wrong signature was told
}

func (p *prover) find(format string, args ...any) {
	p.Findings = append(p.Findings, fmt.Sprintf(format, args...))
}

func (p *prover) add(e Entry) error {
	if err := p.chain.Add(e); err != nil {
		p.broken = true
		p.find("%v", err)
		return ErrBroken
	}
	before := p.last
	p.last = e
	p.addSignature(e)
	for _, a := range p.anchors[e.Seq] {
		if !bytes.Equal(a.Hash, e.Hash) {
			p.find("entry %d is another one than was noted on %s: the timeline was written anew", e.Seq, day(a.At))
		}
	}
	if e.Kind == KindRowChanged || e.Kind == KindRowUnproved && p.coversAnother(before, e) {
		p.find("the incident's own columns (status, times, names) were not as entry %d had left them when entry %d was written", e.Seq-1, e.Seq)
	}
	p.addRecordings(e)
	return nil
}

// coversAnother says that the row as e found it is not as the entry before it had left it. When the bot wrote e it could not check that
// entry's signature, and these keys can. A signature that they can't check either is a finding of its own.
func (p *prover) coversAnother(before, e Entry) bool {
	return before.SignedBy(p.keys) && !bytes.Equal(before.Signature.State, e.Signature.State)
}

// RowUnproved is the entry that a bot writes when it can't check the signature of an incident's last entry: the key that this names was
// not in its ring, as while several bots get a new one after the other, or somebody has spoiled it.
func RowUnproved(last Entry) Entry {
	why := "it is not signed"
	if last.Signed() {
		why = fmt.Sprintf("its signature, which names the key %q, can't be checked with the keys of this bot", last.Signature.KeyID)
	}
	details, _ := Details(map[string]any{"entry": last.Seq, "key": last.Signature.KeyID}) // a number and a string: always encodable
	return Entry{
		IncidentID: last.IncidentID, Kind: KindRowUnproved, Actor: Self(), Source: Source{System: "snapback"}, Details: details,
		Summary: fmt.Sprintf("Whether the incident's own columns (status, times, names) are as entry %d has left them can't be told: %s", last.Seq, why),
	}
}

// RowChanged is the entry that a bot writes when it finds an incident's row other than the last entry has left it.
func RowChanged(last Entry) Entry {
	return Entry{
		IncidentID: last.IncidentID, Kind: KindRowChanged, Actor: Self(), Source: Source{System: "snapback"},
		Summary: fmt.Sprintf("The incident's own columns (status, times, names) are not as entry %d has left them: somebody with access to the database has changed them, or a bot of another release", last.Seq),
	}
}

// addSignature tells the first entry of each sort alone: where one is wrong, all after it may be.
func (p *prover) addSignature(e Entry) {
	switch {
	case !e.Signed() && p.SignedFrom == 0:
		p.unsigned = e.Seq
	case !e.Signed() && !p.gap:
		p.gap = true
		p.find("entry %d is not signed, and one before it is: it was written by a bot of an older release, or by somebody with access to the database", e.Seq)
	case e.Signed() && p.SignedFrom == 0:
		p.SignedFrom = e.Seq
	}
	if e.Signed() && !p.forged && !e.SignedBy(p.keys) {
		p.forged = true
		p.find("entry %d is not signed with any of the secret keys (it names %q): it is forged, or its key was taken out of the ring", e.Seq, e.Signature.KeyID)
	}
}

func (p *prover) addRecordings(e Entry) {
	var details struct {
		Recording  string   `json:"recording"`
		Recordings []Sealed `json:"recordings"`
	}
	switch e.Kind {
	case KindTerminalShell:
		readDetails(e, &details)
		if details.Recording != "" {
			p.Shells = append(p.Shells, details.Recording)
		}
	case KindTerminalEnded:
		readDetails(e, &details)
		p.Seals = append(p.Seals, details.Recordings...)
	case KindRecordingsRemoved:
		p.Gone.add(e, &p.ends)
	}
	p.ends.Add(e)
}

func (p *prover) finish(in Incident, anchors []Anchor) {
	for _, a := range anchors {
		if a.Seq > p.Entries {
			p.find("it ends with entry %d, and had %d on %s: its end was cut off", p.Entries, a.Seq, day(a.At))
		} else if a.Seq > p.AnchoredTo {
			p.AnchoredTo, p.AnchoredAt = a.Seq, a.At
		}
	}
	if p.unsigned > p.AnchoredTo {
		p.find("entries %d to %d are not signed, and were not noted outside the database: nothing shows that they are what was written", p.AnchoredTo+1, p.unsigned)
	}
	if in.ID == 0 || !p.last.Signed() {
		return
	}
	p.RowSigned = true
	if digest, err := in.Digest(); err != nil || !bytes.Equal(digest, p.last.Signature.State) {
		p.find("the incident's own columns (status, times, names) are not as entry %d has left them", p.last.Seq)
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }

// String is p in a few words, for the foot of a post-mortem.
func (p Proof) String() string {
	if len(p.Findings) > 0 {
		return "NOT AS IT WAS WRITTEN: " + strings.Join(p.Findings, "; ")
	}
	s := "verified"
	if p.Recordings > 0 {
		s += fmt.Sprintf(", with %d whole recordings", p.Recordings)
	}
	if p.Removed > 0 {
		s += fmt.Sprintf(", recordings removed after %s, hashes kept: %d", p.KeptFor, p.Removed)
	}
	if p.Unsealed > 0 {
		s += fmt.Sprintf("; recordings that nothing is known of: %d", p.Unsealed)
	}
	return s
}
