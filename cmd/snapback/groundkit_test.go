package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/testkit"
)

// postmaster is a Postgres server of a test's own that nobody starts again, reached by TCP and with a password.
type postmaster struct {
	t      *testing.T
	dir    string // its data are in a folder below, and its socket and log here
	port   int
	bin    string
	keeper *exec.Cmd
	orders io.WriteCloser
}

// pgPassword is the first password of the account snapback.
const pgPassword = "the first one"

// pgKeeper runs a server, and ends it as its input says, or at once when the test has died.
const pgKeeper = `"$@" <&- & server=$!
read -r how; kill -s "${how:-QUIT}" "$server"; wait "$server"`

// newPostmaster makes an empty server below dir, and starts it.
func newPostmaster(t *testing.T, dir string) *postmaster {
	t.Helper()
	p := reservePostmaster(t, dir)
	secret := filepath.Join(dir, "password")
	p.write(secret, pgPassword)
	p.run("initdb", "-D", p.data(), "-U", "snapback", "--pwfile", secret, "--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync")
	p.configure("postgresql.conf", "wal_level=replica", "hot_standby=on", "max_wal_size=48MB", "min_wal_size=32MB", "max_connections=100", "fsync=off")
	p.start()
	return p
}

// reservePostmaster gives a server to be its folder and port.
func reservePostmaster(t *testing.T, dir string) *postmaster {
	t.Helper()
	bin, err := pgserver.Find(t.Context())
	if err != nil {
		t.Skip(err)
	}
	p := &postmaster{t: t, dir: dir, bin: bin, port: testkit.FreePort(t)}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if a := p.account(); a != nil {
		if err := os.Chown(dir, int(a.Uid), int(a.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { p.stop("QUIT") })
	return p
}

func (p *postmaster) data() string { return filepath.Join(p.dir, "data") }

// account is whom Postgres runs as where the test is root, whom it refuses.
func (p *postmaster) account() *syscall.Credential {
	p.t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		p.t.Skip(err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		p.t.Fatal(err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		p.t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func (p *postmaster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = p.dir, []string{"PATH=" + p.bin + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account(), Setsid: true}
	return cmd
}

func (p *postmaster) run(name string, args ...string) {
	p.t.Helper()
	if out, err := p.command(filepath.Join(p.bin, name), args...).CombinedOutput(); err != nil {
		p.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func (p *postmaster) write(path, text string) {
	p.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// configure adds lines to one of its files of settings; the last of two counts.
func (p *postmaster) configure(file string, settings ...string) {
	p.t.Helper()
	f, err := os.OpenFile(filepath.Join(p.data(), file), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("\n" + strings.Join(settings, "\n") + "\n"); err != nil {
		p.t.Fatal(err)
	}
}

// start runs the server, and waits until it answers.
func (p *postmaster) start() {
	p.t.Helper()
	p.keeper = p.command("sh", "-c", pgKeeper, "keeper", filepath.Join(p.bin, "postgres"), "-D", p.data(),
		"-c", "listen_addresses=127.0.0.1", "-c", "port="+strconv.Itoa(p.port), "-c", "unix_socket_directories="+p.dir)
	log, err := os.OpenFile(filepath.Join(p.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	p.keeper.Stdout, p.keeper.Stderr = log, log
	if p.orders, err = p.keeper.StdinPipe(); err != nil {
		p.t.Fatal(err)
	}
	if err := p.keeper.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.until("Postgres answers", func() bool { return p.ask(p.local(), `SELECT true`) })
}

// stop has it end: INT is an orderly end, which a standby that follows has read to the last byte, and QUIT is a crash.
func (p *postmaster) stop(how string) {
	if p.keeper == nil {
		return
	}
	_, _ = io.WriteString(p.orders, how+"\n") // it may have ended by itself
	_ = p.orders.Close()
	_ = p.keeper.Wait() // how it ended is no matter
	p.keeper = nil
}

// local is its address for the test: nobody asks for a password there.
func (p *postmaster) local() string {
	return fmt.Sprintf("postgres://snapback@/postgres?host=%s&port=%d", url.QueryEscape(p.dir), p.port)
}

// address is its address for the bot, by way of an endpoint.
func (p *postmaster) address() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

// through is the setting of a bot that reaches the server at an address.
func through(address, password string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword("snapback", password), Host: address, Path: "/postgres", RawQuery: "sslmode=disable"}
	return u.String()
}

func (p *postmaster) until(what string, is func() bool) {
	p.t.Helper()
	limit, tick := time.After(2*time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			log, _ := os.ReadFile(filepath.Join(p.dir, "log"))
			p.t.Fatalf("it did not come to pass that %s:\n%s", what, log[max(0, len(log)-2000):])
		}
	}
}

func (p *postmaster) ask(address, question string) (yes bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return false
	}
	defer conn.Close(ctx)
	return conn.QueryRow(ctx, question).Scan(&yes) == nil && yes
}

func (p *postmaster) exec(statements ...string) {
	p.t.Helper()
	conn, err := pgx.Connect(p.t.Context(), p.local())
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, sql := range statements {
		if _, err := conn.Exec(p.t.Context(), sql); err != nil {
			p.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// follow makes p a standby of another server, which from then on says of nothing that it is written before the standby
// has it too.
func (p *postmaster) follow(primary *postmaster) {
	p.t.Helper()
	if err := os.RemoveAll(p.data()); err != nil {
		p.t.Fatal(err)
	}
	p.run("pg_basebackup", "-D", p.data(), "-h", primary.dir, "-p", strconv.Itoa(primary.port), "-U", "snapback",
		"-R", "-c", "fast", "-X", "stream", "--no-sync")
	p.configure("postgresql.auto.conf", "synchronous_standby_names = ''") // the primary's is copied
	p.start()
	primary.exec(`ALTER SYSTEM SET synchronous_standby_names = '*'`, `SELECT pg_reload_conf()`)
	p.until("the standby keeps up", func() bool {
		return primary.ask(primary.local(), `SELECT bool_or(sync_state = 'sync') FROM pg_stat_replication`)
	})
}

// promote makes a standby the primary.
func (p *postmaster) promote() {
	p.t.Helper()
	p.exec(`SELECT pg_promote(true, 60)`)
}
