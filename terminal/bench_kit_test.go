package terminal_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"github.com/snapback/snapback/internal/pgserver"
)

// benchPrompt is one that no output looks like.
const benchPrompt = "at-the-prompt> "

// durable is a Postgres that forces to the disk what it is told, as the bot's does and the tests' does not.
func durable(b *testing.B) {
	b.Helper()
	dir, err := os.MkdirTemp("", "sbbench")
	if err != nil {
		b.Fatal(err)
	}
	srv, err := pgserver.Start(b.Context(), pgserver.Config{Dir: filepath.Join(dir, "pg")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(srv.Stop(context.Background()), os.RemoveAll(dir)); err != nil {
			b.Error(err)
		}
	})
	b.Setenv("DATABASE_URL", srv.URL())
}

// figures are durations of the same thing.
type figures []time.Duration

func (f figures) at(p int) time.Duration {
	f = slices.Sorted(slices.Values(f))
	return f[min(len(f)*p/100, len(f)-1)]
}

func (f figures) String() string {
	return fmt.Sprintf("n=%d p50=%s p99=%s max=%s", len(f), f.at(50).Round(time.Microsecond), f.at(99).Round(time.Microsecond), f.at(100).Round(time.Microsecond))
}

// sought looks for a text in what comes in pieces, and forgets what came before it.
type sought struct{ tail []byte }

func (s *sought) found(text string, p []byte) bool {
	s.tail = append(s.tail, p...)
	if at := bytes.Index(s.tail, []byte(text)); at >= 0 {
		s.tail = append([]byte(nil), s.tail[at+len(text):]...)
		return true
	}
	s.tail = append([]byte(nil), s.tail[max(0, len(s.tail)-len(text)):]...)
	return false
}

// stream is a browser that shows nothing. It reads while it waits for something, and connects anew as the page does.
type stream struct {
	n      *night
	id     string
	have   http.Header
	conn   *websocket.Conn
	by     string
	shell  string // which runs
	state  string
	epoch  string
	next   int64 // byte of the output
	number int
	pace   time.Duration // between what it takes; 0: as fast as it can
	again  int           // times that it has connected anew
	missed int64         // bytes
	seen   sought
	piece  bytes.Buffer
}

func (s *stream) connect() {
	s.n.t.Helper()
	if s.by == "" {
		s.by = rand.Text()
	}
	s.conn = s.n.dialAs(s.by, s.have)
	s.say(fmt.Sprintf(`{"type":"hello","session":%q,"by":%q,"epoch":%q,"have":{"output":%d}}`, s.id, s.by, s.epoch, s.next))
}

func (s *stream) say(text string) {
	s.n.t.Helper()
	if err := s.conn.Write(s.n.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		s.n.t.Fatal(err)
	}
}

func (s *stream) typeIn(text string) {
	s.n.t.Helper()
	s.number++
	m, err := json.Marshal(map[string]any{"type": "typed", "by": s.by, "number": s.number, "run": s.shell, "text": text})
	if err != nil {
		s.n.t.Fatal(err)
	}
	s.say(string(m))
}

// read is the next message, which is good until the one after it.
func (s *stream) read() (websocket.MessageType, []byte, error) {
	kind, r, err := s.conn.Reader(s.n.t.Context())
	if err == nil {
		s.piece.Reset()
		_, err = s.piece.ReadFrom(r)
	}
	return kind, s.piece.Bytes(), err
}

// take is the next piece of output; empty when something else was said.
func (s *stream) take() []byte {
	s.n.t.Helper()
	kind, p, err := s.read()
	if websocket.CloseStatus(err) == 4002 {
		s.again++
		s.connect()
		return nil
	}
	if err != nil {
		s.n.t.Fatal(err)
	}
	if kind == websocket.MessageText {
		s.told(p)
		return nil
	}
	if s.pace > 0 {
		<-time.After(s.pace) // it is slow: that is what is measured
	}
	at := int64(binary.BigEndian.Uint64(p))
	s.missed += at - s.next
	s.next = at + int64(len(p)-8)
	return p[8:]
}

func (s *stream) told(p []byte) {
	var m struct {
		Epoch  string
		Type   string
		Status *struct{ Shell, Run, Message string }
	}
	if err := json.Unmarshal(p, &m); err != nil {
		s.n.t.Fatal(err)
	}
	if m.Type == "hello" {
		s.epoch = m.Epoch
	}
	if m.Status != nil {
		s.state, s.shell = m.Status.Shell, m.Status.Run
	}
	if s.state == "ended" || m.Type == "refused" {
		s.n.t.Fatalf("the shell has ended: %s", p)
	}
}

func (s *stream) running() {
	s.n.t.Helper()
	for s.state != "running" {
		s.take()
	}
}

// until reads on until a text comes, and says when that was.
func (s *stream) until(text string) time.Time {
	s.n.t.Helper()
	for p := []byte(nil); !s.seen.found(text, p); {
		p = s.take()
	}
	return time.Now()
}

func (s *stream) run(command, says string) {
	s.n.t.Helper()
	s.typeIn(command + "\r")
	s.until(says)
}

func (s *stream) echo(key string) time.Duration {
	s.n.t.Helper()
	began := time.Now()
	s.typeIn(key)
	return s.until(key).Sub(began)
}

// cat is from the first to the last byte of the file.
func (s *stream) cat() time.Duration {
	s.n.t.Helper()
	s.typeIn("echo be''gin; cat /big; echo do''ne\r")
	began := s.until("begin\r\n")
	return s.until("done\r\n").Sub(began)
}

// docker runs a command in the container.
func (n *night) docker(command ...string) {
	n.t.Helper()
	if out, err := exec.Command("docker", append([]string{"exec", n.name}, command...)...).CombinedOutput(); err != nil {
		n.t.Fatalf("%v: %s", err, out)
	}
}

// catByDocker is what cat is to a browser, by docker exec -t.
func (n *night) catByDocker() time.Duration {
	n.t.Helper()
	cmd := exec.Command("docker", "exec", "-t", n.name, "sh", "-c", "echo be''gin; cat /big; echo do''ne")
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	s := &pipe{t: n.t, out: out}
	began := s.until("begin\r\n")
	took := s.until("done\r\n").Sub(began)
	if err := cmd.Wait(); err != nil {
		n.t.Fatal(err)
	}
	return took
}

// pipe is what docker exec shows, and what is typed to it.
type pipe struct {
	t    testing.TB
	in   io.Writer
	out  io.Reader
	seen sought
}

// dockerShell is docker exec -it at the prompt, on a terminal as people have.
func (n *night) dockerShell() *pipe {
	n.t.Helper()
	ours, theirs := openTerminal(n.t)
	cmd := exec.Command("docker", "exec", "-it", "-e", "PS1="+benchPrompt, n.name, "sh")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	p := &pipe{t: n.t, in: ours, out: ours}
	p.until(benchPrompt)
	return p
}

// openTerminal is both ends of a terminal, after pts(4).
func openTerminal(t testing.TB) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() })
	return ours, theirs
}

func (p *pipe) typeIn(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, text); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pipe) until(text string) time.Time {
	p.t.Helper()
	chunk := make([]byte, 64<<10)
	for n := 0; !p.seen.found(text, chunk[:n]); {
		var err error
		if n, err = p.out.Read(chunk); n == 0 && err != nil {
			p.t.Fatalf("docker exec has ended without %q: %v", text, err)
		}
	}
	return time.Now()
}

func (p *pipe) run(command, says string) {
	p.t.Helper()
	p.typeIn(command + "\r")
	p.until(says)
}

func (p *pipe) echo(key string) time.Duration {
	p.t.Helper()
	began := time.Now()
	p.typeIn(key)
	return p.until(key).Sub(began)
}
