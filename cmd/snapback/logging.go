package main

import (
	"io"
	"log/slog"
	"slices"
	"strings"
)

// logging is how the program logs; the zero value is text, from info on.
type logging struct {
	JSON  bool
	Level slog.Level
}

func (r *reader) logging() logging {
	l := logging{JSON: r.choice("SNAPBACK_LOG_FORMAT", "text", "json") == "json"}
	// A value that is none of these has been told, and stands for the default.
	_ = l.Level.UnmarshalText([]byte(r.choice("SNAPBACK_LOG_LEVEL", "info", "debug", "warn", "error")))
	return l
}

// choice reads one of a few words; the first one is the default.
func (r *reader) choice(name, fallback string, others ...string) string {
	v := r.or(name, fallback)
	if v != fallback && !slices.Contains(others, v) {
		r.fail(name, "want %s or %s, got %q", strings.Join(append([]string{fallback}, others[:len(others)-1]...), ", "), others[len(others)-1], v)
		return fallback
	}
	return v
}

// logger writes to w.
func (l logging) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.Level}
	if l.JSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
