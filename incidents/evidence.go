package incidents

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// Timelines reads incidents with their timelines.
type Timelines interface {
	// ReadTimeline calls do with an incident and its timeline as they stand now, however often it reads. It returns ErrUnknown.
	ReadTimeline(ctx context.Context, incident int64, do func(Incident, Entries) error) error
}

// Recordings reads what shells have shown.
type Recordings interface {
	// SummariseRecording says what a recording holds.
	SummariseRecording(ctx context.Context, id string) (Sealed, error)
	// Recordings lists an incident's, oldest first, without those that were begun and never written to.
	Recordings(ctx context.Context, incident int64) ([]Recording, error)
	// Recording is one, of whatever incident or of none. It returns ErrNoRecording where nothing is kept of it.
	Recording(ctx context.Context, id string) (Recording, error)
}

// Pictures draws the errors around incidents.
type Pictures interface {
	// Picture returns the zero Picture when no errors are kept of that time.
	Picture(ctx context.Context, in Incident) (Picture, error)
}

// Evidence holds timelines against what the database can't have forged, the secret keys and the anchors, and exports them with
// what it finds.
type Evidence struct {
	Timelines Timelines
	Recorded  Recordings
	Keys      Signer
	Anchors   *Anchors
	Zone      *time.Location // of what is exported; nil: UTC
	Pictures  Pictures       // nil: exports have none
	Player    Player         // of recordings, in exported pages; the zero one: none are played
}

// Prove says what can be said about one timeline. It returns ErrUnknown.
func (p Evidence) Prove(ctx context.Context, incident int64) (proof Proof, err error) {
	err = p.Timelines.ReadTimeline(ctx, incident, func(in Incident, entries Entries) error {
		proof, err = p.prove(ctx, in, entries)
		return err
	})
	return proof, err
}

func (p Evidence) prove(ctx context.Context, in Incident, entries Entries) (Proof, error) {
	proof, err := Prove(entries, in, p.Keys, p.Anchors.of(in.ID))
	if err != nil {
		return proof, err
	}
	return proof, p.recordings(ctx, &proof)
}

// recordings holds what there is against what the ends of the sessions have said of it.
func (p Evidence) recordings(ctx context.Context, proof *Proof) error {
	var sealed []string
	for _, want := range proof.Seals {
		sealed = append(sealed, want.ID)
		finding, err := p.recording(ctx, proof, want)
		if err != nil {
			return fmt.Errorf("reading recording %s: %w", want.ID, err)
		}
		if finding != "" {
			proof.Findings = append(proof.Findings, finding)
		}
	}
	for _, id := range proof.Shells {
		if slices.Contains(sealed, id) {
			continue
		}
		switch gone, is := proof.Gone[id]; {
		case is && gone.early != "":
			proof.Findings = append(proof.Findings, gone.early)
		case is:
			proof.countRemoved(gone)
		default:
			proof.Unsealed++
		}
	}
	return nil
}

// recording says what is wrong with one, or counts it.
func (p Evidence) recording(ctx context.Context, proof *Proof, want Sealed) (finding string, err error) {
	if gone, is := proof.Gone[want.ID]; is {
		if finding = gone.against(want); finding == "" {
			proof.countRemoved(gone)
		}
		return finding, nil
	}
	got, err := p.Recorded.SummariseRecording(ctx, want.ID)
	switch {
	case err != nil:
		return "", err
	case got.Chunks != want.Chunks:
		return fmt.Sprintf("recording %s had %d pieces when its session ended, and has %d", want.ID, want.Chunks, got.Chunks), nil
	case got.SHA256 != want.SHA256:
		return fmt.Sprintf("recording %s is not what was recorded, or its key was taken out of the ring", want.ID), nil
	}
	proof.Recordings++
	return "", nil
}

func (p *Proof) countRemoved(r removal) {
	p.Removed++
	p.KeptFor = r.keptFor
}

// Export writes a post-mortem, with what the incident's shells have shown if recordings says so. What it wrote before an error
// is worth nothing.
func (p Evidence) Export(ctx context.Context, w io.Writer, format string, in Incident, recordings bool) error {
	report := Report{Incident: in, Zone: p.Zone, Player: p.Player, Generated: time.Now()}
	if recordings {
		var err error
		if report.Recordings, err = p.Recorded.Recordings(ctx, in.ID); err != nil {
			return err
		}
	}
	report.Picture = p.picture(ctx, in)
	return p.Timelines.ReadTimeline(ctx, in.ID, func(now Incident, entries Entries) error {
		proof, err := p.prove(ctx, now, entries)
		if err != nil {
			return err
		}
		report.Incident, report.Entries, report.Chain, report.removed = now, entries, proof.String(), proof.Gone
		return Export(w, format, report)
	})
}

// picture is part of a post-mortem when it can be had: the rest does not wait for an engine that is away.
func (p Evidence) picture(ctx context.Context, in Incident) Picture {
	if p.Pictures == nil {
		return Picture{}
	}
	ctx, cancel := context.WithTimeout(ctx, picturePatience)
	defer cancel()
	drawn, err := p.Pictures.Picture(ctx, in)
	if err != nil {
		return Picture{Words: "The errors could not be looked up."}
	}
	return drawn
}

// picturePatience is how long an export waits for its picture.
const picturePatience = 5 * time.Second
