package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/snapback/snapback/internal/testkit"
)

// runsAsTheDocsSay starts the image by the line of docs/install.md, and subscribes it as the page says below that.
func (n *night) runsAsTheDocsSay(image string) {
	n.t.Helper()
	if n.Host() != "" {
		n.t.Log("the socket of this engine is elsewhere: the line of docs/install.md is not run")
		return
	}
	name, data, port, dir := n.Name("alone"), n.Name("data"), testkit.FreePort(n.t), n.t.TempDir()
	var settings []string
	for setting, value := range n.settingsInContainer(port) {
		settings = append(settings, setting+"="+value+"\n")
	}
	slices.Sort(settings)
	testkit.OK(n.t, os.WriteFile(filepath.Join(dir, "settings.env"), []byte(strings.Join(settings, "")), 0o600))
	metrics := testkit.FreePort(n.t)
	line := strings.NewReplacer(
		"--name snapback ", "--name "+name+" --label "+n.Only()+" "+publishesMetrics(n.t, metrics)+" ", "127.0.0.1:8080:8080", fmt.Sprintf("127.0.0.1:%d:8080", port),
		"-v snapback:", "-v "+data+":", "snapback:VERSION", image,
	).Replace(blockOf(n.t, "install.md", "## Image"))
	n.t.Cleanup(func() {
		_, _ = n.Try("rm", "-f", name)
		_, _ = n.Try("volume", "rm", data)
	})
	ctx, cancel := context.WithTimeout(n.t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euc", line)
	cmd.Dir = dir
	command(n.t, cmd)
	n.pollUntil("the bot is ready", func() bool {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", port))
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	measured(n.t, metrics)
	n.says(n.Docker("exec", name, "snapback", "pagerduty", "subscribe"), "test call came through")
	n.pollUntil("the engine finds it healthy", func() bool {
		return n.Docker("inspect", "--format", "{{.State.Health.Status}}", name) == "healthy"
	})
	n.Docker("stop", name) // by the time-out of the line
	if code := n.Docker("inspect", "--format", "{{.State.ExitCode}}", name); code != "0" {
		n.t.Errorf("it ended with %s:\n%s", code, n.Docker("logs", name))
	}
	own := strings.NewReplacer("--rm ", "--rm --label "+n.Only()+" ", "snapback:VERSION", image).Replace
	migrate := exec.CommandContext(ctx, "bash", "-euc", own(lineOf(n.t, "upgrade.md", "docker run --rm --env-file ")))
	migrate.Dir = dir
	n.says(command(n.t, migrate), "the schema is up to date")
	n.isUninstalledAsTheDocsSay(dir, own(strings.NewReplacer(
		"docker stop snapback\n", "docker stop "+name+"\n", "--volumes-from snapback ", "--volumes-from "+name+" ",
		"docker rm snapback\n", "docker rm "+name+"\n", "docker volume rm snapback\n", "docker volume rm "+data+"\n",
	).Replace(blockOf(n.t, "uninstall.md", "### An image"))), name, data, image)
}

// isUninstalledAsTheDocsSay runs the lines of docs/uninstall.md on a terminal, and looks whether anything of these names is left.
func (n *night) isUninstalledAsTheDocsSay(dir, script, container, volume, image string) {
	n.t.Helper()
	testkit.OK(n.t, os.WriteFile(filepath.Join(dir, "typed"), []byte(script), 0o600))
	n.says(typeInto(n.t, dir, "bash -eu typed", "y"), "Remove it for good? [y/N] ", "removed")
	for _, left := range [][]string{{"ps", "-aq", "--filter", "name=" + container}, {"volume", "ls", "-q", "--filter", "name=" + volume}, {"images", "-q", image}} {
		if got := n.Docker(left...); got != "" {
			n.t.Errorf("docs/uninstall.md leaves, of %q: %s", left, got)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "settings.env")); err == nil {
		n.t.Error("docs/uninstall.md leaves the settings")
	}
}

// publishesMetrics is what docs/metrics.md adds to the line of docs/install.md, with another port of this machine.
func publishesMetrics(t *testing.T, port int) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	testkit.OK(t, err)
	_, flags, found := strings.Cut(string(page), "An image gets `")
	flags, _, closed := strings.Cut(flags, "`")
	if !found || !closed {
		t.Fatal("docs/metrics.md does not say how an image is scraped")
	}
	return strings.Replace(flags, "127.0.0.1:9091:", fmt.Sprintf("127.0.0.1:%d:", port), 1)
}

// bridgeGateway is the host's address in the engine's first network. Docker 20.10 doesn't tell it until it is started for the second time:
// it is the network's first address then.
func (n *night) bridgeGateway() string {
	n.t.Helper()
	told := strings.Fields(n.Docker("network", "inspect", "bridge", "--format", "{{with index .IPAM.Config 0}}{{.Subnet}} {{.Gateway}}{{end}}"))
	if len(told) == 2 {
		return told[1]
	}
	subnet, err := netip.ParsePrefix(told[0])
	testkit.OK(n.t, err)
	return subnet.Masked().Addr().Next().String()
}

// settingsInContainer are those of the night for a bot in a container on the engine's own bridge, which is published at port.
func (n *night) settingsInContainer(port int) map[string]string {
	n.t.Helper()
	gateway := n.bridgeGateway()
	relay := func(network, to string) string {
		l := (&link{t: n.t, network: "tcp", dial: network, at: fmt.Sprintf("0.0.0.0:%d", testkit.FreePort(n.t)), to: to}).begin()
		return strings.Replace(l.at, "0.0.0.0", gateway, 1)
	}
	db, err := pgx.ParseConfig(n.env["DATABASE_URL"])
	testkit.OK(n.t, err)
	network, at := "tcp", fmt.Sprintf("%s:%d", db.Host, db.Port)
	if strings.HasPrefix(db.Host, "/") {
		network, at = "unix", fmt.Sprintf("%s/.s.PGSQL.%d", db.Host, db.Port)
	}
	database := url.URL{Scheme: "postgres", User: url.UserPassword(db.User, db.Password), Host: relay(network, at), Path: db.Database}
	pd := "http://" + relay("tcp", strings.TrimPrefix(n.pd.URL(), "http://"))
	set := maps.Clone(n.env)
	for _, name := range []string{"SNAPBACK_DATA_DIR", "SNAPBACK_LISTEN", "SNAPBACK_METRICS_LISTEN", "PAGERDUTY_WEBHOOK_SECRETS"} {
		delete(set, name)
	}
	set["DATABASE_URL"] = database.String()
	set["SNAPBACK_PUBLIC_URL"] = fmt.Sprintf("http://localhost:%d", port)
	set["SNAPBACK_TRUSTED_PROXIES"] = gateway
	set["SLACK_API_URL"] = "http://" + relay("tcp", strings.TrimSuffix(strings.TrimPrefix(n.slack.APIURL(), "http://"), "/api/")) + "/api/"
	set["PAGERDUTY_API_URL"], set["PAGERDUTY_EVENTS_URL"] = pd, pd
	return set
}
