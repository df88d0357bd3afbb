package main

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/api/client"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/download"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/store"
)

// TestFiveExportsAtOnceTakeLittleMemory downloads a recording of 46 MB, which does not compress, five times at once, for two tokens: each has a share.
func TestFiveExportsAtOnceTakeLittleMemory(t *testing.T) {
	v := newEvidence(t)
	records(t, v.Recorded.(*store.TerminalStore), "ONE", 1)
	chunk, noise := make([]byte, 1<<20), rand.NewChaCha8([32]byte{})
	for seq := range 46 {
		_, _ = noise.Read(chunk)
		testkit.OK(t, v.Recorded.(*store.TerminalStore).AppendRecording(t.Context(), "ONE", seq, chunk))
	}
	const token = "a-token-that-is-long-enough"
	other, second, err := access.NewToken("other", []access.Scope{access.Admin})
	testkit.OK(t, errors.Join(err, v.db.CreateToken(t.Context(), other)))
	web := api.New(api.Config{BootstrapToken: token, Downloads: download.NewDesk(t.TempDir())}, api.Deps{Incidents: v.db, Exporter: v.Evidence, Tokens: v.db})
	srv := httptest.NewServer(web.Handler())
	defer srv.Close()
	one, err := client.New(srv.URL, token)
	two, err2 := client.New(srv.URL, second)
	testkit.OK(t, errors.Join(err, err2))

	base, peak := heapDuring(func() {
		var all sync.WaitGroup
		for _, c := range []*client.Client{one, one, one, two, two} {
			all.Go(func() {
				if err := c.Export(t.Context(), "PNIGHT1", "zip", io.Discard); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
	t.Logf("at rest %d MiB, at most %d MiB", base>>20, peak>>20)
	if grown := peak - min(base, peak); grown > 64<<20 {
		t.Errorf("five exports at once take %d MiB", grown>>20)
	}
}

// heapDuring returns what the heap takes before do, and at most while it runs.
func heapDuring(do func()) (base, peak uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base = m.HeapInuse
	over := make(chan struct{})
	go func() { defer close(over); do() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return base, peak
		case <-tick.C:
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
		}
	}
}

func TestARowThatIsGoneMeanwhileIsNoPostMortem(t *testing.T) {
	t.Parallel()
	v := newEvidence(t)
	var out bytes.Buffer
	err := v.Evidence.Export(t.Context(), &out, "md", incidents.Incident{ID: 99}, false)
	if !errors.Is(err, incidents.ErrUnknown) || out.Len() > 0 {
		t.Errorf("%v after %d bytes", err, out.Len())
	}
}
