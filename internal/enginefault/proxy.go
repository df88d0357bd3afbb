// Package enginefault stands between a bot and the real container engine, on a Unix socket of its own, and makes the
// engine as unreliable as engines are: one that refuses a call, does it and never says so, takes its time, is down for
// a while, or whose client is killed at the worst moment.
//
// Only calls that change something can be made to fail (see Kind); whatever only looks goes through, as long as the
// engine is up. The list of containers can be made to lag behind (see Lag), and an inspect to take its time (see Delay). An engine call that has arrived is carried out even if its client is gone by then, as the engine does it.
package enginefault

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/client"
)

// Proxy is the unreliable engine.
type Proxy struct {
	t       testing.TB
	socket  string
	label   string
	target  *http.Transport
	looking *httputil.ReverseProxy
	serving sync.WaitGroup // every server's Serve

	mu     sync.Mutex // guards what follows
	server *http.Server
	calls  []Call
	count  int // of those that are counted
	faults []*Fault
	lags   bool
	id     string                   // what the engine calls itself; "": what it does
	late   map[string]time.Duration // by container ID: how long the answer to an inspect takes
}

// Delay has the engine take its time over every inspect of a container, as it does while it holds that one's lock.
func (p *Proxy) Delay(containerID string, by time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late[containerID] = by
}

// Silence has it never answer.
func (p *Proxy) Silence(containerID string) { p.Delay(containerID, 24*time.Hour) }

// answers waits for as long as the engine takes over an inspect. It returns false when the client has hung up.
func (p *Proxy) answers(r *http.Request) bool {
	path, _ := strings.CutSuffix(r.URL.Path, "/json")
	p.mu.Lock()
	by := p.late[path[strings.LastIndex(path, "/")+1:]]
	p.mu.Unlock()
	select {
	case <-time.After(by):
		return true
	case <-r.Context().Done():
		return false
	}
}

// Rename has the engine call itself something else, as an upgrade may.
func (p *Proxy) Rename(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id = id
}

// rename writes the other ID into what the engine says of itself.
func (p *Proxy) rename(resp *http.Response) error {
	p.mu.Lock()
	id := p.id
	p.mu.Unlock()
	if id == "" || !strings.HasSuffix(resp.Request.URL.Path, "/info") || resp.StatusCode != http.StatusOK {
		return nil
	}
	var info map[string]any
	if err := errors.Join(json.NewDecoder(resp.Body).Decode(&info), resp.Body.Close()); err != nil {
		return err
	}
	info["ID"] = id
	doc, err := json.Marshal(info)
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(doc)), int64(len(doc))
	resp.Header.Set("Content-Length", strconv.Itoa(len(doc)))
	return err
}

// Start makes a proxy to the engine at host, or to the one that DOCKER_HOST names when that is "", and ends it with the test. With a label, such as
// test=abc, lists and events hold only what bears it: otherwise the bots of tests that run side by side would look after
// each other's containers.
func Start(t testing.TB, host, label string) *Proxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "sbe") // t.TempDir's names are too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{t: t, socket: filepath.Join(dir, "engine.sock"), label: label, target: transport(t, host), late: map[string]time.Duration{}}
	p.looking = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { p.rewrite(r.Out) },
		Transport:      p.target,
		FlushInterval:  -1,
		ModifyResponse: func(r *http.Response) error { return errors.Join(p.outdate(r), p.rename(r)) },
		ErrorLog:       log.New(io.Discard, "", 0), // a stream that breaks with the engine is what is wanted
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.Up()
	t.Cleanup(func() {
		p.Down()
		p.serving.Wait()
		p.target.CloseIdleConnections()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return p
}

// transport reaches the real engine.
func transport(t testing.TB, host string) *http.Transport {
	host = cmp.Or(host, os.Getenv(client.EnvOverrideHost), client.DefaultDockerHost)
	u, err := client.ParseHostURL(host)
	if err != nil {
		t.Fatal(err)
	}
	address := u.Host + u.Path
	return &http.Transport{
		MaxIdleConnsPerHost: 16,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, u.Scheme, address)
		},
	}
}

// Host is what the bot's DOCKER_HOST is to be.
func (p *Proxy) Host() string { return "unix://" + p.socket }

// Down ends the engine, as far as its clients can see: connections break, and new ones are refused.
func (p *Proxy) Down() {
	p.mu.Lock()
	server := p.server
	p.server = nil
	p.mu.Unlock()
	if server == nil {
		return
	}
	if err := server.Close(); err != nil {
		p.t.Errorf("ending the engine's proxy: %v", err)
	}
}

// Up starts it again.
func (p *Proxy) Up() {
	p.t.Helper()
	listener, err := net.Listen("unix", p.socket)
	if err != nil {
		p.t.Fatal(err)
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	p.mu.Lock()
	p.server = server
	p.mu.Unlock()
	p.serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.t.Errorf("the engine's proxy: %v", err)
		}
	})
}

// ServeHTTP passes a call on, or does what the fault for it says.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, of := classify(r)
	if kind == "" {
		if p.answers(r) {
			p.looking.ServeHTTP(w, r)
		}
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	call, fault := p.arrive(kind, of)
	if fault == nil {
		fault = &Fault{}
	}
	if fault.Before != nil {
		fault.Before(call)
	}
	if fault.Swallow {
		panic(http.ErrAbortHandler)
	}
	if fault.Refuse != 0 {
		refuse(w, *fault)
		return
	}
	p.forward(w, r, body, call, fault)
}

func refuse(w http.ResponseWriter, f Fault) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.Refuse)
	doc, _ := json.Marshal(map[string]string{"message": f.Message}) // a string: always encodable
	_, _ = w.Write(doc)                                             // whoever hung up does not want it
}

// forward has the engine do the call, whether or not the client still waits for it.
func (p *Proxy) forward(w http.ResponseWriter, r *http.Request, body []byte, call Call, fault *Fault) {
	out := r.Clone(context.WithoutCancel(r.Context()))
	out.RequestURI, out.Body, out.ContentLength = "", http.NoBody, int64(len(body)) // the engine minds a body in a start
	if len(body) > 0 {
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	p.rewrite(out)
	resp, err := p.target.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	answer, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		panic(http.ErrAbortHandler)
	}
	call.Status = resp.StatusCode
	p.answered(call)
	if fault.After != nil {
		fault.After(call)
	}
	if fault.Drop {
		panic(http.ErrAbortHandler)
	}
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(answer) // whoever hung up does not want it
}

// rewrite points a request at the engine, and narrows lists and events down to the label.
func (p *Proxy) rewrite(out *http.Request) {
	out.URL.Scheme, out.URL.Host = "http", client.DummyHost
	if p.label == "" || out.Method != http.MethodGet || !narrowed.MatchString(out.URL.Path) {
		return
	}
	query := out.URL.Query()
	query.Set("filters", narrow(query.Get("filters"), p.label))
	out.URL.RawQuery = query.Encode()
}

// narrow adds a label to filters in any of the forms that clients send.
func narrow(filters, label string) string {
	all := map[string]any{}
	if filters != "" && json.Unmarshal([]byte(filters), &all) != nil {
		return filters // which the engine will complain about
	}
	switch labels := all["label"].(type) {
	case []any:
		all["label"] = append(labels, label)
	case map[string]any:
		labels[label] = true
	default:
		all["label"] = map[string]bool{label: true}
	}
	doc, _ := json.Marshal(all) // strings and booleans: always encodable
	return string(doc)
}

// unescape is the name in a path.
func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return strings.TrimPrefix(plain, "/")
	}
	return fmt.Sprintf("%q", s)
}
