package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

const idempotencyHeader = "Idempotency-Key"

// idempotencyKey is the request's key, bound to its token, as a digest; "" when it has none. Two clients that choose
// the same key never see each other's answers.
func idempotencyKey(r *http.Request) string {
	key := r.Header.Get(idempotencyHeader)
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(traceOf(r).token.ID + "\x00" + key))
	return hex.EncodeToString(sum[:])
}

// wishKey is the key as restores and the timeline keep it, apart from what taps are known by; "" when there is none.
func wishKey(r *http.Request) string {
	if key := idempotencyKey(r); key != "" {
		return "key/" + key
	}
	return ""
}

func checkKey(key string) error {
	for _, c := range []byte(key) {
		if c <= ' ' || c > '~' {
			return malformed("An Idempotency-Key is 1 to 255 visible ASCII characters.")
		}
	}
	if len(key) > 255 {
		return malformed("An Idempotency-Key is 1 to 255 visible ASCII characters.")
	}
	return nil
}

// once makes a request that is delivered twice act once, and both be answered alike.
func (a *API) once(rt route, next handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		key := idempotencyKey(r)
		if key == "" {
			return next(w, r)
		}
		if err := checkKey(r.Header.Get(idempotencyHeader)); err != nil {
			return err
		}
		body, err := readBody(r)
		if err != nil {
			return err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		done, err := a.deps.Idempotency.BeginRequest(r.Context(), key, fingerprint(r, body))
		if err != nil {
			return err
		}
		if done != nil {
			return a.replay(rt, w, done)
		}
		return a.first(rt, key, next, w, r)
	}
}

// answer is what a request was answered with, as far as a twin of it needs to know.
type answer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   []byte            `json:"body"`
}

// fingerprint tells requests apart that must not share a key.
func fingerprint(r *http.Request, body []byte) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s\n", r.Method, r.URL.RequestURI())
	h.Write(body)
	return h.Sum(nil)
}

// first runs the request, keeps its answer, and then gives it: a client that knows of an answer finds it again.
func (a *API) first(rt route, key string, next handler, w http.ResponseWriter, r *http.Request) error {
	kept := &keptWriter{to: w, header: w.Header(), status: http.StatusOK}
	finished := false
	defer func() {
		if !finished { // a panic: whoever asks again is a new request
			a.finishRequest(r.Context(), key, nil)
		}
	}()
	if err := next(kept, r); err != nil {
		a.refuse(kept, r, err)
	}
	given := kept.answer()
	finished = true
	if !final(given.Status) {
		a.finishRequest(r.Context(), key, nil)
	} else {
		a.finishRequest(r.Context(), key, rt.keepable(given))
	}
	w.WriteHeader(kept.status)
	_, _ = w.Write(kept.body.Bytes()) // a client that has gone finds the answer by its key
	return nil
}

// keepable is the answer as far as it may be kept. A secret is handed out once: its twin learns that it was.
func (rt route) keepable(given answer) *answer {
	if rt.secret && given.Status < 300 {
		return &answer{Status: given.Status}
	}
	given.Body = withoutLink(given.Body)
	return &given
}

// final says that the same request would get the same answer for ever. After any other, nothing was done.
func final(status int) bool { return status < 300 || status == http.StatusUnprocessableEntity }

// finishRequest keeps the answer, or gives the key back when there is none to keep, also when the client has gone.
func (a *API) finishRequest(ctx context.Context, key string, given *answer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var doc json.RawMessage
	var err error
	if given == nil {
		err = a.deps.Idempotency.ReleaseRequest(ctx, key)
	} else if doc, err = json.Marshal(given); err == nil {
		err = a.deps.Idempotency.FinishRequest(ctx, key, doc)
	}
	if err != nil {
		a.log.ErrorContext(ctx, "idempotency key not finished", "key", key, "err", err)
	}
}

func (a *API) replay(rt route, w http.ResponseWriter, doc json.RawMessage) error {
	var done answer
	if err := json.Unmarshal(doc, &done); err != nil {
		return fmt.Errorf("reading the answer that was kept: %w", err)
	}
	if rt.secret && done.Status < 300 {
		return errHandedOut
	}
	for name, value := range done.Header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(done.Status)
	_, _ = w.Write(done.Body)
	return nil
}

// keptWriter holds an answer back until it is kept.
type keptWriter struct {
	to     http.ResponseWriter // only for its deadlines
	header http.Header
	status int
	body   bytes.Buffer
}

// Unwrap is for http.ResponseController.
func (w *keptWriter) Unwrap() http.ResponseWriter { return w.to }
func (w *keptWriter) Header() http.Header         { return w.header }
func (w *keptWriter) WriteHeader(status int)      { w.status = status }
func (w *keptWriter) Write(p []byte) (int, error) { return w.body.Write(p) }

func (w *keptWriter) answer() answer {
	a := answer{Status: w.status, Header: map[string]string{}, Body: w.body.Bytes()}
	for _, name := range []string{"Content-Type", "Location", "ETag", "Preference-Applied"} {
		if v := w.header.Get(name); v != "" {
			a.Header[name] = v
		}
	}
	return a
}
