package terminal_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/terminal"
)

func TestOutputIsRecordedAndInputIsNot(t *testing.T) {
	t.Parallel()
	n := setup(t)
	b := n.shell()
	b.typeIn("stty -echo; echo si''lent; read secret; stty echo; echo got it: ${#secret} 漢字\n")
	within(t, time.Minute, "the prompt is silent", func() bool { return b.saw("silent") })
	b.typeIn("hunter2\n")
	within(t, time.Minute, "the answer is shown", func() bool { return b.saw("got it: 7 漢字") })
	within(t, time.Minute, "the answer is recorded", func() bool { return strings.Contains(wantAsciicast(t, n.recording()), "got it: 7 漢字") })
	if cast := n.recording(); strings.Contains(wantAsciicast(t, cast), "hunter2") || strings.Contains(cast, "hunter2") {
		t.Errorf("recording:\n%s", cast)
	}
}

func (n *night) recording() string {
	n.t.Helper()
	id, _ := n.timeline.last(incidents.KindTerminalShell).Details["recording"].(string)
	var out bytes.Buffer
	if err := n.store.ReadRecording(n.t.Context(), id, &out); err != nil {
		n.t.Fatal(err)
	}
	return out.String()
}

// wantAsciicast checks the form, and returns what the recording shows; the shell's output is cut into events anywhere.
func wantAsciicast(t *testing.T, cast string) (shown string) {
	t.Helper()
	lines := bufio.NewScanner(strings.NewReader(cast))
	lines.Scan()
	var head struct {
		Version int
		Term    struct{ Cols, Rows int }
	}
	if err := json.Unmarshal(lines.Bytes(), &head); err != nil || head.Version != 3 || head.Term.Cols != 80 || head.Term.Rows != 24 {
		t.Errorf("header %s: %v", lines.Text(), err)
	}
	for lines.Scan() {
		var event []any
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil || len(event) != 3 || event[0].(float64) < 0 {
			t.Fatalf("event %s: %v", lines.Text(), err)
		}
		if event[1] == "o" {
			shown += event[2].(string)
		}
	}
	return shown
}

func TestRecordingIsSealedPieceByPiece(t *testing.T) {
	t.Parallel()
	n := setup(t)
	b := n.shell()
	b.typeIn("echo ho''rse battery\n")
	within(t, time.Minute, "the answer is shown", func() bool { return b.saw("horse battery") })
	var stored []byte
	if err := n.store.pool.QueryRow(t.Context(), `SELECT string_agg(chunk, '') FROM recording_chunks`).Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(stored, []byte("battery")) {
		t.Errorf("the database holds %q", stored)
	}
	// What was shown once does not pass for what was shown later.
	_, err := n.store.pool.Exec(t.Context(), `INSERT INTO recording_chunks (recording_id, seq, chunk)
		SELECT recording_id, seq + 1000, chunk FROM recording_chunks WHERE seq = 1`)
	if err != nil {
		t.Fatal(err)
	}
	shell, _ := n.timeline.last(incidents.KindTerminalShell).Details["recording"].(string)
	if err := n.store.ReadRecording(t.Context(), shell, io.Discard); !errors.Is(err, keyring.ErrTampered) {
		t.Errorf("a repeated chunk: %v", err)
	}
}

func TestRecordingIsAppendOnly(t *testing.T) {
	t.Parallel()
	n := setup(t)
	id, have := n.session(access.ModeShell)
	n.connect(id, have).startShell()
	for _, sql := range []string{`UPDATE recording_chunks SET chunk = ''`, `DELETE FROM recording_chunks`, `TRUNCATE recording_chunks`} {
		if _, err := n.store.pool.Exec(t.Context(), sql); err == nil {
			t.Errorf("%s succeeded", sql)
		}
	}
}

func (n *night) recordedEnd(text string) bool { return strings.Contains(n.recording(), text) }

func (n *night) recorded() (size int64) {
	_ = n.store.pool.QueryRow(context.Background(), `SELECT coalesce(sum(octet_length(chunk)), 0) FROM recording_chunks`).Scan(&size)
	return size
}

func TestShellOutlivesItsRecording(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.MaxRecording = 100_000 })
	b := n.shell()
	// More than is recorded, and less than a viewer may be behind before it is shown to be cut off.
	b.typeIn("head -c 40000 /dev/zero | od -v; echo go''es on\n")
	within(t, time.Minute, "the shell goes on", func() bool { return b.saw("goes on") })
	within(t, time.Minute, "the person is told", func() bool { return strings.Contains(b.message(), "The recording has reached its largest size") })
	cast := n.recording()
	if len(cast) > 100_000 || len(cast) < 60_000 || !strings.HasSuffix(strings.TrimSpace(wantAsciicast(t, cast)), "The recording ends here, at its largest size. The shell went on.\x1b[0m") {
		t.Errorf("%d bytes are recorded, which end with %q", len(cast), cast[max(0, len(cast)-300):])
	}
	if e := n.timeline.last(incidents.KindTerminalCastFull); !strings.Contains(e.Summary, "Ada Example") || e.Details["recording"] == "" {
		t.Errorf("the timeline says %+v", e)
	}
	if said := strings.Count(cast, `"m"`); said != 1 {
		t.Errorf("%d markers", said)
	}
	b.typeIn("exit\n")
	within(t, time.Minute, "the shell ends as ever", func() bool { return b.shellIs("ended") && b.message() == "The shell exited with code 0." })
}

// TestAFullRecordingIsToldOnThePage also while the shell runs.
func TestAFullRecordingIsToldOnThePage(t *testing.T) {
	t.Parallel()
	n := setup(t, func(c *terminal.Config) { c.MaxRecording = 100_000 })
	p := newPhone(t)
	n.atPrompt(p)
	p.typeIn("head -c 40000 /dev/zero | od -v")
	p.enter()
	p.yes("it is told", `document.querySelector('#banner').innerText.includes('The recording has reached its largest size')`)
}

func TestTheEndOfASessionSaysWhatItsRecordingHolds(t *testing.T) {
	t.Parallel()
	n := setup(t)
	b := n.shell()
	b.typeIn("while :; do echo mo''re; done\n") // it shows more while the session ends
	within(t, time.Minute, "the answer is shown", func() bool { return b.saw("more") })
	if err := n.svc.EndForIncident(t.Context(), n.incident); err != nil {
		t.Fatal(err)
	}
	var end struct{ Recordings []incidents.Sealed }
	if err := json.Unmarshal(n.timeline.last(incidents.KindTerminalEnded).Document, &end); err != nil || len(end.Recordings) != 1 {
		t.Fatalf("it says %v, %v", n.timeline.last(incidents.KindTerminalEnded).Details, err)
	}
	said := end.Recordings
	text := n.recording()
	want := incidents.Sealed{ID: said[0].ID, Chunks: strings.Count(text, "\n"), Bytes: int64(len(text)), SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(text)))}
	if said[0] != want || said[0].ID != n.timeline.last(incidents.KindTerminalShell).Details["recording"] {
		t.Errorf("it says %+v, and there is %+v", said[0], want)
	}
	if err := n.store.AppendRecording(t.Context(), said[0].ID, 100000, []byte("{}\n")); !errors.Is(err, terminal.ErrSessionOver) {
		t.Errorf("adding to it afterwards: %v", err)
	}
}

// TestALostAnswerCostsNothing has the store take another size, and then output, and not say so: each is in the recording once, and the shell
// goes on.
func TestALostAnswerCostsNothing(t *testing.T) {
	t.Parallel()
	n := setup(t)
	b := n.shell()
	n.store.lose(`"91x31"`)
	b.say(`{"type":"resize","cols":91,"rows":31}`)
	within(t, time.Minute, "the answer is lost", func() bool { return n.store.lost.Load() == nil })
	b.typeIn("echo af''ter\n")
	within(t, time.Minute, "the shell goes on", func() bool { return b.saw("after") })
	n.store.lose("unheard")
	b.typeIn("echo un''heard\n")
	within(t, time.Minute, "the shell goes on", func() bool { return b.saw("unheard") })
	cast := n.recording()
	if shown := wantAsciicast(t, cast); strings.Count(cast, `"r","91x31"`) != 1 || strings.Count(shown, "unheard") != 1 {
		t.Errorf("the recording is\n%s", cast)
	}
	id, _ := n.timeline.last(incidents.KindTerminalShell).Details["recording"].(string)
	if err := n.store.AppendRecording(t.Context(), id, 0, []byte("another")); err == nil {
		t.Error("another chunk was taken under the same number")
	}
}
