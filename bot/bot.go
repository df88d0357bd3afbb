package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/internal/limit"
)

// Config is how the bot reaches Slack and people. BotToken is required, and so is one of SigningSecret and AppToken.
type Config struct {
	BotToken      string // xoxb-…
	SigningSecret string // what Slack signs its calls with; "": Handler refuses everything
	AppToken      string // xapp-…: Socket Mode; "": off
	APIURL        string // "": Slack's own
	Channel       string // where an alert goes whose container names no channel; "": such an alert stays unposted

	Quiet   bool                        // no reply is shown in the channel because a restore has worked
	Zone    *time.Location              // of the times that people read; nil: UTC
	Logger  *slog.Logger                // nil: nothing is logged
	Observe func(event, outcome string) // for metrics, both from bounded sets; nil: nothing
	Posted  func(after time.Duration)   // hears how long after an incident was stored its message was posted, for metrics; nil: nobody does
	Now     func() time.Time            // nil: time.Now
	Client  *http.Client                // nil: one with a time-out of 15 s
	Budget  time.Duration               // how long building a message may ask the engine, or wait for the timeline; thrice as long once it is posted; 0: 2 s
	Late    time.Duration               // a tap that is older when it comes to be handled is refused; 0: 60 s
	Gap     time.Duration               // between two posts in a channel, beyond a short burst; 0: 1 s

	SocketPause time.Duration // after a first short connection of Socket Mode; it doubles with each more; 0: 1 s
}

func (c Config) withDefaults() Config {
	set(&c.Zone, time.UTC)
	set(&c.Logger, slog.New(slog.DiscardHandler))
	set(&c.Client, &http.Client{Timeout: 15 * time.Second, CheckRedirect: stay})
	set(&c.Budget, offerBudget)
	set(&c.Late, time.Minute)
	set(&c.Gap, time.Second)
	set(&c.SocketPause, time.Second)
	set(&c.APIURL, slack.APIURL)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Observe == nil {
		c.Observe = func(string, string) {}
	}
	if c.Posted == nil {
		c.Posted = func(time.Duration) {}
	}
	if !strings.HasSuffix(c.APIURL, "/") {
		c.APIURL += "/"
	}
	return c
}

// stay follows no redirect: the token would go along.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// set gives a setting its default.
func set[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// Bot is the bot's side of Slack. Its methods may be called from several goroutines.
type Bot struct {
	Deps
	cfg   Config
	log   *slog.Logger
	api   *slack.Client
	turns *limit.Limiter[string] // to post, of each channel

	directory *Directory

	sockets sockets

	ctx    context.Context // ends with Stop
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // every goroutine of the bot
	start  sync.Once

	answers chan struct{} // holds one for each person whose answer is tried again; never closed
}

// New makes a bot. It calls nobody: a token that is wrong shows in SelfTest and in every Deliver. Without any Deps at all
// it is good for SelfTest alone, which is what a check of the set-up needs.
func New(c Config, d Deps) (*Bot, error) {
	c = c.withDefaults()
	switch {
	case c.BotToken == "":
		return nil, errors.New("bot: no bot token")
	case c.SigningSecret == "" && c.AppToken == "":
		return nil, errors.New("bot: neither a signing secret nor an app token")
	}
	if missing := d.missing(); missing != "" && d != (Deps{}) {
		return nil, fmt.Errorf("bot: no %s", missing)
	}
	if d.Directory == nil {
		d.Directory = NewDirectory(c)
	}
	b := &Bot{Deps: d, cfg: c, log: c.Logger, turns: limit.New[string](c.Gap, paceBurst, paceKeys), directory: d.Directory, api: d.Directory.api}
	b.sockets.tried = make(chan struct{})
	b.answers = make(chan struct{}, maxAnswers)
	b.ctx, b.cancel = context.WithCancelCause(context.Background())
	return b, nil
}

func (d Deps) missing() string {
	for name, there := range map[string]bool{
		"Incidents": d.Incidents != nil, "Timeline": d.Timeline != nil, "Messages": d.Messages != nil, "Inbox": d.Inbox != nil,
		"Access": d.Access != nil, "Containers": d.Containers != nil, "Snapshots": d.Snapshots != nil, "Deploys": d.Deploys != nil,
		"Offers": d.Offers != nil, "Restorer": d.Restorer != nil, "Restores": d.Restores != nil,
	} {
		if !there {
			return name
		}
	}
	return ""
}

// Start connects Socket Mode if there is an app token. It can be called twice.
func (b *Bot) Start() {
	b.start.Do(func() {
		if b.cfg.AppToken != "" {
			b.wg.Go(b.listen)
		}
	})
}

// Stop ends Socket Mode and waits for it until ctx ends. It can be called twice.
func (b *Bot) Stop(ctx context.Context) error {
	b.cancel(errors.New("the bot is stopping"))
	done := make(chan struct{})
	go func() { b.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for Socket Mode: %w", ctx.Err())
	}
}
