package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/bot"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/pagerduty"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/store"
	"github.com/snapback/snapback/terminal"
)

// What follows lets the store, PagerDuty and the terminal serve as what package bot asks for. Nothing is decided here.

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

func (b botMessages) MessageChannel(ctx context.Context, incident int64) (string, error) {
	return b.db.MessageChannel(ctx, incident)
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

type botOnCall struct{ client *pagerduty.Client }

func (b botOnCall) OnCall(ctx context.Context, service string) ([]bot.Responder, error) {
	users, err := b.client.OnCall(ctx, service)
	var list []bot.Responder
	for _, u := range users {
		list = append(list, bot.Responder{PagerDutyID: u.ID, Name: u.Name, Email: u.Email})
	}
	return list, err
}

type botTerminal struct{ service *terminal.Service }

func (b botTerminal) Mint(ctx context.Context, incident int64, c snapshot.Container, p access.Person, from bot.Place, mode string) (string, time.Time, error) {
	link, err := b.service.Mint(ctx, terminal.Grant{
		Person:     terminal.Person{SlackID: p.SlackID, PagerDutyID: p.PagerDutyID, Name: p.Name, Email: p.Email, Via: terminal.Via{Channel: from.Channel, Tap: from.URL}},
		IncidentID: incident, Container: c.Key, Name: c.Name, Mode: terminal.Mode(mode),
	}, 0)
	return link.URL, link.ExpiresAt, err
}

// jobError gives the job queue what a *bot.Error knows: whether to try again, and when.
func jobError(err error) error {
	var b *bot.Error
	if !errors.As(err, &b) {
		return err
	}
	if !b.Retry {
		return finalError{err}
	}
	return retryLater{err, b.After}
}

// finalError is an error that no retry can mend.
type finalError struct{ error }

func (f finalError) Unwrap() error   { return f.error }
func (f finalError) Permanent() bool { return true }
