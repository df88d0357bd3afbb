package main

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/snapback/snapback/snapshot/restore"
)

// staticProgram builds the program as it is shipped, since the helper container has nothing but it.
func staticProgram(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapback")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v: %s", err, out)
	}
	return path
}

// movingNight has a container with a volume of many files, and bots in processes of their own.
type movingNight struct {
	*crash
	binary string
	image  string
	volume string
}

const movedFiles = 3000

func newMovingNight(t *testing.T) *movingNight {
	t.Helper()
	n := newNight(t)
	n.env["SNAPBACK_BASELINE_AFTER"] = "1h"
	n.env["SNAPBACK_SECRET_KEYS"] = "a:" + base64.StdEncoding.EncodeToString(make([]byte, 32))
	n.env["SNAPBACK_DISK_LIMIT"] = "99"
	m := &movingNight{crash: &crash{night: n, direct: n.env["DATABASE_URL"], name: n.Name("api")}, binary: staticProgram(t), volume: n.Name("data")}
	m.openStore()
	m.image = n.Image("good", `CMD ["/app"]`)
	m.boot()
	m.run("V=good")
	m.fill("good")
	m.snapshot()
	n.Docker("rm", "-f", m.name)
	m.run("V=bad")
	m.fill("bad")
	t.Cleanup(func() { // its image is named after the program
		if refs := n.Docker("images", "-q", "--filter", "reference=snapback-helper", "--filter", "label=snapback.helper=image"); refs != "" {
			_, _ = n.Try("rmi", m.helper())
		}
	})
	return m
}

// helper is the name of the image that this program has made.
func (m *movingNight) helper() string {
	sum, err := exec.Command("sha256sum", m.binary).Output()
	if err != nil || len(sum) < 16 {
		m.t.Errorf("summing up the program: %v", err)
		return ""
	}
	return "snapback-helper:" + string(sum[:16])
}

func (m *movingNight) run(env string) {
	m.t.Helper()
	m.deploy(env, "--volume", m.volume+":/data", "--label", "snapback.volumes=true", m.image)
}

// fill puts files into the volume that all say the same word, and one that no other word has.
func (m *movingNight) fill(word string) {
	m.t.Helper()
	dir := m.t.TempDir()
	for i := range movedFiles {
		text := bytes.Repeat(fmt.Appendf(nil, "%s %d\n", word, i), 300)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), text, 0o644); err != nil {
			m.t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "only-"+word), nil, 0o644); err != nil {
		m.t.Fatal(err)
	}
	m.Docker("cp", dir+"/.", m.name+":/data/")
}

func (m *movingNight) boot() {
	m.t.Helper()
	p := &process{t: m.t, cmd: exec.Command(m.binary, "serve"), dataDir: m.env["SNAPBACK_DATA_DIR"], log: &syncBuffer{news: make(chan struct{})}, ended: make(chan struct{})}
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + m.t.TempDir()}
	for name, value := range m.env {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	go func() { defer close(p.ended); _ = p.cmd.Wait() }() // ends with the process, which end and kill wait for
	m.t.Cleanup(p.end)
	p.awaitReady()
	m.first = p
}

// held is the word that all files of the running container's volume say; it fails the test when they don't all say the
// same, or some are missing or left over.
func (m *movingNight) held() string {
	m.t.Helper()
	out, err := exec.Command("docker", "cp", m.name+":/data/.", "-").Output()
	if err != nil {
		m.t.Fatal(err)
	}
	words, files, markers := map[string]int{}, 0, map[string]bool{}
	for r := tar.NewReader(bytes.NewReader(out)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			m.t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			m.t.Fatal(err)
		}
		if name := filepath.Base(h.Name); len(text) == 0 && h.Typeflag == tar.TypeReg {
			markers[name] = true
		} else if word, _, found := bytes.Cut(text, []byte(" ")); found {
			words[string(word)]++
			files++
		}
	}
	for word, n := range words {
		if n == movedFiles && files == movedFiles && markers["only-"+word] {
			return word
		}
	}
	m.t.Fatalf("the volume holds %v of %d files, %v", words, movedFiles, markers)
	return ""
}

// ask restores with volumes, or undoes that, and may be killed before it answers.
func (m *movingNight) ask(undo int64) int64 {
	m.t.Helper()
	before := m.latest()
	method, path, body := "PATCH", "/containers/"+m.name+"/snapshots/"+crashSnapshot, `{"volumes":true}`
	if undo != 0 {
		method, path, body = "POST", fmt.Sprintf("/restores/%d/undo", undo), ""
	}
	status, answer, err := m.first.call(method, path, body, "Prefer", "respond-async")
	if err == nil && status != http.StatusAccepted {
		m.t.Fatalf("%s %s: %d %s", method, path, status, answer)
	}
	return m.opened(m.first, before)
}

// TestBotKilledWhileVolumesAreMovedLeavesNoHalves kills bots at random moments, SNAPBACK_CRASHES of them.
func TestBotKilledWhileVolumesAreMovedLeavesNoHalves(t *testing.T) {
	needsCrashes(t)
	m := newMovingNight(t)
	crashes := 6
	if n, err := strconv.Atoi(os.Getenv("SNAPBACK_CRASHES")); err == nil {
		crashes = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	moments := rand.New(rand.NewPCG(seed, 0))
	undoable, want := int64(0), "bad"
	for range crashes {
		bot := m.first
		moment := time.Duration(moments.Int64N(int64(4 * time.Second)))
		timer := time.AfterFunc(moment, bot.kill)
		id := m.ask(undoable)
		<-bot.ended
		timer.Stop()
		state := restore.State("never asked for")
		m.boot()
		if id != 0 {
			begun := time.Now()
			r := m.over(id)
			if state = r.State; state != restore.Verified {
				t.Fatalf("killed after %s: %s: %s", moment, r.State, r.Error)
			}
			want = map[string]string{"good": "bad", "bad": "good"}[want]
			undoable = 0
			if r.Kind == restore.Restoring {
				undoable = r.ID
			}
			t.Logf("killed after %s: %s %s, over %s after the next start", moment, r.Kind, r.State, time.Since(begun))
		}
		if got := m.held(); got != want {
			t.Fatalf("killed after %s, %s: the volume holds what is %s, want %s", moment, state, got, want)
		}
		if env := m.Docker("inspect", "-f", "{{json .Config.Env}}", m.name); !bytes.Contains([]byte(env), []byte("V="+want)) {
			t.Errorf("the container is %s, want %s", env, want)
		}
		if left := m.Docker("ps", "-aq", "--filter", "label=snapback.helper", "--filter", "volume="+m.volume); left != "" {
			t.Errorf("helpers are left: %s", left)
		}
	}
}
