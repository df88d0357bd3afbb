package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/store"
)

// prover holds timelines against what the database can't have forged: the secret keys, and the anchors in the data folder.
type prover struct {
	db        *store.DB
	terminals *store.TerminalStore
	keys      incidents.Signer
	anchors   *anchors
}

// Prove says what can be said about one timeline. It returns incidents.ErrUnknown.
func (p prover) Prove(ctx context.Context, incident int64) (proof incidents.Proof, err error) {
	err = p.db.ReadTimeline(ctx, incident, func(in incidents.Incident, entries incidents.Entries) error {
		proof, err = p.prove(ctx, in, entries)
		return err
	})
	return proof, err
}

func (p prover) prove(ctx context.Context, in incidents.Incident, entries incidents.Entries) (incidents.Proof, error) {
	proof, err := incidents.Prove(entries, in, p.keys, p.anchors.of(in.ID))
	if err != nil {
		return proof, err
	}
	return proof, p.recordings(ctx, &proof)
}

// recordings holds what there is against what the ends of the sessions have said of it.
func (p prover) recordings(ctx context.Context, proof *incidents.Proof) error {
	var sealed []string
	for _, want := range proof.Seals {
		sealed = append(sealed, want.ID)
		got, err := p.terminals.SummariseRecording(ctx, want.ID)
		switch {
		case err != nil:
			return fmt.Errorf("reading recording %s: %w", want.ID, err)
		case got.Chunks != want.Chunks:
			proof.Findings = append(proof.Findings, fmt.Sprintf("recording %s had %d pieces when its session ended, and has %d", want.ID, want.Chunks, got.Chunks))
		case got.SHA256 != want.SHA256:
			proof.Findings = append(proof.Findings, fmt.Sprintf("recording %s is not what was recorded, or its key was taken out of the ring", want.ID))
		default:
			proof.Recordings++
		}
	}
	for _, id := range proof.Shells {
		if !slices.Contains(sealed, id) {
			proof.Unsealed++
		}
	}
	return nil
}
