package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/snapback/snapback/internal/slackfake"
)

// deployAgain is what brings a bad deploy back in real life: a pipeline runs again, which asks first and is told no, and somebody
// who does not ask.
func (n *night) deployAgain(ctx context.Context) error {
	why, err := n.refused(ctx, n.place.Ref(badVersion))
	if err != nil {
		return err
	}
	n.say(good, "The pipeline asks before it deploys shop %s again, and stops: %s", badVersion, why)
	if err := n.deploy(ctx, badVersion, n.badPool); err != nil {
		return err
	}
	n.say(bad, "Somebody deploys shop %s by hand all the same", badVersion)
	return nil
}

// refused asks for a snapshot as pipelines do, and returns why there is none.
func (n *night) refused(ctx context.Context, image string) (string, error) {
	body, err := json.Marshal(map[string]string{"reason": "pre-deploy", "deploying": image})
	if err != nil {
		return "", fmt.Errorf("asking for a snapshot: %w", err)
	}
	doc, err := n.call(ctx, http.MethodPost, "/containers/"+n.shop.Name+"/snapshots", string(body), http.StatusLocked)
	if err != nil {
		return "", err
	}
	var problem struct{ Detail string }
	if err := json.Unmarshal(doc, &problem); err != nil || problem.Detail == "" {
		return "", fmt.Errorf("reading why the deploy is on hold: %.300s: %w", doc, err)
	}
	return problem.Detail, nil
}

// again is what the page's button does. It is there while the shop is well after a restore.
func (n *night) again(ctx context.Context) error {
	n.mu.Lock()
	may := n.restoredNow()
	n.mu.Unlock()
	if !may {
		return errors.New("the shop is not restored, or the incident is over")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute) // a page that is closed leaves no half of a deploy
	defer cancel()
	return n.deployAgain(ctx)
}

var backLine = regexp.MustCompile(`shop ` + regexp.QuoteMeta(badVersion) + ` is back: the deploy that was rolled back at \d\d:\d\d`)

// comesBack has the bad deploy come back, reads that in the channel, and taps once more.
func (n *night) comesBack(ctx context.Context) error {
	if err := n.deployAgain(ctx); err != nil {
		return err
	}
	line := ""
	err := until(ctx, "the line that the deploy is back", patience, func() bool {
		m, _ := n.message()
		return slices.ContainsFunc(m.Replies, func(r slackfake.Message) bool {
			line = backLine.FindString(r.String() + "\n" + r.Text)
			return r.Broadcast && line != ""
		})
	})
	if err != nil {
		return fmt.Errorf("%w; the channel:\n%s", err, n.channel)
	}
	n.say(good, "In the channel: ⛔ %s", line)
	return n.tapRestore(ctx)
}
