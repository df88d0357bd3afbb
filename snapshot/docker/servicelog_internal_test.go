package docker

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/snapshot"
)

// framed is a frame of a log, with a time and a task's details in front of what was written.
func framed(stream byte, task, text string) string {
	text = "2026-11-29T03:42:00.000000001Z com.docker.swarm.node.id=n1,com.docker.swarm.service.id=s1,com.docker.swarm.task.id=" + task + " " + text
	return bare(stream, text)
}

func bare(stream byte, text string) string {
	head := make([]byte, 8)
	head[0] = stream
	binary.BigEndian.PutUint32(head[4:], uint32(len(text)))
	return string(head) + text
}

// TestLinesOfAServiceAreOfTheirTasks: also those that come in parts, with another task's between them.
func TestLinesOfAServiceAreOfTheirTasks(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 100)
	log := framed(1, "t1", "one a=b\n") + framed(1, "t1", long) + framed(1, "t2", "two\n") + framed(1, "t1", "the rest\n") + framed(2, "t1", "three\n") + framed(1, "t1", "four\n")
	var got []string
	r := &logReader{tasks: map[string]*taskLog{}, take: func(l snapshot.RawLine) error {
		stream := "out"
		if l.Stderr {
			stream = "err"
		}
		if l.At.IsZero() {
			t.Errorf("%q has no time", l.Text)
		}
		got = append(got, l.Task+" "+stream+" "+string(l.Text))
		return nil
	}}
	if err := r.read(bytes.NewBufferString(log), false); err != nil {
		t.Error(err)
	}
	want := []string{"t1 out one a=b", "t1 out " + long, "t2 out two", "t1 err three", "t1 out four"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

// TestTheManagersOwnWordIsNoLine: that a log is incomplete is told in a frame of its own, or, where there are none, in place of a line.
func TestTheManagersOwnWordIsNoLine(t *testing.T) {
	t.Parallel()
	const word = "Error grabbing logs: rpc error: warning: incomplete log stream. some logs could not be retrieved for the following reasons: node n2 is not available"
	for name, log := range map[string]string{"frames": bare(3, word+"\n"), "terminal": word + "\n"} {
		r := &logReader{tasks: map[string]*taskLog{}, take: func(l snapshot.RawLine) error {
			t.Errorf("%s: it is told as a line: %q", name, l.Text)
			return nil
		}}
		if err := r.read(bytes.NewBufferString(log), name == "terminal"); err == nil || !strings.Contains(err.Error(), incompleteLog) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
