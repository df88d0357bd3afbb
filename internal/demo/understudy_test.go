package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/slack-go/slack"
)

// understudy knows the product's lines, and nothing else of it: enough to see that the demo plays its own part.
type understudy struct {
	docker  *client.Client
	env     map[string]string
	api     *slack.Client
	wg      sync.WaitGroup
	stopped bool

	mu       sync.Mutex // guards all below
	shop     string
	incident string
	ts       string
	acked    bool
	restored time.Time
}

func (u *understudy) start(_ context.Context, env map[string]string) (func(context.Context) error, string, error) {
	u.env = env
	u.api = slack.New(env["SLACK_BOT_TOKEN"], slack.OptionAPIURL(env["SLACK_API_URL"]))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containers/{name}/snapshots", u.snapshots)
	mux.HandleFunc("POST /webhooks/pagerduty", u.webhook)
	mux.HandleFunc("POST /slack/interactions", u.tap)
	mux.HandleFunc("GET /incidents/{id}", u.get)
	mux.HandleFunc("GET /incidents/{id}/export", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "# High error rate on shop") })
	mux.HandleFunc("GET /t", func(http.ResponseWriter, *http.Request) {})
	l, err := net.Listen("tcp", env["SNAPBACK_LISTEN"])
	if err != nil {
		return nil, "", err
	}
	srv := &http.Server{Handler: mux}
	u.wg.Go(func() { _ = srv.Serve(l) })
	stop := func(context.Context) error {
		u.stopped = true
		err := srv.Close()
		u.wg.Wait()
		return err
	}
	return stop, env["SNAPBACK_PUBLIC_URL"], nil
}

func (u *understudy) snapshots(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+u.env["SNAPBACK_API_TOKEN"] {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	u.mu.Lock()
	u.shop = r.PathValue("name")
	u.mu.Unlock()
	fmt.Fprint(w, `{"snapshots":[{"name":"baseline-2250","reason":"baseline"}]}`)
}

func (u *understudy) webhook(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Event struct {
			Type string `json:"event_type"`
			Data struct{ ID string }
		}
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	w.WriteHeader(http.StatusAccepted)
	u.wg.Go(func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		switch body.Event.Type {
		case "incident.triggered":
			u.incident = body.Event.Data.ID
			_, u.ts, _ = u.api.PostMessage(u.env["SLACK_CHANNEL"], u.blocks("restore", "acknowledge", "terminal"))
		case "incident.acknowledged":
			u.acked = true
			u.update("restore", "terminal")
		case "incident.resolved":
			u.update()
		}
	})
}

var labels = map[string]string{
	"restore": "Restore pre-deploy-2255", "acknowledge": "Acknowledge", "terminal": "Terminal", "undo": "Undo", "resolve": "Resolve",
}

func (u *understudy) blocks(buttons ...string) slack.MsgOption {
	all := []slack.Block{slack.NewHeaderBlock(slack.NewTextBlockObject(slack.PlainTextType, "High error rate on shop", false, false))}
	var elements []slack.BlockElement
	for _, b := range buttons {
		elements = append(elements, slack.NewButtonBlockElement(b, b, slack.NewTextBlockObject(slack.PlainTextType, labels[b], false, false)))
	}
	if len(elements) > 0 {
		all = append(all, slack.NewActionBlock("", elements...))
	}
	return slack.MsgOptionBlocks(all...)
}

func (u *understudy) update(buttons ...string) {
	_, _, _, _ = u.api.UpdateMessage(u.env["SLACK_CHANNEL"], u.ts, u.blocks(buttons...))
}

func (u *understudy) tap(_ http.ResponseWriter, r *http.Request) {
	var i slack.InteractionCallback
	if err := json.Unmarshal([]byte(r.PostFormValue("payload")), &i); err != nil {
		return
	}
	act := i.ActionCallback.BlockActions[0].ActionID
	u.wg.Go(func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		switch act {
		case "acknowledge":
			u.pagerDuty("acknowledged")
		case "resolve":
			u.pagerDuty("resolved")
		case "terminal":
			link := fmt.Sprintf("<%s/t#token|Open>", u.env["SNAPBACK_PUBLIC_URL"])
			_, _ = u.api.PostEphemeral(i.Channel.ID, i.User.ID, slack.MsgOptionText(link, false))
		case "restore":
			if err := u.swap(); err == nil {
				u.restored = time.Now()
				u.update("undo", "resolve")
			}
		}
	})
}

func (u *understudy) pagerDuty(status string) {
	doc := fmt.Sprintf(`{"incident":{"type":"incident","status":%q}}`, status)
	req, _ := http.NewRequest(http.MethodPut, u.env["PAGERDUTY_API_URL"]+"/incidents/"+u.incident, bytes.NewBufferString(doc))
	req.Header.Set("Authorization", "Token token="+u.env["PAGERDUTY_API_TOKEN"])
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("From", u.env["PAGERDUTY_FROM"])
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
	}
}

// swap puts the good version in the place of the bad one, and keeps that.
func (u *understudy) swap() error {
	ctx := context.Background()
	old, err := u.docker.ContainerInspect(ctx, u.shop)
	if err != nil {
		return err
	}
	config := *old.Config
	config.Image, config.Env, config.Hostname = "snapback-demo/shop:1.41", []string{"DB_POOL=20"}, ""
	if err := u.docker.ContainerStop(ctx, old.ID, container.StopOptions{}); err != nil {
		return err
	}
	if err := u.docker.ContainerRename(ctx, old.ID, u.shop+".before-0347"); err != nil {
		return err
	}
	made, err := u.docker.ContainerCreate(ctx, &config, old.HostConfig, nil, nil, u.shop)
	if err != nil {
		return err
	}
	return u.docker.ContainerStart(ctx, made.ID, container.StartOptions{})
}

func (u *understudy) get(w http.ResponseWriter, _ *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	_ = json.NewEncoder(w).Encode(map[string]time.Time{"restored_at": u.restored})
}
