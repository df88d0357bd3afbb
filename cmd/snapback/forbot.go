package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/store"
)

// What follows lets the store serve as what package bot asks for. Nothing is decided here.

type botMessages struct{ db *store.DB }

func (b botMessages) WithMessage(ctx context.Context, incident int64, do func(context.Context, bot.Message, func(bot.Message) error) error) error {
	return b.db.WithMessage(ctx, incident, func(ctx context.Context, m store.Message, save func(store.Message) error) error {
		given := bot.Message{
			IncidentID: m.IncidentID, Channel: m.Channel, TS: m.TS, Rendered: m.Rendered, Seq: m.Seq,
			Attempt: m.Attempt, AttemptedAt: m.AttemptedAt,
		}
		if err := json.Unmarshal(m.Threads, &given.Threads); err != nil {
			return fmt.Errorf("reading the threads: %w", err)
		}
		return do(ctx, given, func(m bot.Message) error {
			threads, err := json.Marshal(m.Threads)
			if err != nil {
				return err
			}
			return save(store.Message{
				IncidentID: m.IncidentID, Channel: m.Channel, TS: m.TS, Rendered: m.Rendered, Seq: m.Seq,
				Attempt: m.Attempt, AttemptedAt: m.AttemptedAt, Threads: threads,
			})
		})
	})
}

// botStore is what of the store has another shape in bot.
type botStore struct{ *store.DB }

// Ask writes what somebody asks of PagerDuty onto the timeline; writing it queues the call. The same tap twice asks once.
func (b botStore) Ask(ctx context.Context, a bot.Act) error {
	kind, verb := incidents.KindAcknowledgeAsked, "acknowledge"
	if a.Kind == bot.Resolve {
		kind, verb = incidents.KindResolveAsked, "resolve"
	}
	_, err := b.RecordOnce(ctx, incidents.Entry{
		IncidentID: a.IncidentID, Kind: kind, Actor: a.By, Source: a.Source,
		Summary: fmt.Sprintf("%s asked PagerDuty to %s", a.By.Name, verb),
	})
	return err
}
