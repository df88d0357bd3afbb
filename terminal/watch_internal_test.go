package terminal

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// TestATapForWhichThereIsNoRoomLeavesTheButtonAlive has what was tapped before end at that very moment, very often: the next tap for it
// must count.
func TestATapForWhichThereIsNoRoomLeavesTheButtonAlive(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	conns := make(chan *websocket.Conn, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, err := websocket.Accept(w, r, nil); err == nil {
			conns <- conn
		}
	}))
	t.Cleanup(server.Close)
	page, _, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var read sync.WaitGroup
	read.Go(func() {
		for err := error(nil); err == nil; _, _, err = page.Read(ctx) {
		}
	})
	v := &viewer{conn: wire{Conn: <-conns}, wire: ctx, acts: make(chan func() error, 1)}
	v.acts <- func() error { return nil }
	dead := 0
	for range 20000 {
		before := &wish{"first"}
		v.wanted.Store(before)
		var over sync.WaitGroup
		over.Go(func() { v.wanted.CompareAndSwap(before, nil) }) // as denied and stopWatching do
		if err := v.watchTapped(ctx, said{Run: "second"}); err != nil {
			t.Fatal(err)
		}
		over.Wait()
		if v.wanted.Load() != nil {
			dead++
		}
	}
	_ = page.CloseNow()
	read.Wait()
	if dead > 0 {
		t.Errorf("%d times, what is over counts as wanted", dead)
	}
}
