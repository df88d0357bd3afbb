// Package registryfake is a stand-in for a registry of images, which keeps them in memory. It has what an engine's push and pull need, and
// names without a slash only.
package registryfake

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"sync"
)

// Registry takes what is pushed, and gives it back, as the OCI distribution specification has it.
type Registry struct {
	mux *http.ServeMux

	mu        sync.Mutex // guards what follows
	uploads   map[string]*bytes.Buffer
	blobs     map[string][]byte // by digest
	manifests map[string]manifest
	user      string // "": it wants no login
	password  string
}

// manifest is known by name and tag, and by name and digest.
type manifest struct {
	mediaType string
	body      []byte
}

// New is an empty one.
func New() *Registry {
	mux := http.NewServeMux()
	r := &Registry{mux: mux, uploads: map[string]*bytes.Buffer{}, blobs: map[string][]byte{}, manifests: map[string]manifest{}}
	mux.HandleFunc("GET /v2/{$}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /v2/{name}/blobs/{digest}", r.look)
	mux.HandleFunc("POST /v2/{name}/blobs/uploads/{$}", r.begin)
	mux.HandleFunc("PATCH /v2/{name}/blobs/uploads/{id}", r.carryOn)
	mux.HandleFunc("PUT /v2/{name}/blobs/uploads/{id}", r.finish)
	mux.HandleFunc("PUT /v2/{name}/manifests/{reference}", r.keepManifest)
	mux.HandleFunc("GET /v2/{name}/manifests/{reference}", r.giveManifest)
	return r
}

// Want makes it answer only to that login.
func (r *Registry) Want(user, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.user, r.password = user, password
}

// Forget removes all images.
func (r *Registry) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.blobs)
	clear(r.manifests)
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	user, password := r.user, r.password
	r.mu.Unlock()
	if is, with, _ := req.BasicAuth(); user != "" && (is != user || with != password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return
	}
	r.mux.ServeHTTP(w, req)
}

// refuse answers with an error in the specification's form, by which an engine knows what it is told.
func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, message)
}

// look answers HEAD as well.
func (r *Registry) look(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	blob, there := r.blobs[req.PathValue("digest")]
	if !there {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(blob)))
	_, _ = w.Write(blob)
}

func (r *Registry) begin(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := fmt.Sprint(len(r.uploads) + 1)
	r.uploads[id] = &bytes.Buffer{}
	w.Header().Set("Location", req.URL.Path+id)
	w.WriteHeader(http.StatusAccepted)
}

func (r *Registry) carryOn(w http.ResponseWriter, req *http.Request) {
	if all := r.read(w, req); all != nil {
		w.Header().Set("Location", req.URL.Path)
		w.Header().Set("Range", fmt.Sprintf("0-%d", len(all)-1))
		w.WriteHeader(http.StatusAccepted)
	}
}

func (r *Registry) finish(w http.ResponseWriter, req *http.Request) {
	blob, want := r.read(w, req), req.URL.Query().Get("digest")
	switch {
	case blob == nil:
	case digestOf(blob) != want:
		http.Error(w, "DIGEST_INVALID", http.StatusBadRequest)
	default:
		r.mu.Lock()
		defer r.mu.Unlock()
		r.blobs[want] = bytes.Clone(blob)
		w.Header().Set("Docker-Content-Digest", want)
		w.WriteHeader(http.StatusCreated)
	}
}

// read adds a part to an upload, and returns all of it so far; nil when it has answered itself.
func (r *Registry) read(w http.ResponseWriter, req *http.Request) []byte {
	part, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.uploads[req.PathValue("id")]
	if err != nil || all == nil {
		http.Error(w, "BLOB_UPLOAD_UNKNOWN", http.StatusNotFound)
		return nil
	}
	all.Write(part)
	return all.Bytes()
}

func (r *Registry) keepManifest(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		http.Error(w, "MANIFEST_INVALID", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m, name := manifest{req.Header.Get("Content-Type"), body}, req.PathValue("name")+"@"
	r.manifests[name+req.PathValue("reference")], r.manifests[name+digestOf(body)] = m, m
	w.Header().Set("Docker-Content-Digest", digestOf(body))
	w.WriteHeader(http.StatusCreated)
}

// giveManifest answers HEAD as well: the containerd store asks whether a manifest is there before it pushes.
func (r *Registry) giveManifest(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, there := r.manifests[req.PathValue("name")+"@"+req.PathValue("reference")]
	if !there {
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
		return
	}
	w.Header().Set("Content-Type", m.mediaType)
	w.Header().Set("Docker-Content-Digest", digestOf(m.body))
	w.Header().Set("Content-Length", fmt.Sprint(len(m.body)))
	_, _ = w.Write(m.body)
}

func digestOf(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }
