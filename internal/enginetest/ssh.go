package enginetest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/internal/testkit"
)

// SSH is a real sshd of a test's own, behind a line that can be cut.
type SSH struct {
	Address string // user@host:port, for ssh://

	t       testing.TB
	listens net.Listener
	server  string
	wg      sync.WaitGroup

	mu    sync.Mutex // guards what follows
	cut   bool
	conns map[net.Conn]bool
}

// StartSSH starts one, and puts an ssh program first in PATH that knows it and its key, so that the test can't be parallel. All of it
// ends with the test, which is skipped where the programs are not installed.
func StartSSH(t testing.TB) *SSH {
	t.Helper()
	sshd := "/usr/sbin/sshd"
	if _, err := os.Stat(sshd); err != nil {
		t.Skip("no sshd here: scripts/setup ssh installs it")
	}
	ssh, err := exec.LookPath("ssh")
	if err != nil {
		t.Skip("no ssh here: scripts/setup ssh installs it")
	}
	dir := t.TempDir()
	s := &SSH{t: t, server: fmt.Sprintf("127.0.0.1:%d", testkit.FreePort(t)), conns: map[net.Conn]bool{}}
	s.line()
	_, port, _ := net.SplitHostPort(s.listens.Addr().String())
	writeSSH(t, dir, ssh, s.server, port)
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	startSSHD(t, sshd, filepath.Join(dir, "sshd_config"), s.server)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s.Address = me.Username + "@127.0.0.1:" + port
	return s
}

// writeSSH writes keys and settings for a server at an address, which is reached through a port of this machine.
func writeSSH(t testing.TB, dir, ssh, server, port string) {
	t.Helper()
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, key := range []string{"host", "user"} {
		if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file(key)).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen: %v: %s", err, out)
		}
	}
	host, err := os.ReadFile(file("host.pub"))
	if err != nil {
		t.Fatal(err)
	}
	_, listens, _ := net.SplitHostPort(server)
	for name, text := range map[string]string{
		"sshd_config": fmt.Sprintf(`ListenAddress 127.0.0.1:%s
HostKey %s
AuthorizedKeysFile %s
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
MaxStartups 100
MaxSessions 100
`, listens, file("host"), file("user.pub")),
		"known_hosts": fmt.Sprintf("[127.0.0.1]:%s %s", port, host),
		"ssh_config":  fmt.Sprintf("IdentityFile %s\nIdentitiesOnly yes\nUserKnownHostsFile %s\n", file("user"), file("known_hosts")),
		"ssh":         fmt.Sprintf("#!/bin/sh\nexec %s -F %s \"$@\"\n", ssh, file("ssh_config")),
	} {
		if err := os.WriteFile(file(name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

func startSSHD(t testing.TB, program, config, address string) {
	t.Helper()
	if os.Geteuid() == 0 {
		_ = os.MkdirAll("/run/sshd", 0o755) // where it locks its children in; as root, it does not start without
	}
	var log bytes.Buffer
	cmd := exec.Command(program, "-D", "-e", "-f", config)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("sshd says:\n%s", log.String())
		}
	})
	for range 1200 { // a minute
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("sshd has ended: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("sshd does not listen")
}

// line passes on what comes to a port, until the test ends.
func (s *SSH) line() {
	s.t.Helper()
	var err error
	if s.listens, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = s.listens.Close()
		s.Cut()
		s.wg.Wait()
	})
	s.wg.Go(func() {
		for {
			conn, err := s.listens.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.pass(conn) })
		}
	})
}

func (s *SSH) pass(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", s.server)
	if err != nil {
		return
	}
	defer far.Close()
	if !s.hold(near) {
		return
	}
	defer s.drop(near)
	s.wg.Go(func() {
		_, _ = io.Copy(far, near)
		_ = far.Close()
	})
	_, _ = io.Copy(near, far)
}

func (s *SSH) hold(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[conn] = true
	return !s.cut
}

func (s *SSH) drop(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// Cut ends all connections, and every new one at once, until Mend.
func (s *SSH) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = true
	for conn := range s.conns {
		_ = conn.Close()
	}
}

// Mend lets new connections pass again.
func (s *SSH) Mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = false
}
