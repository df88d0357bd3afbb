package deploy_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/snapback/snapback/internal/testkit"
)

// longest is how long the slow answers of these tests take: more than the time-outs that proxies have by themselves.
const longest = 75 * time.Second

// proxy is a proxy's program, and how it is started with the configuration that docs/proxies.md has for it.
type proxy struct {
	name, program string
	config        func(page string) string // around what the page has
	args          []string
	cuts          *strings.Replacer // takes what the page says of time-outs away; nil: it needs none
}

const nginxAround = `daemon off; pid $FOLDER/pid; events {}
http { access_log off; client_body_temp_path $FOLDER/a; proxy_temp_path $FOLDER/b; fastcgi_temp_path $FOLDER/c; uwsgi_temp_path $FOLDER/d; scgi_temp_path $FOLDER/e;
%s
}`

// apacheModules are where Debian has them.
const apacheModules = "/usr/lib/apache2/modules"

const apacheAround = `ServerName localhost
DefaultRuntimeDir $FOLDER
PidFile $FOLDER/pid
ErrorLog /dev/stderr
Listen 127.0.0.1:$LISTEN
LoadModule mpm_event_module $MODULES/mod_mpm_event.so
LoadModule authz_core_module $MODULES/mod_authz_core.so
LoadModule headers_module $MODULES/mod_headers.so
LoadModule ssl_module $MODULES/mod_ssl.so
LoadModule proxy_module $MODULES/mod_proxy.so
LoadModule proxy_http_module $MODULES/mod_proxy_http.so
`

var proxies = []proxy{
	{name: "Caddy", program: "caddy", args: []string{"run", "--adapter", "caddyfile", "--config", "$FOLDER/conf.yaml"}, config: func(page string) string {
		return "{\n admin off\n auto_https disable_redirects\n skip_install_trust\n}\n" + strings.Replace(page, "snapback.example.com", "https://localhost:$LISTEN", 1)
	}},
	{name: "nginx", program: "nginx", args: []string{"-e", "stderr", "-c", "$FOLDER/conf.yaml"}, config: func(page string) string {
		return fmt.Sprintf(nginxAround, strings.Replace(page, "listen 443", "listen 127.0.0.1:$LISTEN", 1))
	}, cuts: strings.NewReplacer("proxy_read_timeout 15m;", "")},
	{name: "HAProxy", program: "haproxy", args: []string{"-f", "$FOLDER/conf.yaml"}, config: func(page string) string {
		return strings.Replace(page, "bind :443", "bind 127.0.0.1:$LISTEN", 1) + "\n"
	}, cuts: strings.NewReplacer("timeout server 15m", "timeout server 50s", "timeout client 15m", "timeout client 50s")},
	{name: "Apache", program: "apache2", args: []string{"-X", "-f", "$FOLDER/conf.yaml"}, config: func(page string) string {
		return strings.ReplaceAll(apacheAround, "$MODULES", apacheModules) + strings.Replace(page, "*:443", "127.0.0.1:$LISTEN", 1) + "\n"
	}, cuts: strings.NewReplacer(" timeout=900", "")},
	{name: "Traefik", program: "traefik", args: []string{"--entryPoints.websecure.address=127.0.0.1:$LISTEN", "--providers.file.filename=$FOLDER/conf.yaml"}, config: func(page string) string {
		return strings.Replace(page, "snapback.example.com", "localhost", 1) + "\ntls: { certificates: [{ certFile: $FOLDER/certificate.pem, keyFile: $FOLDER/key.pem }] }\n"
	}},
}

// page is the block of docs/proxies.md below a heading.
func page(t *testing.T, heading string) string {
	t.Helper()
	_, after, _ := strings.Cut(read(t, "../docs/proxies.md"), "\n## "+heading+"\n")
	_, after, _ = strings.Cut(after, "\n```")
	_, after, _ = strings.Cut(after, "\n")
	block, _, ok := strings.Cut(after, "\n```")
	if !ok || !strings.Contains(block, "127.0.0.1:8080") {
		t.Fatalf("docs/proxies.md has no configuration of %s", heading)
	}
	return block
}

// start runs it before a bot until the test ends, and returns its address.
func (p proxy) start(t *testing.T, block, bot string) string {
	t.Helper()
	folder, listen := t.TempDir(), fmt.Sprint(testkit.FreePort(t))
	certificate(t, folder)
	fill := strings.NewReplacer("$FOLDER", folder, "$LISTEN", listen, "127.0.0.1:8080", bot, "/etc/ssl/snapback", folder)
	if err := os.WriteFile(filepath.Join(folder, "conf.yaml"), []byte(fill.Replace(p.config(block))), 0o600); err != nil {
		t.Fatal(err)
	}
	args := make([]string, len(p.args))
	for i, arg := range p.args {
		args[i] = fill.Replace(arg)
	}
	cmd := exec.Command(p.program, args...)
	cmd.Env = append(os.Environ(), "HOME="+folder, "XDG_DATA_HOME="+folder, "XDG_CONFIG_HOME="+folder)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); _ = cmd.Wait() })
	address := "localhost:" + listen
	deadline, tick := time.After(time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := client.Get("https://" + address + "/"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK { // before, it may listen without having read its configuration
				return address
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s does not answer", p.name)
		}
	}
}

// client believes every certificate: what is tried here is what comes through.
var client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}

func certificate(t *testing.T, folder string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for name, text := range map[string][]byte{"certificate.pem": certPEM, "key.pem": keyPEM, "both.pem": append(append([]byte{}, certPEM...), keyPEM...)} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// protocol is one such as the terminal's WebSockets name.
const protocol = "snapback.try.v1"

// slowBot answers as slowly as a bot whose restore or export takes its time.
func slowBot(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-For")+" "+r.Host)
	})
	mux.HandleFunc("PATCH /slow", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(longest):
			_, _ = io.WriteString(w, "verified")
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /export", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "the beginning\n")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-time.After(longest):
			_, _ = io.WriteString(w, "the end\n")
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /ws", func(w http.ResponseWriter, r *http.Request) {
		// As the bot does: the page's own origin, and a protocol that is named.
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{protocol}})
		if err != nil {
			return
		}
		defer conn.CloseNow() //nolint:errcheck // the other end may have gone
		if kind, text, err := conn.Read(r.Context()); err == nil {
			_ = conn.Write(r.Context(), kind, append(text, " from "+r.Header.Get("Origin")...))
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return strings.TrimPrefix(server.URL, "http://")
}

func ask(t *testing.T, method, url string, header ...string) (int, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest+2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// TestProxiesAsTheirPageHasThem has the real ones that are installed: scripts/setup proxies. Debian has no Traefik.
func TestProxiesAsTheirPageHasThem(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup // as parallel subtests they would wait for each other where processors are few
	defer all.Wait()
	for _, p := range proxies {
		block := page(t, p.name)
		if _, err := exec.LookPath(p.program); err != nil {
			t.Logf("%s is not tried: %v", p.name, err)
			continue
		}
		at := p.start(t, block, slowBot(t))
		all.Go(func() { webSocket(t, p.name, at) })
		all.Go(func() { address(t, p.name, at) })
		all.Go(func() { export(t, p.name, at) })
		all.Go(func() {
			if status, text, err := ask(t, "PATCH", "https://"+at+"/slow"); status != 200 || text != "verified" || err != nil {
				t.Errorf("%s, a slow restore: %d %q %v", p.name, status, text, err)
			}
		})
		if p.cuts == nil {
			continue
		}
		usual := p.start(t, p.cuts.Replace(block), slowBot(t))
		all.Go(func() { // or the page would say what nobody needs
			if status, text, _ := ask(t, "PATCH", "https://"+usual+"/slow"); status != http.StatusGatewayTimeout && status != http.StatusBadGateway {
				t.Errorf("%s without the page's time-outs: %d %q", p.name, status, text)
			}
		})
	}
}

// webSocket is silent before its first word, as a terminal is in which nobody types.
func webSocket(t *testing.T, name, at string) {
	ctx, cancel := context.WithTimeout(t.Context(), longest+2*time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "wss://"+at+"/ws", &websocket.DialOptions{
		HTTPClient: client, HTTPHeader: http.Header{"Origin": {"https://" + at}}, Subprotocols: []string{protocol},
	})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	defer conn.CloseNow() //nolint:errcheck // the other end may have gone
	select {
	case <-time.After(longest):
	case <-ctx.Done():
	}
	if err := conn.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if _, text, err := conn.Read(ctx); string(text) != "hello from https://"+at || conn.Subprotocol() != protocol || err != nil {
		t.Errorf("%s: %q, protocol %q, %v", name, text, conn.Subprotocol(), err)
	}
}

// address: a client can't pass for another one. The bot reads the header from its end.
func address(t *testing.T, name, at string) {
	status, text, err := ask(t, "GET", "https://"+at+"/", "X-Forwarded-For", "198.51.100.7")
	said, host, _ := strings.Cut(text, " ")
	if status != 200 || err != nil || said != "127.0.0.1" && said != "::1" || !strings.HasPrefix(host, "localhost") {
		t.Errorf("%s: %d %q %v", name, status, text, err)
	}
}

// export: the beginning is there before the end is, and the end comes.
func export(t *testing.T, name, at string) {
	ctx, cancel := context.WithTimeout(t.Context(), longest+2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+at+"/export", http.NoBody)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	began := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	if first, err := lines.ReadString('\n'); first != "the beginning\n" || err != nil || time.Since(began) > longest {
		t.Errorf("%s, after %s: %q %v", name, time.Since(began), first, err)
	}
	if last, err := lines.ReadString('\n'); last != "the end\n" || err != nil {
		t.Errorf("%s: %q %v", name, last, err)
	}
}
