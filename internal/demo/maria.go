package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
)

const (
	answerWithin = 3 * time.Second // what Slack grants
	patience     = time.Minute     // for whatever is waited for: a laptop that is busy is no reason to end the night
)

// playMaria does what she would do, and checks what she would see.
func (n *night) playMaria(ctx context.Context) error {
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"acknowledging", n.acknowledge}, {"opening a terminal", n.openTerminal}, {"restoring", n.restore},
		{"seeing it calm down", n.calmDown}, {"reading that errors are flat", n.readFlat}, {"sending back what comes back", n.comesBack},
		{"reading that errors are flat again", n.readFlat}, {"resolving", n.resolve}, {"exporting the timeline", n.printTimeline},
	} {
		if err := step.do(ctx); err != nil {
			n.say(bad, "%s: %v", step.what, err)
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	n.print(n.figures.String())
	return nil
}

// message is the alert as it is now.
func (n *night) message() (slackfake.Message, bool) {
	for _, m := range n.channel.Messages() {
		if !m.Deleted && m.Contains(alertTitle) {
			return m, true
		}
	}
	return slackfake.Message{}, false
}

// control waits for a button, or a menu's option, whose label begins so.
func (n *night) control(ctx context.Context, kind, label string) (found slackfake.Control, err error) {
	err = until(ctx, fmt.Sprintf("a %s %q", kind, label), patience, func() bool {
		c, ok := n.find(kind, label)
		if ok {
			found = c
		}
		return ok
	})
	if err != nil {
		err = fmt.Errorf("%w; the channel:\n%s", err, n.channel)
	}
	return found, err
}

func (n *night) find(kind, label string) (slackfake.Control, bool) {
	m, _ := n.message()
	for _, c := range m.Controls() {
		if strings.HasPrefix(c.Label, label) && (kind == "" || c.Kind == kind) {
			return c, true
		}
	}
	return slackfake.Control{}, false
}

// tap waits for the control and taps it. An answer that Slack would not have waited for is an error.
func (n *night) tap(ctx context.Context, kind, label string) error {
	c, err := n.control(ctx, kind, label)
	if err != nil {
		return err
	}
	a := n.maria.Tap(c)
	switch {
	case a.TimedOut || a.Took > answerWithin:
		return fmt.Errorf("the tap on %q was not answered within %s", c.Label, answerWithin)
	case !a.OK():
		return fmt.Errorf("the tap on %q was answered with %d: %w", c.Label, a.Status, a.Err)
	}
	n.say(info, "Maria taps %s; answered after %s", c.Label, millis(a.Took))
	n.figures.answers = append(n.figures.answers, a.Took)
	return nil
}

func (n *night) acknowledge(ctx context.Context) error {
	if err := n.tap(ctx, "button", "Acknowledge"); err != nil {
		return err
	}
	began := time.Now()
	err := until(ctx, "an acknowledgement by Maria in PagerDuty", patience, func() bool {
		by, ok := n.incident.AcknowledgedBy()
		return ok && by.Email == mariaMail && n.incident.Status() == pagerdutyfake.Acknowledged
	})
	if err != nil {
		return err
	}
	n.figures.toAcknowledged = time.Since(began)
	return until(ctx, "a message that says so", patience, func() bool { _, still := n.find("button", "Acknowledge"); return !still })
}

var terminalLink = regexp.MustCompile(`https?://[^\s"<>|\\]+/t#[^\s"<>|\\]+`)

func (n *night) openTerminal(ctx context.Context) error {
	if err := n.tap(ctx, "button", "Terminal"); err != nil {
		return err
	}
	link := ""
	err := until(ctx, "a link to a terminal, for Maria alone", patience, func() bool {
		for _, m := range n.maria.Ephemerals(n.channel) {
			link = terminalLink.FindString(string(m.Blocks) + " " + m.Text)
		}
		return link != ""
	})
	if err != nil {
		return err
	}
	if strings.Contains(n.channel.String(), "/t#") {
		return errors.New("the link to the terminal can be seen by everyone")
	}
	page, _, _ := strings.Cut(link, "#") // GET uses nothing up
	return n.opens(ctx, page)
}

func (n *night) opens(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("opening the terminal: %w", err)
	}
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Do(req)
	if err != nil {
		return fmt.Errorf("opening the terminal: %w", err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("opening the terminal: %s", resp.Status)
	}
	n.say(good, "The terminal's link came to her alone")
	return nil
}

// restore is the tap of the night.
func (n *night) restore(ctx context.Context) error {
	began := time.Now()
	n.figures.tapped, n.figures.before = began, n.traffic.Between(n.figures.deployed.Add(2*time.Second), began)
	if err := n.tapRestore(ctx); err != nil {
		return err
	}
	n.figures.restored, n.figures.toRestored = time.Now(), time.Since(began)
	at, err := n.restored(ctx)
	if err == nil && at.IsZero() {
		err = errors.New("the incident does not say when it was restored")
	}
	return err
}

// tapRestore taps the button, and checks what came of it. Undo is there once the restore is verified.
func (n *night) tapRestore(ctx context.Context) error {
	if err := n.tap(ctx, "button", "Restore pre-deploy"); err != nil {
		return err
	}
	if err := until(ctx, "a verified restore", patience, func() bool { _, ok := n.find("button", "Undo"); return ok }); err != nil {
		return fmt.Errorf("%w; the channel:\n%s", err, n.channel)
	}
	s, err := n.place.Look(ctx, n.shop.Name)
	if err == nil && (s.Version != goodVersion || s.Pool != goodPool || s.State != "running" || len(s.Kept) == 0 && !n.opts.Swarm) {
		err = fmt.Errorf("the shop is not what it was: version %s, DB_POOL=%s, %s, kept: %v", s.Version, s.Pool, s.State, s.Kept)
	}
	return err
}

// calmDown waits for whole seconds without an error, measured at the shop.
func (n *night) calmDown(ctx context.Context) error {
	const calm = 5
	err := until(ctx, fmt.Sprintf("%d seconds without an error", calm), patience, func() bool {
		all := n.traffic.Buckets(calm)
		failed := 0
		for _, b := range all {
			failed += b.Failed()
		}
		return len(all) == calm && all[0].Second > n.figures.restored.Unix() && failed == 0 && all[calm-1].OK > 0
	})
	if err != nil {
		return err
	}
	n.figures.downtime = n.traffic.Gap(n.figures.tapped, n.figures.restored)
	n.figures.after = n.traffic.Between(n.figures.restored.Add(time.Second), time.Now())
	n.say(good, "No errors for %d seconds", calm)
	return nil
}

// readFlat waits until the message says that errors are flat, as Snapback has counted them, and the channel and PagerDuty do too.
func (n *night) readFlat(ctx context.Context) error {
	line := ""
	err := until(ctx, "the line that errors are flat", patience, func() bool {
		m, _ := n.message()
		line = flatLine.FindString(m.String())
		return line != "" && slices.ContainsFunc(m.Replies, func(r slackfake.Message) bool { return r.Broadcast && strings.Contains(r.Text, line) })
	})
	if err != nil {
		return fmt.Errorf("%w; the channel:\n%s", err, n.channel)
	}
	if n.figures.toFlat == 0 { // the figures are of the first restore
		n.figures.toFlat = time.Since(n.figures.restored)
	}
	n.say(good, "In the channel: ✅ %s", line)
	err = until(ctx, "a note that errors are flat in PagerDuty", patience, func() bool {
		return slices.ContainsFunc(n.incident.Notes(), func(note pagerdutyfake.Note) bool { return strings.Contains(note.Content, line) })
	})
	if err != nil {
		return err
	}
	return until(ctx, "a picture of the errors in the alert's thread", patience, func() bool {
		m, _ := n.message()
		return slices.ContainsFunc(m.Replies, hasPicture)
	})
}

func hasPicture(m slackfake.Message) bool {
	return !m.Deleted && slices.ContainsFunc(m.Files, func(f slackfake.File) bool { return f.MIMEType == "image/png" && f.Alt != "" })
}

var flatLine = regexp.MustCompile(`Flat since \d\d:\d\d, .+ after the restore: [0-9.]+ a minute, baseline [0-9.]+`)

func (n *night) resolve(ctx context.Context) error {
	if err := n.tap(ctx, "", "Resolve"); err != nil {
		return err
	}
	if err := until(ctx, "a resolution in PagerDuty", patience, func() bool { return n.incident.Status() == pagerdutyfake.Resolved }); err != nil {
		return err
	}
	return until(ctx, "a message that says so", patience, func() bool { _, still := n.find("", "Resolve"); return !still })
}
