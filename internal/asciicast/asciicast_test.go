package asciicast_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/internal/asciicast"
)

const second = `{"version":2,"width":80,"height":24,"timestamp":1504467315,"title":"Shell in api","env":{"TERM":"xterm-256color"}}
[0.25, "o", "one"]
[1.5,"o","two"]
[3.000001,"m","three"]
`

const third = `{"version":3,"term":{"cols":80,"rows":24,"type":"xterm-256color"},"timestamp":1504467315,"title":"Shell in api"}
# a comment
[0.25,"o","one"]
[1.25,"o","two"]

[1.500001,"m","three"]
[0.5,"x","0"]
`

// transcribe hands text over in pieces of one byte as well.
func transcribe(t *testing.T, text string, marks ...asciicast.Mark) string {
	t.Helper()
	var whole, pieces bytes.Buffer
	for out, in := range map[*bytes.Buffer]io.Reader{&whole: strings.NewReader(text), &pieces: iotest.OneByteReader(strings.NewReader(text))} {
		to := asciicast.Transcribe(out, marks)
		if _, err := io.Copy(to, in); err != nil {
			t.Fatal(err)
		}
		if err := to.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(whole.String(), pieces.String()); diff != "" {
		t.Errorf("in pieces it is another one:\n%s", diff)
	}
	return whole.String()
}

func TestMarksStandWhereTheyHappened(t *testing.T) {
	t.Parallel()
	marks := []asciicast.Mark{{3500 * time.Millisecond, "after"}, {-time.Hour, "before"}, {time.Second, "between"}, {2 * time.Hour, "long after"}}
	want := `{"version":3,"term":{"cols":80,"rows":24,"type":"xterm-256color"},"timestamp":1504467315,"title":"Shell in api"}
[0.000000,"m","before"]
[0.250000,"o","one"]
[0.750000,"m","between"]
[0.500000,"o","two"]
[1.500001,"m","three"]
[0.499999,"m","after"]
`
	if diff := cmp.Diff(want, strings.Replace(transcribe(t, second, marks...), `"o", "one"`, `"o","one"`, 1)); diff != "" {
		t.Errorf("of version 2 (-want +got):\n%s", diff)
	}
	want = strings.Replace(want, `[0.499999,"m","after"]`, `[0.499999,"m","after"]`+"\n"+`[0.000001,"x","0"]`, 1)
	if diff := cmp.Diff(want, transcribe(t, third, marks...)); diff != "" {
		t.Errorf("of version 3 (-want +got):\n%s", diff)
	}
}

func TestWhatIsWrittenIsAsTheFormatWantsIt(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"2": second, "3": third} {
		if err := valid(transcribe(t, text, asciicast.Mark{At: time.Second, Label: `a "label"` + "\n"})); err != nil {
			t.Errorf("of version %s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"two": second, "none": "first\n", "a number": `{"version":3,"term":{"cols":1,"rows":1}}` + "\n" + `["1","o","x"]`,
	} {
		if valid(text) == nil {
			t.Errorf("%s counts as valid: the check sees nothing", name)
		}
	}
}

func TestWhatIsNoAsciicastStaysAsItIs(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "first\nsecond\nthird", `{"version":4}` + "\n[1]\n", "no line"} {
		if got := transcribe(t, text, asciicast.Mark{}); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	const head = `{"version":3,"term":{"cols":1,"rows":1}}` + "\n"
	for _, line := range []string{"what", `["o","x"]`, "[1]", "[1e300,\"o\",\"\"]", "[NaN,0]", ",", `[1,"o","cut`} {
		if got := transcribe(t, head+line); !strings.HasPrefix(got, head+"# not an event: ") {
			t.Errorf("%q is taken for an event: %s", line, got)
		}
	}
}

func TestTheSumOfManyIntervalsIsTheTime(t *testing.T) {
	t.Parallel()
	var clock asciicast.Clock
	var sum time.Duration
	at := time.Duration(0)
	for range 100_000 {
		at += 333_333_333 * time.Nanosecond / 1000
		line, err := clock.Line(at, asciicast.Output, "x")
		if err != nil {
			t.Fatal(err)
		}
		seconds, _, _ := strings.Cut(string(line[1:]), ",")
		d, err := time.ParseDuration(seconds + "s")
		if err != nil {
			t.Fatal(err)
		}
		sum += d
	}
	if off := at - sum; off < 0 || off >= time.Microsecond {
		t.Errorf("off by %v", off)
	}
}

func FuzzTranscribe(f *testing.F) {
	f.Add(second, int64(5))
	f.Add(third, int64(-5))
	f.Fuzz(func(t *testing.T, text string, at int64) {
		var out bytes.Buffer
		to := asciicast.Transcribe(&out, []asciicast.Mark{{At: time.Duration(at), Label: text}})
		_, err := io.WriteString(to, text)
		if err := errors.Join(err, to.Close()); err != nil {
			t.Fatal(err)
		}
		var h asciicast.Header
		if first, _, whole := strings.Cut(out.String(), "\n"); !whole || json.Unmarshal([]byte(first), &h) != nil || h.Version != asciicast.Version {
			return // no asciicast came
		}
		for line := range strings.Lines(out.String()) {
			if !strings.HasSuffix(line, "\n") {
				t.Errorf("a line that is cut: %q", line)
			}
		}
	})
}

// valid holds a recording against the format's description.
func valid(text string) error {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	var h struct {
		Version int
		Term    struct{ Cols, Rows int }
	}
	if err := json.Unmarshal([]byte(lines[0]), &h); err != nil || h.Version != 3 || h.Term.Cols < 1 || h.Term.Rows < 1 {
		return fmt.Errorf("the header is %q: %w", lines[0], err)
	}
	for _, line := range lines[1:] {
		var e []any
		if err := json.Unmarshal([]byte(line), &e); err != nil || len(e) != 3 {
			return fmt.Errorf("%q is no event: %w", line, err)
		}
		seconds, isNumber := e[0].(float64)
		code, isText := e[1].(string)
		_, isData := e[2].(string)
		if !isNumber || seconds < 0 || !isText || !isData || !strings.Contains("oirmx", code) {
			return fmt.Errorf("%q is no event", line)
		}
	}
	return nil
}
