package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/snapback/snapback/internal/demo/engine"
	"github.com/snapback/snapback/internal/demo/page"
	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
)

const (
	channelID   = "C0OPSALERTS"
	channelName = "ops-alerts"
	mariaID     = "U0MARIA"
	mariaMail   = "maria@shop.example"
	serviceID   = "PSHOP01"
	serviceName = "Shop"
	alertTitle  = "High error rate on shop"

	startWithin = 2 * time.Minute
)

// secrets are made anew for each run.
type secrets struct {
	slackToken, slackSigning, pagerDutyToken, webhook, api string
}

func newSecrets() secrets {
	return secrets{
		slackToken: "xoxb-" + rand.Text(), slackSigning: rand.Text(), pagerDutyToken: rand.Text(),
		webhook: rand.Text(), api: rand.Text() + rand.Text(),
	}
}

// openWorld starts what surrounds the product: Slack, PagerDuty, and the page.
func (n *night) openWorld(context.Context) error {
	if err := n.openSlack(); err != nil {
		return err
	}
	if err := n.openPagerDuty(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", n.opts.Addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is taken; choose another address for the page: %w", n.opts.Addr, err)
	}
	if err != nil {
		return fmt.Errorf("listening on %s: %w", n.opts.Addr, err)
	}
	n.pageURL = "http://" + local(l.Addr())
	n.serve("closing the page", l, page.New(page.Config{
		Slack: n.slack, Me: n.maria, Channel: n.channel, Side: n.side, Again: n.again, Log: n.opts.Logger,
	}))
	n.say(info, "The page is at %s; what this demo makes is labelled %s=%s", n.pageURL, engine.Label, n.run)
	n.suggest("One moment: the shop opens.")
	return nil
}

// local names the loopback address as browsers like it: cookies and terminals work on localhost without TLS.
func local(a net.Addr) string {
	tcp := a.(*net.TCPAddr)
	if tcp.IP.IsLoopback() || tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return a.String()
}

func (n *night) openSlack() error {
	s, err := slackfake.Listen("127.0.0.1:0", slackfake.Config{BotToken: n.secrets.slackToken, SigningSecret: n.secrets.slackSigning})
	if err != nil {
		return fmt.Errorf("starting the stand-in for Slack: %w", err)
	}
	n.undo("closing Slack", func(context.Context) error { s.Close(); return nil })
	n.slack, n.maria, n.channel = s, s.AddUser(mariaID, "Maria", mariaMail), s.AddChannel(channelID, channelName)
	return nil
}

func (n *night) openPagerDuty() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("starting the stand-in for PagerDuty: %w", err)
	}
	n.onCall = pagerdutyfake.User{ID: "PMARIA1", Name: "Maria", Email: mariaMail}
	n.pd = pagerdutyfake.New(pagerdutyfake.Config{
		APIToken: n.secrets.pagerDutyToken, Users: []pagerdutyfake.User{n.onCall}, BaseURL: "http://" + local(l.Addr()),
	})
	n.pd.AddService(serviceID, serviceName)
	mux := http.NewServeMux()
	mux.Handle("/", n.pd)
	mux.HandleFunc("GET /web/incidents/{id}", n.incidentPage)
	n.undo("closing PagerDuty", func(context.Context) error { n.pd.Close(); return nil })
	n.serve("closing PagerDuty's server", l, mux)
	return nil
}

// serve runs a server until the end.
func (n *night) serve(what string, l net.Listener, h http.Handler) {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{}) // closed when the server has ended
	go func() { defer close(done); _ = srv.Serve(l) }()
	n.undo(what, func(context.Context) error {
		err := srv.Close()
		<-done
		return err
	})
}

// startSnapback gives the product the environment that its users would, and lets Slack and PagerDuty know its address.
func (n *night) startSnapback(ctx context.Context) error {
	n.suggest("One moment: Snapback starts.")
	dir, err := n.dataDir()
	if err != nil {
		return err
	}
	env, err := n.environment(dir)
	if err != nil {
		return err
	}
	if n.host != "" {
		env["DOCKER_HOST"] = n.host
	}
	began := time.Now()
	url, err := n.launch(ctx, env)
	if err != nil {
		return err
	}
	n.product = url
	n.slack.SetEndpoints(slackfake.Endpoints{
		Interactions: url + "/slack/interactions", Commands: url + "/slack/commands", Events: url + "/slack/events",
	})
	n.pd.Subscribe(url+"/webhooks/pagerduty", n.secrets.webhook)
	n.say(good, "Snapback is ready at %s, after %s", url, seconds(time.Since(began)))
	return nil
}

// launch starts the product. It outlives ctx, so that it is stopped in order at the end, and not cut off.
func (n *night) launch(ctx context.Context, env map[string]string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("it was not ready within %s", startWithin))
	defer cancel()
	url := env["SNAPBACK_PUBLIC_URL"]
	stop, err := startProgram(ctx, n.opts.Snapback, env, url+"/readyz", n.opts.Stderr)
	if err != nil {
		return "", err
	}
	n.undo("stopping Snapback", stop)
	return url, nil
}

func (n *night) dataDir() (string, error) {
	if n.opts.DataDir != "" {
		return n.opts.DataDir, nil
	}
	dir, err := os.MkdirTemp("", "snapback-demo-")
	if err != nil {
		return "", fmt.Errorf("making a folder for data: %w", err)
	}
	// The private Postgres runs under an account of its own, which must be able to pass through.
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", fmt.Errorf("opening the folder for data: %w", err)
	}
	n.undo("removing the data", func(context.Context) error { return os.RemoveAll(dir) })
	return dir, nil
}

func (n *night) environment(dir string) (map[string]string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("looking for a free port: %w", err)
	}
	defer func() { _ = l.Close() }()
	return map[string]string{
		"SNAPBACK_DATA_DIR": dir, "SNAPBACK_LISTEN": l.Addr().String(), "SNAPBACK_METRICS_LISTEN": "127.0.0.1:0",
		"SNAPBACK_PUBLIC_URL": "http://" + local(l.Addr()), "SNAPBACK_API_TOKEN": n.secrets.api, "SNAPBACK_BASELINE_AFTER": baselineAfter.String(),
		"SNAPBACK_ERRORS_MINUTE": errorsMinute.String(),
		"SNAPBACK_ONLY":          engine.Label + "=" + n.run,
		"SLACK_API_URL":          n.slack.APIURL(), "SLACK_BOT_TOKEN": n.secrets.slackToken, "SLACK_SIGNING_SECRET": n.secrets.slackSigning,
		"SLACK_CHANNEL":     channelID,
		"PAGERDUTY_API_URL": n.pd.URL(), "PAGERDUTY_EVENTS_URL": n.pd.URL(), "PAGERDUTY_API_TOKEN": n.secrets.pagerDutyToken,
		"PAGERDUTY_FROM": mariaMail, "PAGERDUTY_WEBHOOK_SECRETS": n.secrets.webhook,
	}, nil
}
