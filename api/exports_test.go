package api_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/internal/download"
)

// pipes is a listener without a network, whose time is that of synctest.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// listen serves b until the test ends.
func (b *bench) listen(t *testing.T) *pipes {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	srv := api.Server(b.h, nil)
	over := make(chan struct{})
	go func() { defer close(over); _ = srv.Serve(p) }()
	t.Cleanup(func() { _ = srv.Close(); <-over })
	return p
}

// ask sends a request for the export, and returns the connection and what was answered, whose body is not read.
func (p *pipes) ask(t *testing.T, path string) (net.Conn, *http.Response) {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close() })
	p.conns <- server
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://bot"+path, nil)
	r.Header.Set("Authorization", "Bearer "+bootstrap)
	if err := r.Write(client); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(client, 16), r)
	if err != nil {
		t.Fatal(err)
	}
	return client, resp
}

// noise does not compress.
func noise(n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(p)
	return p
}

func digestOf(doc []byte) string {
	sum := sha256.Sum256(doc)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

const zipped = "/incidents/4711/export?format=zip"

func TestASlowExportIsNotCutWhileItMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(w *world, c *api.Config) { w.shown, c.Downloads = noise(1<<20), download.NewDesk(t.TempDir()) })
		began := time.Now()
		_, resp := b.listen(t).ask(t, zipped)
		var doc bytes.Buffer
		for {
			time.Sleep(20 * time.Second) // of synctest's time
			if _, err := io.CopyN(&doc, resp.Body, 64<<10); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("after %v and %d bytes: %v", time.Since(began), doc.Len(), err)
			}
		}
		if took := time.Since(began); took < 5*time.Minute {
			t.Fatalf("it took %v, which proves nothing", took)
		}
		if int64(doc.Len()) != resp.ContentLength || resp.Header.Get("Repr-Digest") != digestOf(doc.Bytes()) {
			t.Errorf("%d bytes came, %d were promised, with digest %q", doc.Len(), resp.ContentLength, resp.Header.Get("Repr-Digest"))
		}
	})
}

func TestAnExportThatNobodyReadsEndsAndFreesItsPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := setup(t, func(w *world, c *api.Config) { w.shown, c.Downloads = noise(1<<20), download.NewDesk(t.TempDir()) })
		p := b.listen(t)
		var stalled []*http.Response
		for range 4 { // a token's share
			_, resp := p.ask(t, zipped)
			wantOK(t, resp)
			stalled = append(stalled, resp)
		}
		_, refused := p.ask(t, zipped)
		text, _ := io.ReadAll(refused.Body)
		if refused.StatusCode != 503 || refused.Header.Get("Retry-After") == "" || !strings.Contains(string(text), `"exports_busy"`) {
			t.Errorf("the ninth is answered %d %s %s", refused.StatusCode, refused.Header, text)
		}
		time.Sleep(31 * time.Second) // of synctest's time
		for _, resp := range stalled {
			if got, err := io.ReadAll(resp.Body); err == nil || int64(len(got)) >= resp.ContentLength {
				t.Errorf("%d of %d bytes came, %v: the end is not to be seen", len(got), resp.ContentLength, err)
			}
		}
		_, resp := p.ask(t, zipped)
		wantOK(t, resp)
		if !strings.Contains(b.log.String(), "answer cut short") {
			t.Errorf("the log is silent:\n%s", b.log)
		}
	})
}

func wantOK(t *testing.T, resp *http.Response) {
	t.Helper()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("answered %s", resp.Status)
	}
}

func TestAnExportLeavesNothingOnTheDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := setup(t, func(w *world, c *api.Config) { w.shown, c.Downloads = []byte("a password"), download.NewDesk(dir) })
	wantStatus(t, b.do(t, request{path: zipped}), http.StatusOK)
	head := b.do(t, request{method: http.MethodHead, path: "/incidents/4711/export?format=md"})
	if head.Code != http.StatusOK || head.Header().Get("Content-Length") == "" || head.Body.Len() > 0 {
		t.Errorf("HEAD is answered %d %v", head.Code, head.Header())
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	b = setup(t, func(_ *world, c *api.Config) { c.Downloads = download.NewDesk(dir + "/none") })
	wantStatus(t, b.do(t, request{path: zipped}), http.StatusInternalServerError)
}
