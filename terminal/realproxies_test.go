package terminal_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/testkit"
	"github.com/snapback/snapback/terminal"
)

// real is a proxy's program with the least configuration that people write, and with the one that passes WebSockets; empty: it passes
// them by itself. $FOLDER, $LISTEN and $BOT stand for a folder, a port and the bot's address.
type real struct {
	program, usual, passing string
	run                     []string
}

const nginxConf = `daemon off; pid $FOLDER/pid; error_log stderr; events {}
http { access_log off; client_body_temp_path $FOLDER/a; proxy_temp_path $FOLDER/b; fastcgi_temp_path $FOLDER/c; uwsgi_temp_path $FOLDER/d; scgi_temp_path $FOLDER/e;
server { listen 127.0.0.1:$LISTEN; location / { proxy_pass http://$BOT; %s } } }`

const apacheConf = `ServerName localhost
DefaultRuntimeDir $FOLDER
PidFile $FOLDER/pid
ErrorLog $FOLDER/log
Listen 127.0.0.1:$LISTEN
LoadModule mpm_event_module $MODULES/mod_mpm_event.so
LoadModule authz_core_module $MODULES/mod_authz_core.so
LoadModule proxy_module $MODULES/mod_proxy.so
LoadModule proxy_http_module $MODULES/mod_proxy_http.so
ProxyPass "/" "http://$BOT/"%s`

var reals = map[string]real{
	"nginx": {"nginx", fmt.Sprintf(nginxConf, ""), fmt.Sprintf(nginxConf, `proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";`),
		[]string{"-c", "$FOLDER/conf"}},
	"Apache": {"apache2", fmt.Sprintf(apacheConf, ""), fmt.Sprintf(apacheConf, " upgrade=websocket"), []string{"-X", "-f", "$FOLDER/conf"}},
	"HAProxy": {"haproxy", "", "defaults\n mode http\n timeout connect 5s\n timeout client 50s\n timeout server 50s\nfrontend f\n bind 127.0.0.1:$LISTEN\n default_backend b\nbackend b\n server s $BOT\n",
		[]string{"-f", "$FOLDER/conf"}},
	"Caddy": {"caddy", "", "{\n admin off\n}\nhttp://127.0.0.1:$LISTEN {\n reverse_proxy $BOT\n}\n", []string{"run", "--adapter", "caddyfile", "--config", "$FOLDER/conf"}},
}

// start runs it before a bot until the test ends, and returns its address.
func (r real) start(t *testing.T, conf, listen, bot string) {
	t.Helper()
	folder := t.TempDir()
	fill := strings.NewReplacer("$FOLDER", folder, "$LISTEN", listen, "$BOT", bot, "$MODULES", "/usr/lib/apache2/modules")
	testkit.OK(t, os.WriteFile(filepath.Join(folder, "conf"), []byte(fill.Replace(conf)), 0o600))
	args := make([]string, len(r.run))
	for i, arg := range r.run {
		args[i] = fill.Replace(arg)
	}
	cmd := exec.CommandContext(t.Context(), r.program, args...)
	cmd.Env = append(os.Environ(), "HOME="+folder, "XDG_DATA_HOME="+folder)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	testkit.OK(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	within(t, time.Minute, r.program+" answers", func() bool {
		resp, err := http.Get("http://127.0.0.1:" + listen + "/t/session")
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusUnauthorized
	})
}

// TestBehindRealProxies has a session idle behind each for as long as SNAPBACK_PROXIES says: make proxies.
func TestBehindRealProxies(t *testing.T) {
	t.Parallel()
	idle, err := time.ParseDuration(os.Getenv("SNAPBACK_PROXIES"))
	if err != nil {
		t.Skip("idles for minutes: run make proxies")
	}
	for name, r := range reals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(r.program); err != nil {
				t.Fatal(err)
			}
			port := fmt.Sprint(testkit.FreePort(t))
			url := "http://127.0.0.1:" + port
			n := setup(t, func(c *terminal.Config) { c.PublicURL = url; c.Refusals = 1000 })
			bot := strings.TrimPrefix(n.url, "http://")
			if n.url = url; r.usual != "" {
				t.Run("as people write it", func(t *testing.T) {
					r.start(t, r.usual, port, bot)
					var wire *terminal.WireError
					if err := terminal.TryWire(t.Context(), url); !errors.As(err, &wire) || !strings.HasPrefix(err.Error(), name+" before") {
						t.Errorf("tried: %v", err)
					}
				})
			}
			r.start(t, r.passing, port, bot)
			testkit.OK(t, terminal.TryWire(t.Context(), url))
			n.replace("echo quiet; sleep 100000")
			id, have := n.session(access.ModeLogs)
			b := n.connect(id, have)
			within(t, time.Minute, "the log has come", func() bool { return b.saw("quiet") })
			over := time.After(idle)
			<-over
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.ended != nil {
				t.Errorf("idle for %v: %v", idle, b.ended)
			}
		})
	}
}
