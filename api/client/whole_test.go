package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/api/wire"
)

const (
	document = "# Post-mortem"
	digest   = "sha-256=:xFriNkLdVgpDIlK/fSFe0MNGP4nAj+806gB1zniRjE8=:"
)

func TestAnExportThatWasCutIsAnError(t *testing.T) {
	t.Parallel()
	flush := func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }
	for name, h := range map[string]http.HandlerFunc{
		"before its length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, document)
		},
		"in chunks, with an end, as some proxies do": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Repr-Digest", digest)
			fmt.Fprint(w, document[:5])
			flush(w)
		},
		"in chunks, without an end": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Repr-Digest", digest)
			fmt.Fprint(w, document[:5])
			flush(w)
			panic(http.ErrAbortHandler)
		},
		"with nothing to tell by": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, document)
			flush(w)
		},
		"of the right length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Repr-Digest", digest)
			fmt.Fprint(w, strings.ToUpper(document))
		},
	} {
		if err := bot(t, h).Export(t.Context(), "1", "md", &bytes.Buffer{}); !errors.Is(err, client.ErrCut) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var got bytes.Buffer
	err := bot(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("may come as %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Repr-Digest", digest)
		fmt.Fprint(w, document)
		flush(w)
	}).Export(t.Context(), "1", "md", &got)
	if err != nil || got.String() != document {
		t.Errorf("got %q, %v", got.String(), err)
	}
}

func TestAServerThatFallsSilentIsNotWaitedForForever(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"before it answers": func(http.ResponseWriter, *http.Request) {},
		"in the middle": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "{")
			_ = http.NewResponseController(w).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := bot(t, func(w http.ResponseWriter, r *http.Request) {
				h(w, r)
				<-r.Context().Done() // the client has given up
			})
			c.Hasten(50 * time.Millisecond)
			if err := c.Export(t.Context(), "1", "md", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "nothing came for 50ms") {
				t.Errorf("export: %v", err)
			}
			if _, err := c.Incident(t.Context(), "1"); err == nil || !strings.Contains(err.Error(), "nothing came for 50ms") {
				t.Errorf("incident: %v", err)
			}
		})
	}
}

// TestASnapshotIsWaitedForAsLongAsTheBotMayTake: one with the contents of volumes takes hours.
func TestASnapshotIsWaitedForAsLongAsTheBotMayTake(t *testing.T) {
	t.Parallel()
	if got := client.TakePatience(); got <= wire.ArchiveLimit+wire.CommitLimit {
		t.Errorf("it gives up after %s", got)
	}
	c := bot(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	c.HastenTaking(50 * time.Millisecond)
	if _, err := c.TakeSnapshot(t.Context(), "api", wire.NewSnapshot{}); err == nil || !strings.Contains(err.Error(), "nothing came for 50ms") {
		t.Errorf("got %v", err)
	}
}
