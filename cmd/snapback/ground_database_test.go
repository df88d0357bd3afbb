package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/internal/pagerdutyfake"
)

// readiness is what the bot answers about itself.
func (n *night) readiness() (status int, said string) {
	n.t.Helper()
	answer, err := http.Get(n.bot.metrics + "/readyz")
	if err != nil {
		n.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// notReady waits until the bot says that it is not; why is in its log, since anybody may ask.
func (n *night) notReady(why string) {
	n.t.Helper()
	n.pollUntil("the bot is not ready: "+why, func() bool { return n.isNotReady(why) })
}

func (n *night) isNotReady(why string) bool {
	n.t.Helper()
	status, _ := n.readiness()
	log, _ := n.bot.log.read()
	i := strings.LastIndex(log, `msg="not ready" check=database`)
	return status == http.StatusServiceUnavailable && i >= 0 && strings.Contains(log[i:], why)
}

// refused is whether a webhook was answered with 503: PagerDuty repeats it.
func (n *night) refused() bool {
	return slices.ContainsFunc(n.pd.Deliveries(), func(d pagerdutyfake.Delivery) bool {
		return slices.ContainsFunc(d.Attempts, func(a pagerdutyfake.Attempt) bool { return a.Status == http.StatusServiceUnavailable })
	})
}

func TestPasswordIsChangedWhileTheBotRuns(t *testing.T) {
	n, p := newNight(t), newPostmaster(t, shortDir(t))
	file := filepath.Join(t.TempDir(), "url")
	p.write(file, through(p.address(), pgPassword))
	delete(n.env, "DATABASE_URL")
	n.env["DATABASE_URL_FILE"] = file
	n.start()
	n.env["DATABASE_URL"] = p.local()
	n.service.Trigger("Alert no. 1.")
	n.channel.ExpectMessage(t, "Alert no. 1.")
	cut := `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'snapback' AND pid <> pg_backend_pid()`

	p.exec(`ALTER ROLE snapback PASSWORD 'the second one'`, cut)
	n.service.Trigger("Alert no. 2.")
	n.pollUntil("a webhook is refused", n.refused)
	n.pollUntil("the bot is not ready, its password being refused", func() bool {
		p.exec(cut) // again: a connection that was being made at the first cut lives on with the old password
		return n.isNotReady("password authentication failed")
	})
	p.write(file, through(p.address(), "the second one"))
	n.channel.ExpectMessage(t, "Alert no. 2.")

	p.write(file, through(p.address(), "the third one")) // the other way round
	p.exec(`ALTER ROLE snapback PASSWORD 'the third one'`, cut)
	n.service.Trigger("Alert no. 3.")
	n.toldOnce([]string{"Alert no. 1.", "Alert no. 2.", "Alert no. 3."})
}

// smallDisk is a disk of its own, in memory.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := shortDir(t)
	if err := syscall.Mount("none", dir, "tmpfs", 0, "mode=0755,size="+size); err != nil {
		t.Skipf("no small disk can be made here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all the room that a disk has, less so many bytes, and returns what gives it back.
func fill(t *testing.T, dir string, left int64) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 64<<10))
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		err = f.Truncate(size - left)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// floods are what fills a disk: rows, for which there is an error, and the log before them, without whose room a server ends.
var floods = map[string]string{
	"rows": `INSERT INTO flood SELECT repeat(md5(n::text), 20) FROM generate_series(1, 5000) n`,
	"log":  `SELECT pg_logical_emit_message(true, 'flood', repeat('x', 1000000))`,
}

// flood writes to a database until its disk is full.
func flood(t *testing.T, address, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for round := 0; err == nil && round < 1000; round++ {
		_, err = conn.Exec(t.Context(), sql)
	}
	t.Logf("the database says: %v", err)
}

// TestFullDiskOfTheBotsOwnDatabase has the disk of the data folder full, and room again.
func TestFullDiskOfTheBotsOwnDatabase(t *testing.T) {
	for what, sql := range floods {
		t.Run(what, func(t *testing.T) {
			n := newNight(t)
			disk := smallDisk(t, "300m")
			n.env["SNAPBACK_DATA_DIR"] = filepath.Join(disk, "data")
			delete(n.env, "DATABASE_URL")
			n.start()
			n.env["DATABASE_URL"] = ownServer(t, filepath.Join(disk, "data"))
			n.fullDisk(disk, sql)
		})
	}
}

// ownServer is the address of the server that the bot has started in its data folder.
func ownServer(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "data", "postmaster.pid"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the bot's own server is not in %s: %v %v", dir, found, err)
	}
	text, err := os.ReadFile(found[0])
	lines := strings.Split(string(text), "\n")
	if err != nil || len(lines) < 5 {
		t.Fatalf("%s: %v %q", found[0], err, text)
	}
	return "postgres://snapback@/snapback?port=5432&host=" + url.QueryEscape(lines[4]) // the socket's folder
}

// fullDisk fills the disk of the database that the bot is on, until a webhook is refused. In the end, each alert is told once.
func (n *night) fullDisk(disk, sql string) {
	n.t.Helper()
	var titles []string
	alert := func() {
		titles = append(titles, fmt.Sprintf("Alert no. %d.", len(titles)+1))
		n.service.Trigger(titles[len(titles)-1])
	}
	alert()
	n.channel.ExpectMessage(n.t, titles[0])
	flood(n.t, n.env["DATABASE_URL"], `CREATE TABLE flood (text text)`) // which fails the second time
	free := fill(n.t, disk, 0)
	flood(n.t, n.env["DATABASE_URL"], sql)
	n.pollUntil("a webhook is refused", func() bool { // there may be room for some rows in the tables that are there
		if n.refused() {
			return true
		}
		alert()
		return false
	})
	n.notReady("")
	log, _ := n.bot.log.read()
	n.t.Logf("the bot says: %s", strings.SplitN(log[strings.LastIndex(log, `msg="not ready" check=database`):], "\n", 2)[0])
	free()
	n.pollUntil("the bot is ready again", func() bool { status, _ := n.readiness(); return status == http.StatusOK })
	n.toldOnce(titles)
}
