package bot

import (
	"context"
	"errors"
	"strings"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/access/signin"
)

// signin gives whoever typed it a link that registers a passkey, so that only they see it. Where they are known, in Slack, is
// where they get it.
func (h *handling) signin(ctx context.Context) error {
	if h.Signin == nil {
		return &denial{sentence: "There is no console here."}
	}
	m, err := h.Signin.MintInSlack(ctx, h.who, h.source())
	if errors.Is(err, signin.ErrNoPasskeys) {
		return &denial{sentence: "Nobody can sign in to the console: " + strings.TrimPrefix(err.Error(), signin.ErrNoPasskeys.Error()+": ") + "."}
	}
	if err != nil {
		return err
	}
	h.say(ctx, signinAnswer(m.URL, m.ExpiresAt.In(h.cfg.Zone).Format("15:04")))
	return nil
}

// signinAnswer is for one person's eyes. The text that notifications show has no link.
func signinAnswer(url, until string) Rendering {
	text := "For you alone: open this on the phone that you want to use, and register its passkey. It works once, until " + until + "."
	blocks := []slack.Block{section(text)}
	if linkable(url) {
		blocks = []slack.Block{
			section(text + "\n" + link(url, "Register this device")),
			slack.NewActionBlock("", linkButton("Register this device", url).WithStyle(slack.StylePrimary)),
		}
	}
	return Rendering{Text: text, Blocks: append(blocks, note("Pass it to nobody: whoever opens it is you. The channel hears of each passkey."))}
}
