package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/snapback/snapback/incidents/flat/logtail"
	"github.com/snapback/snapback/incidents/flat/prometheus"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
)

// checkErrors asks every source of errors per minute once. What it can't count, the bot does without.
func checkErrors(ctx context.Context, c config, at engineAt) (string, error) {
	engine, err := docker.New(ctx, at.reach(c))
	if err != nil {
		return "", err
	}
	defer engine.Close()
	var client *prometheus.Client
	if c.PrometheusURL != "" {
		if client, err = prometheus.NewClient(c.PrometheusURL, c.PrometheusToken); err != nil {
			return "", err
		}
	}
	list, err := engine.List(ctx)
	if err != nil {
		return "", err
	}
	logs, queries, notes := 0, 0, error(nil)
	for _, ctr := range list {
		query := ctr.Settings.ErrorsQuery
		switch {
		case query == "":
			logs++
			err = readable(ctx, engine, ctr)
		case client == nil:
			logs++
			err = errors.Join(errors.New("its label snapback.errors.query needs SNAPBACK_PROMETHEUS_URL: its log is read instead"), readable(ctx, engine, ctr))
		default:
			queries++
			if _, err = client.Now(ctx, query); err == nil {
				err = soonEnough(query)
			}
		}
		if err != nil {
			notes = errors.Join(notes, fmt.Errorf("%s: %w", ctr.Name, err))
		}
	}
	if notes != nil {
		return "", caution{notes}
	}
	return fmt.Sprintf("from %d logs and %d queries of Prometheus", logs, queries), nil
}

// soonEnough says that a query looks back for longer than what is told of errors after a restore.
func soonEnough(query string) error {
	if long := prometheus.LongRange(query); long != "" {
		return fmt.Errorf("its query has the range [%s]: after a restore, errors from before it count for so long, and falling and flat are told that much later. Let the range be [1m] or [2m]", long)
	}
	return nil
}

// readable says what keeps errors from being counted in a log, all of them or one by one.
func readable(ctx context.Context, engine *docker.Engine, c snapshot.Container) error {
	much, err := logtail.Oversteps(ctx, engine, c.ID)
	switch {
	case errors.Is(err, snapshot.ErrLogUnreadable):
		return fmt.Errorf("its errors can't be counted: %w", err)
	case much:
		return errors.New("it writes more than is read of it, so its errors are counted from a sample, and their rate is an estimate")
	}
	return err
}
