package deploy_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheReadmesInstallationRunsAsItStands runs README's lines in a shell. What they call writes down how it was called: a release is made and
// installed by make release-test, and init is run by a test of the program.
func TestTheReadmesInstallationRunsAsItStands(t *testing.T) {
	t.Parallel()
	_, block, _ := strings.Cut(read(t, "../README.md"), "\n## Run it\n")
	_, block, _ = strings.Cut(block, "\n```sh\n")
	block, _, ok := strings.Cut(block, "\n```")
	if !ok {
		t.Fatal("README.md has no block below Run it")
	}
	dir := t.TempDir()
	calls, caddyfile := filepath.Join(dir, "calls"), filepath.Join(dir, "Caddyfile")
	called := "\n  echo \"${FUNCNAME[0]} $*\" >>" + calls
	prelude := "git() { mkdir snapback; }\nsudo() { \"$@\"; }\ndpkg() { echo amd64; }\ntee() { cat >" + caddyfile + called + "\n}\n"
	for _, name := range []string{"make", "apt", "usermod", "systemctl", "snapback"} {
		prelude += name + "() {" + called + "\n}\n"
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", prelude+block)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const want = `make release RELEASE=0.1.0 RELEASE_ARCH=amd64
apt install ./bin/release/snapback_0.1.0_amd64.deb docker.io postgresql caddy
usermod -aG docker snapback
tee /etc/caddy/Caddyfile
systemctl reload caddy
snapback init --set SNAPBACK_LISTEN=127.0.0.1:8080 --set SNAPBACK_TRUSTED_PROXIES=127.0.0.1,::1
systemctl enable --now snapback
`
	if got := read(t, calls); got != want {
		t.Errorf("it calls\n%swant\n%s", got, want)
	}
	if got, want := strings.TrimSpace(read(t, caddyfile)), strings.TrimSpace(page(t, "Caddy")); got != want { // that one is run before a bot
		t.Errorf("README.md has for Caddy\n%s\ndocs/proxies.md\n%s", got, want)
	}
}
