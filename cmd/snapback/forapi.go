package main

import (
	"context"
	"io"
	"time"

	"github.com/snapback/snapback/incidents"
)

// What follows lets the store and the terminal serve as what package api asks for. Nothing is decided here.

type exporter struct {
	prover
	zone *time.Location
}

func (e exporter) Export(ctx context.Context, w io.Writer, format string, in incidents.Incident, recordings bool) error {
	report := incidents.Report{Incident: in, Zone: e.zone, Generated: time.Now()}
	if recordings {
		var err error
		if report.Recordings, err = e.shown(ctx, in.ID); err != nil {
			return err
		}
	}
	return e.db.ReadTimeline(ctx, in.ID, func(now incidents.Incident, entries incidents.Entries) error {
		proof, err := e.prove(ctx, now, entries)
		if err != nil {
			return err
		}
		report.Incident, report.Entries, report.Chain = now, entries, proof.String()
		return incidents.Export(w, format, report)
	})
}

// shown are the recordings. It leaves out one that was begun and never written to: its shell was never started.
func (e exporter) shown(ctx context.Context, incident int64) ([]incidents.Recording, error) {
	list, err := e.terminals.Recordings(ctx, incident)
	var out []incidents.Recording
	for _, r := range list {
		if r.Bytes == 0 {
			continue
		}
		write := func(w io.Writer) error { return e.terminals.ReadRecording(ctx, r.ID, w) }
		out = append(out, incidents.Recording{ID: r.ID, StartedAt: r.StartedAt, Write: write})
	}
	return out, err
}
