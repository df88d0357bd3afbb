package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/internal/pgserver"
	"github.com/snapback/snapback/internal/testkit"
)

// postgresStandIn is what of the postgres image's entrypoint deploy/compose.yaml relies on.
const postgresStandIn = `#!/bin/sh
set -e
data=/var/lib/postgresql/data
if [ ! -e $data/PG_VERSION ]; then
  chown postgres $data && chmod 700 $data
  cp "$POSTGRES_PASSWORD_FILE" /tmp/password && chown postgres /tmp/password
  su postgres -c "initdb -D $data -U $POSTGRES_USER --pwfile /tmp/password --auth-host=scram-sha-256 --auth-local=trust -E UTF8 --locale=C --no-sync"
  echo "host all all all scram-sha-256" >>$data/pg_hba.conf
  echo "CREATE DATABASE $POSTGRES_USER" | su postgres -c "postgres --single -D $data postgres"
fi
exec su postgres -c "exec postgres -D $data -c listen_addresses=* -c unix_socket_directories=/tmp"
`

func postgresImage(n *night) string {
	n.t.Helper()
	bin, err := pgserver.Find(n.t.Context())
	if err != nil {
		n.t.Skip(err)
	}
	programs := []string{"/usr/share/zoneinfo/UTC"}
	for _, name := range []string{"postgres", "initdb", "pg_isready", "pg_dump", "pg_restore"} {
		programs = append(programs, filepath.Join(bin, name))
	}
	lib := filepath.Join(filepath.Dir(bin), "lib")
	share := strings.Replace(filepath.Dir(bin), "/usr/lib/", "/usr/share/", 1)
	modules, err := filepath.Glob(filepath.Join(lib, "*.so"))
	testkit.OK(n.t, err)
	for _, module := range modules {
		if !strings.Contains(module, "llvmjit") {
			programs = append(programs, module)
		}
	}
	testkit.OK(n.t, filepath.WalkDir(share, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			programs = append(programs, path)
		}
		return err
	}))
	return base(n.Scope, n.t, "postgres", programs, map[string]string{
		"entrypoint": postgresStandIn, "etc/passwd": "root:x:0:0::/root:/bin/sh\npostgres:x:999:999::/tmp:/bin/sh\n",
	}, "ENV PATH="+bin+":/bin", "ENV PGHOST=/tmp", `ENTRYPOINT ["/entrypoint"]`)
}

func caddyImage(n *night) string {
	n.t.Helper()
	path, err := exec.LookPath("caddy")
	if err != nil {
		n.t.Skip("caddy is not installed: scripts/setup proxies")
	}
	return base(n.Scope, n.t, "caddy", []string{path}, nil, "ENV PATH="+filepath.Dir(path)+":/bin", "ENV XDG_DATA_HOME=/data",
		`CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]`)
}

// deployed is deploy/compose.yaml in a folder of its own, set up as docs/install.md says.
type deployed struct {
	*night
	dir, project string
	image        string
	files        string // those that Compose reads, with colons between them
	subnet       string // the first three numbers
	port         int
	slackPort    int // on all of this machine's addresses, as pdPort
	pdPort       int
}

func (d *deployed) compose(args ...string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", append([]string{"compose", "--ansi", "never"}, args...)...)
	cmd.Dir, cmd.Env = d.dir, d.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Errorf("docker compose %v: %v\n%s", args, err, out)
		logs, _ := exec.CommandContext(ctx, "docker", "compose", "-p", d.project, "logs", "--no-color").CombinedOutput()
		d.t.Fatalf("%s", logs)
	}
	return string(out)
}

// blockOf is the code block that follows a heading in a page of docs.
func blockOf(t *testing.T, page, heading string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", page))
	testkit.OK(t, err)
	_, after, ok := strings.Cut(string(text), "\n"+heading+"\n")
	_, after, _ = strings.Cut(after, "\n```")
	_, after, _ = strings.Cut(after, "\n")
	block, _, _ := strings.Cut(after, "\n```")
	if !ok || block == "" {
		t.Fatalf("docs/%s has no block below %s", page, heading)
	}
	return block
}

// prepare does what docs/install.md says, but for the image and the start.
func (d *deployed) prepare() {
	d.t.Helper()
	for _, name := range []string{"compose.yaml", "Caddyfile"} {
		text, err := os.ReadFile("../../deploy/" + name)
		testkit.OK(d.t, err)
		testkit.OK(d.t, os.WriteFile(filepath.Join(d.dir, name), text, 0o644))
	}
	script, before := strings.CutPrefix(blockOf(d.t, "install.md", "### By hand"), "make image VERSION=local\ncd deploy\n")
	script, after := strings.CutSuffix(script, "\ndocker compose up -d")
	if !before || !after {
		d.t.Fatalf("docs/install.md does not begin with the image and end with the start:\n%s", script)
	}
	script = strings.NewReplacer("snapback.example.com", "localhost", "C0123456789", "C0ALERTS", "oncall@example.com", "bot@example.com",
		"'xoxb-…' >", "xoxb-test >", "'…' >secrets/slack_signing_secret", "signing >secrets/slack_signing_secret",
		"'…' >secrets/pagerduty_api_token", "pd-token >secrets/pagerduty_api_token").Replace(script)
	if strings.Contains(script, "…") {
		d.t.Fatalf("something was not filled in:\n%s", script)
	}
	cmd := exec.Command("bash", "-euc", script)
	cmd.Dir = d.dir
	command(d.t, cmd)
}

// override is what a test can't take as it stands: images that are pulled, the ports, and Slack and PagerDuty themselves, which
// listen on this machine's loopback.
func (d *deployed) override() {
	d.t.Helper()
	slack, pd := fmt.Sprintf("http://%s.1:%d", d.subnet, d.slackPort), fmt.Sprintf("http://%s.1:%d", d.subnet, d.pdPort)
	text := fmt.Sprintf(`services:
  bot:
    environment:
      SNAPBACK_PUBLIC_URL: https://localhost:%d
      SLACK_API_URL: %s/api/
      PAGERDUTY_API_URL: %s
      PAGERDUTY_EVENTS_URL: %s
      SNAPBACK_ONLY: %s
      SNAPBACK_API_TOKEN: %s
  db: { image: %s, stop_signal: SIGINT }
  caddy:
    image: %s
    ports: !override ["127.0.0.1:%d:443"]
`, d.port, slack, pd, pd, d.Only(), apiToken, postgresImage(d.night), caddyImage(d.night), d.port)
	testkit.OK(d.t, os.WriteFile(filepath.Join(d.dir, "test.yaml"), []byte(text), 0o600))
	env, err := os.OpenFile(filepath.Join(d.dir, ".env"), os.O_APPEND|os.O_WRONLY, 0o600)
	testkit.OK(d.t, err)
	_, err = fmt.Fprintf(env, "SNAPBACK_IMAGE=%s\nSNAPBACK_NET=%s\n", d.image, d.subnet)
	testkit.OK(d.t, errors.Join(err, env.Close()))
}

// phone is a client that trusts Caddy's own authority, as it would a public one.
func (d *deployed) phone() *http.Client {
	d.t.Helper()
	var pem string
	d.pollUntil("Caddy has made its certificates", func() bool {
		out, err := d.Try("exec", d.project+"-caddy-1", "cat", "/data/caddy/pki/authorities/local/root.crt")
		pem = out
		return err == nil && strings.Contains(out, "END CERTIFICATE")
	})
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(pem)) {
		d.t.Fatalf("no certificate: %s", pem)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	d.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

func (d *deployed) get(phone *http.Client, path string, header ...string) (int, string) {
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, fmt.Sprintf("https://localhost:%d%s", d.port, path), http.NoBody)
	testkit.OK(d.t, err)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := phone.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	testkit.OK(d.t, err)
	return resp.StatusCode, string(text)
}

func newDeployed(t *testing.T) *deployed {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "docker", "compose", "version", "--short").Output(); err != nil || strings.HasPrefix(strings.TrimPrefix(string(out), "v"), "1") {
		t.Skip("Docker Compose 2 is not installed: scripts/setup compose")
	}
	if os.Geteuid() != 0 {
		t.Skip("docs/install.md gives the secrets to the bot's account, which takes root")
	}
	n := newNight(t)
	if n.Host() != "" {
		t.Skip("the socket of this engine is elsewhere")
	}
	d := &deployed{night: n, dir: t.TempDir(), project: n.Name("deploy"), files: "compose.yaml:test.yaml", subnet: fmt.Sprintf("10.213.%d", rand.IntN(256)), port: testkit.FreePort(t),
		image: "snapback:" + n.Name("bot")}
	makeImage(n.Scope, t, strings.TrimPrefix(d.image, "snapback:"), bases(n.Scope, t))
	d.outsideIsReached()
	d.prepare()
	d.override()
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(d.dir, ".env")); err == nil { // or it is uninstalled
			d.compose("down", "--timeout", "5", "--volumes")
		}
	})
	return d
}

// TestComposeRunsAsItStands brings deploy/compose.yaml up as docs/install.md says, and calls it as a phone does.
func TestComposeRunsAsItStands(t *testing.T) {
	d := newDeployed(t)
	d.compose("config", "--quiet")
	began := time.Now()
	d.compose("up", "-d", "--wait", "--wait-timeout", "220")
	phone := d.phone()
	var answer string
	d.pollUntil("the bot is ready, through Caddy", func() bool {
		status, text := d.get(phone, "/readyz")
		answer = text
		return status == http.StatusOK
	})
	t.Logf("ready, through Caddy, in %s", time.Since(began).Round(time.Second))
	if status, text := d.get(phone, "/"); status != http.StatusOK {
		t.Errorf("the console: %d %s", status, text)
	}
	conn, resp, err := websocket.Dial(t.Context(), fmt.Sprintf("wss://localhost:%d/t/try", d.port), &websocket.DialOptions{HTTPClient: phone, Subprotocols: []string{"snapback.try.v1"}})
	if err != nil {
		t.Fatalf("a WebSocket: %v, %v (%s)", err, resp, answer)
	}
	_ = conn.CloseNow()
	d.actsOnTheEngine(phone)
	d.believesCaddy(phone)
	d.restoresAsTheDocsSay(phone)
	d.migratesBesideTheBot()
	d.comesBack()
	d.takesWhatInitWrites()
	before, after := d.isUpgraded()
	d.takesSettingsAndSocketMode()
	d.runs(after)
	d.goesBack()
	d.runs(before)
	d.stopsInTime()
	d.isUninstalled()
}

// environment has Compose find this project.
func (d *deployed) environment() []string {
	return append(os.Environ(), "COMPOSE_PROJECT_NAME="+d.project, "COMPOSE_FILE="+d.files)
}

// follow runs commands of a page, in the folder of compose.yaml.
func (d *deployed) follow(script string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = d.dir
	cmd.Env = d.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Errorf("%v: %s\n%s", err, script, out)
	}
	return string(out)
}

// migratesBesideTheBot does what docs/upgrade.md says of a new program, but for its image.
func (d *deployed) migratesBesideTheBot() {
	d.t.Helper()
	page, err := os.ReadFile("../../docs/upgrade.md")
	testkit.OK(d.t, err)
	_, line, found := strings.Cut(string(page), "make image VERSION=local && (cd deploy && ")
	line, _, closed := strings.Cut(line, ")")
	if out := d.follow(line); !found || !closed || !strings.Contains(out, "the schema is up to date") {
		d.t.Errorf("docs/upgrade.md, %q:\n%s", line, out)
	}
}

// isBackedUp does what docs/backup.md says.
func (d *deployed) isBackedUp() {
	d.t.Helper()
	script := blockOf(d.t, "backup.md", "### Back up with Compose")
	for range 2 { // as on the next day
		out := d.follow(script)
		dump, err := os.ReadFile(filepath.Join(d.dir, "backup", "database"))
		if err != nil || !strings.HasPrefix(string(dump), "PGDMP") {
			d.t.Errorf("docs/backup.md leaves no dump: %v\n%s%s", err, script, out)
		}
	}
	if _, err := os.Stat(filepath.Join(d.dir, "backup", "data", "bot-name")); err != nil {
		d.t.Errorf("docs/backup.md leaves no data folder: %v\n%s", err, script)
	}
}

// comesBack loses the volumes after a backup, and does what docs/backup.md says.
func (d *deployed) comesBack() {
	d.t.Helper()
	d.compose("exec", "-T", "bot", "snapback", "token", "create", "kept", "--scope", "admin")
	d.isBackedUp()
	d.compose("down", "--timeout", "40", "--volumes")
	d.follow(blockOf(d.t, "backup.md", "### Restore with Compose"))
	d.pollUntil("the bot is healthy again", func() bool {
		_, err := d.Try("exec", d.project+"-bot-1", "snapback", "health")
		return err == nil
	})
	if list := d.compose("exec", "-T", "bot", "snapback", "token", "list"); !strings.Contains(list, "kept") {
		d.t.Errorf("the database is another one: %s", list)
	}
	was, err := os.ReadFile(filepath.Join(d.dir, "backup", "data", "bot-name"))
	testkit.OK(d.t, err)
	d.compose("cp", "bot:/var/lib/snapback/bot-name", "name")
	if is, err := os.ReadFile(filepath.Join(d.dir, "name")); err != nil || string(is) != string(was) {
		d.t.Errorf("the data folder is another one: %v, %q and not %q", err, is, was)
	}
}

// isUninstalled does what docs/uninstall.md says, without a terminal.
func (d *deployed) isUninstalled() {
	d.t.Helper()
	out := d.follow(strings.Replace(blockOf(d.t, "uninstall.md", "### Compose"), "snapback:local", d.image, 1))
	for _, left := range []string{"ps -aq", "volume ls -q", "network ls -q"} {
		if got := d.Docker(append(strings.Fields(left), "--filter", "label=com.docker.compose.project="+d.project)...); got != "" {
			d.t.Errorf("docs/uninstall.md leaves, of %s: %s\n%s", left, got, out)
		}
	}
	if got := d.Docker("images", "-q", d.image); got != "" {
		d.t.Errorf("docs/uninstall.md leaves the image %s", got)
	}
}

// actsOnTheEngine sees whether the bot reaches the socket, by its group.
func (d *deployed) actsOnTheEngine(phone *http.Client) {
	d.t.Helper()
	shop := d.Name("shop")
	d.Run(shop, d.Image("v1", `CMD ["/app"]`))
	if status, text := d.get(phone, "/containers", "Authorization", "Bearer "+apiToken); status != http.StatusOK || !strings.Contains(text, shop) {
		d.t.Errorf("containers: %d %s", status, text)
	}
	d.Docker("exec", d.project+"-bot-1", "snapback", "health")
}

// believesCaddy: who is refused is counted and logged by the phone's address, and not by Caddy's.
func (d *deployed) believesCaddy(phone *http.Client) {
	d.t.Helper()
	if status, _ := d.get(phone, "/containers", "Authorization", "Bearer wrong"); status != http.StatusUnauthorized {
		d.t.Errorf("a wrong token: %d", status)
	}
	// The engine lets who calls from this machine in by the network's gateway.
	var logs string
	d.pollUntil("it is in the log, which the engine writes later", func() bool {
		logs = d.compose("logs", "--no-color", "bot")
		return strings.Contains(logs, "source="+d.subnet+".")
	})
	if !strings.Contains(logs, "source="+d.subnet+".1") || strings.Contains(logs, "source="+d.subnet+".2") {
		d.t.Errorf("the bot does not log where a phone calls from:\n%s", logs)
	}
}

// stopsInTime: nothing is killed.
func (d *deployed) stopsInTime() {
	d.t.Helper()
	began := time.Now()
	d.compose("stop")
	for _, service := range []string{"bot", "db", "caddy"} {
		if code := d.Docker("inspect", "--format", "{{.State.ExitCode}}", d.project+"-"+service+"-1"); code != "0" {
			d.t.Errorf("%s ended with %s after %s", service, code, time.Since(began))
		}
	}
	d.t.Logf("stopped in %s", time.Since(began).Round(time.Second))
}
