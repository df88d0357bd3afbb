package docker

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/docker/cli/cli/connhelper"
	contexts "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/docker/client"
)

// connection is a client, and what it sends over.
type connection struct {
	cli  *client.Client
	http *http.Client
	base string // scheme and host of requests that the client has no method for
	from string // what names the engine, for people

	inTheClear bool // over a network, without TLS
}

// connect makes a client for the engine that is named, as the docker program finds it: by the host that is given, DOCKER_HOST,
// the context of DOCKER_CONTEXT, the current context of docker's own settings, or else the usual socket. Errors name the setting.
func connect(host, certs string, getenv func(string) string) (connection, error) {
	opts, from, err := whichEngine(host, certs, getenv)
	if err != nil {
		return connection{}, err
	}
	c := connection{from: from}
	var secure bool
	opts = append(opts, client.WithAPIVersionNegotiation(), func(cli *client.Client) error {
		c.http = cli.HTTPClient()
		transport, ok := c.http.Transport.(*http.Transport)
		if ok { // each of the calls that run side by side would be a new connection otherwise
			transport.MaxIdleConns, transport.MaxIdleConnsPerHost = atOnce, atOnce
		}
		secure = ok && transport.TLSClientConfig != nil
		return client.WithHTTPClient(c.http)(cli)
	})
	if c.cli, err = client.NewClientWithOpts(opts...); err != nil {
		return connection{}, fmt.Errorf("%s: %w", from, err)
	}
	at, err := client.ParseHostURL(c.cli.DaemonHost())
	c.inTheClear = err == nil && at.Scheme == "tcp" && !secure && !OnThisMachine(at.Host)
	c.http.Transport = &firstAnswer{next: denials{c.http.Transport}} // the client goes on using this http.Client
	if c.base, err = baseURL(c.cli.DaemonHost(), secure); err != nil {
		return connection{}, fmt.Errorf("%s: %w", from, err)
	}
	return c, nil
}

// OnThisMachine says that what is said to an address, with or without a port, does not leave the machine.
func OnThisMachine(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// whichEngine goes in the order of the docker program.
func whichEngine(host, certs string, getenv func(string) string) (opts []client.Opt, from string, err error) {
	if host != "" {
		opts, err = namedOpts(host, certs, getenv)
		return opts, host, err
	}
	if host = getenv(client.EnvOverrideHost); host != "" {
		if opts, err = hostOpts(host); err != nil {
			err = fmt.Errorf("DOCKER_HOST: %w", err)
		}
		return opts, "DOCKER_HOST", err
	}
	folder := configFolder(getenv)
	name, from := getenv("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	if name == "" {
		from = filepath.Join(folder, "config.json")
		if name, err = currentContext(from); err != nil {
			return nil, from, err
		}
	}
	if name == "" || name == "default" {
		return []client.Opt{client.FromEnv}, "the default socket", nil
	}
	if opts, err = contextOpts(folder, name); err != nil {
		err = fmt.Errorf("%s: context %q: %w", from, name, err)
	}
	return opts, fmt.Sprintf("context %q of %s", name, from), err
}

// namedOpts are for an engine that was named, beside which others may be: what the environment says of another one's certificates
// is not for its socket.
func namedOpts(host, certs string, getenv func(string) string) ([]client.Opt, error) {
	if host == "default" { // which is in no store
		host = client.DefaultDockerHost
	}
	switch {
	case !strings.Contains(host, "://"):
		return contextOpts(configFolder(getenv), host)
	case strings.HasPrefix(host, "ssh://"):
		return sshOpts(host)
	case strings.HasPrefix(host, "unix://"):
		return []client.Opt{client.WithHost(host), client.WithVersionFromEnv()}, nil
	}
	if _, rest, _ := strings.Cut(host, "://"); strings.Contains(rest, "@") { // which the client's errors would quote
		return nil, errors.New("only ssh:// takes a user")
	}
	opts := []client.Opt{client.WithHost(host), client.WithVersionFromEnv()}
	if certs = cmp.Or(certs, getenv(client.EnvOverrideCertPath)); certs != "" { // with or without DOCKER_TLS_VERIFY
		file := func(name string) string { return filepath.Join(certs, name) }
		opts = append([]client.Opt{client.WithTLSClientConfig(file("ca.pem"), file("cert.pem"), file("key.pem"))}, opts...)
	}
	return opts, nil
}

func hostOpts(host string) ([]client.Opt, error) {
	if strings.HasPrefix(host, "ssh://") {
		return sshOpts(host)
	}
	if _, rest, _ := strings.Cut(host, "://"); strings.Contains(rest, "@") { // which the client's errors would quote
		return nil, errors.New("only ssh:// takes a user")
	}
	return []client.Opt{client.FromEnv, client.WithHost(host)}, nil
}

// sshOpts reaches an engine as the docker program does: ssh runs "docker system dial-stdio" there. Nobody is there to be asked
// for a password, and a connection that has died unnoticed has an end.
func sshOpts(host string) ([]client.Opt, error) {
	if _, err := exec.LookPath("ssh"); err != nil {
		return nil, errors.New("an engine behind ssh:// needs the program ssh, which is not installed here")
	}
	helper, err := connhelper.GetConnectionHelperWithSSHOpts(host, []string{
		"-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3",
	})
	if err != nil {
		return nil, err
	}
	// Each connection is a process and takes a login, so that those that run side by side are kept for a while.
	transport := &http.Transport{DialContext: helper.Dialer, MaxIdleConnsPerHost: atOnce, IdleConnTimeout: 2 * time.Minute}
	return []client.Opt{
		client.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: client.CheckRedirect}),
		client.WithHost(helper.Host), client.WithDialContext(helper.Dialer), client.WithVersionFromEnv(),
	}, nil
}

// contextOpts reads a context from the docker program's store, with its certificates.
func contextOpts(folder, name string) ([]client.Opt, error) {
	contextStore := store.New(filepath.Join(folder, "contexts"), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(contexts.DockerEndpoint, func() any { return &contexts.EndpointMeta{} }),
	))
	meta, err := contextStore.GetMetadata(name)
	if err != nil {
		return nil, err
	}
	at, ok := meta.Endpoints[contexts.DockerEndpoint].(contexts.EndpointMeta)
	if !ok || at.Host == "" {
		return nil, errors.New("it names no Docker engine")
	}
	if strings.HasPrefix(at.Host, "ssh://") {
		return sshOpts(at.Host)
	}
	endpoint, err := contexts.WithTLSData(contextStore, name, at)
	if err != nil {
		return nil, err
	}
	return endpoint.ClientOpts()
}

// configFolder is where the docker program keeps its settings.
func configFolder(getenv func(string) string) string {
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(getenv("HOME"), ".docker")
}

// currentContext is the one that "docker context use" has chosen; "" when there is none.
func currentContext(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var settings struct {
		CurrentContext string `json:"currentContext"`
	}
	if err := json.Unmarshal(text, &settings); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return settings.CurrentContext, nil
}

// baseURL is where the client sends its requests. Sockets have no host name, but HTTP wants one.
func baseURL(host string, secure bool) (string, error) {
	u, err := client.ParseHostURL(host)
	if err != nil {
		return "", err
	}
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	if u.Scheme == "unix" || u.Scheme == "npipe" {
		return scheme + client.DummyHost, nil
	}
	return scheme + u.Host + strings.TrimSuffix(u.Path, "/"), nil
}
