package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// enginesOf reads the setting alone.
func enginesOf(value string) (string, string) {
	r := &reader{getenv: func(name string) string { return map[string]string{"SNAPBACK_ENGINES": value}[name] }}
	var read []string
	for _, e := range r.engines() {
		read = append(read, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.name, e.where, e.certs)))
	}
	if err := r.err(); err != nil {
		return "", err.Error()
	}
	return strings.Join(read, "; "), ""
}

func TestEnginesAreReadFromPairs(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"": "",
		"web=unix:///run/docker.sock, db-2=ssh://deploy@10.0.0.7:22": "web unix:///run/docker.sock; db-2 ssh://deploy@10.0.0.7:22",
		"a=tcp://10.0.0.8:2376,b=staging":                            "a tcp://10.0.0.8:2376; b staging",
	} {
		if got, err := enginesOf(value); got != want || err != "" {
			t.Errorf("%q is read as %q, %s", value, got, err)
		}
	}
}

func TestEveryFaultOfEnginesIsToldAtOnce(t *testing.T) {
	t.Parallel()
	_, got := enginesOf("web=ssh://root:hunter2@10.0.0.7,Web=tcp://10.0.0.8,web=npipe://x,db=unix://docker.sock,db=,c=my context,alone,db-swarm=tcp://10.0.0.9:2376")
	want := strings.Join([]string{
		"SNAPBACK_ENGINES: want name=where, such as web=ssh://deploy@10.0.0.7, with commas between them, or the whole path of a file",
		"SNAPBACK_ENGINES: web: want ssh://user@host, with a key instead of a password",
		`SNAPBACK_ENGINES: "Web" is no name for an engine: want up to 20 small letters, digits and dashes, such as web or db-2`,
		"SNAPBACK_ENGINES: Web: want tcp://host:port",
		"SNAPBACK_ENGINES: the name web stands twice",
		"SNAPBACK_ENGINES: web: want unix://, tcp://, ssh://user@host, or a Docker context's name",
		"SNAPBACK_ENGINES: db: want unix:// with the whole path of a socket, such as unix:///run/docker.sock",
		"SNAPBACK_ENGINES: the name db stands twice",
		"SNAPBACK_ENGINES: db: where it is is missing: unix://, tcp://, ssh://user@host, or a Docker context",
		"SNAPBACK_ENGINES: c: want unix://, tcp://, ssh://user@host, or a Docker context's name",
		"SNAPBACK_ENGINES: the name db-swarm is that of db's Swarm, should it manage one: choose another name",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEnginesAreReadFromAFileAndFaultsNameItsLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "engines.yaml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("web: ssh://deploy@10.0.0.7\ndb:\n  where: tcp://10.0.0.8:2376\n  certs: /etc/snapback/db\n")
	if got, err := enginesOf(path); got != "web ssh://deploy@10.0.0.7; db tcp://10.0.0.8:2376 /etc/snapback/db" {
		t.Errorf("it is read as %q, %s", got, err)
	}
	write("web: ssh://deploy@10.0.0.7\nother: ssh://deploy@10.0.0.7\ndb:\n  were: tcp://10.0.0.8:2376\nlocal:\n  where: unix:///run/docker.sock\n  certs: /etc/x\n")
	_, got := enginesOf(path)
	want := strings.Join([]string{
		path + ":3: db: \"were\" is unknown: there are where and certs",
		path + ":2: other: another name has the same engine",
		path + ":5: local: certs are for tcp:// only",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	write("{}\n")
	if _, got := enginesOf(path); got != path+": want lines such as web: ssh://deploy@10.0.0.7" {
		t.Errorf("a file that names none: %s", got)
	}
	if _, got := enginesOf(path + ".none"); !strings.Contains(got, "no such file") {
		t.Errorf("a file that is not there: %s", got)
	}
}

func TestFaultsOfEnginesNameTheLineOfTheSettings(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"alone", "web=my context", "/none/engines.yaml"} {
		r := &reader{
			getenv: func(name string) string { return map[string]string{"SNAPBACK_ENGINES": value}[name] },
			place:  func(setting string) string { return "config.yaml:7" },
		}
		r.engines()
		if err := r.err(); err == nil || !strings.HasPrefix(err.Error(), "config.yaml:7: SNAPBACK_ENGINES: ") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestWhatNamesAnotherEngineBesideEnginesIsTold(t *testing.T) {
	t.Parallel()
	getenv := func(name string) string { return map[string]string{"DOCKER_HOST": "x", "DOCKER_CONTEXT": "y"}[name] }
	if got := unusedWithEngines([]engineAt{{name: "web"}}, getenv); len(got) != 2 || got[1] != "DOCKER_CONTEXT" {
		t.Errorf("of several: %q", got)
	}
	if got := unusedWithEngines([]engineAt{{}}, getenv); len(got) != 0 {
		t.Errorf("of the only one: %q", got)
	}
}

func TestDoctorWarnsOfAnEngineThatIsSpokenToInTheClear(t *testing.T) {
	t.Parallel()
	for where, warned := range map[string]bool{
		"tcp://192.0.2.1:2375": true, "tcp://engine.invalid:2375": true, "tcp://127.0.0.1:1": false, "tcp://[::1]:1": false, "tcp://localhost:1": false,
		"unix:///none.sock": false, "ssh://192.0.2.1": false,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nothing has to answer
		found, err := checkConnection(ctx, engineAt{name: "web", where: where})
		if got := errors.As(err, new(caution)); got != warned || got == (found != "") {
			t.Errorf("%s: %q, %v", where, found, err)
		}
	}
}

func TestEngineIsTheSameForEveryBotAtTheSameAddress(t *testing.T) {
	t.Parallel()
	for where, want := range map[string]string{
		"tcp://10.0.0.8:2376": "tcp://10.0.0.8:2376", "ssh://deploy@10.0.0.7": "ssh://deploy@10.0.0.7",
		"ssh://deploy@localhost:2222": "", "tcp://127.0.0.1:2375": "", "unix:///run/docker.sock": "", "staging": "", "": "",
	} {
		if got := (engineAt{where: where}).address(); got != want {
			t.Errorf("%s: %q", where, got)
		}
	}
}
