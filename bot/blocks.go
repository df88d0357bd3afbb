package bot

import (
	"encoding/json"

	"github.com/slack-go/slack"

	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// The constructors below keep each text within Slack's limits. Texts for plain take outside text as it is; texts for
// mrkdwn have been through quote already.

func plain(s string, limit int) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, literal(s, limit), false, false)
}

// mrkdwn is verbatim: Slack doesn't look for links and names in it by itself.
func mrkdwn(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, s, false, true)
}

func section(text string) *slack.SectionBlock {
	return slack.NewSectionBlock(mrkdwn(text), nil, nil)
}

// sections are as many as the lines need, but n at most.
func sections(n int, all []string) []slack.Block {
	var out []slack.Block
	for _, page := range pages(maxSection, n, all) {
		out = append(out, section(page))
	}
	return out
}

// maxMessage is what all blocks of a message may come to, as JSON. The reference names no such limit, but Slack refuses
// about 13,000 characters of text with msg_blocks_too_long.
const maxMessage = 12000

// messages are as many as the blocks need.
func (r Rendering) messages() []Rendering {
	out := []Rendering{{Text: r.Text}}
	used := 0
	for _, b := range r.Blocks {
		n := weight(b)
		last := &out[len(out)-1]
		if len(last.Blocks) == maxMessageBlocks || len(last.Blocks) > 0 && used+n > maxMessage {
			out, used = append(out, Rendering{Text: r.Text}), 0
			last = &out[len(out)-1]
		}
		last.Blocks = append(last.Blocks, b)
		used += n
	}
	return out
}

// weight is what blocks come to, as JSON.
func weight(blocks ...slack.Block) (n int) {
	for _, b := range blocks {
		doc, _ := json.Marshal(b) // a plain struct: always encodable
		n += len(doc)
	}
	return n
}

func note(text string) *slack.ContextBlock { return slack.NewContextBlock("", mrkdwn(text)) }

func button(act, label string, v value) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(act, v.String(), plain(label, maxButton))
}

func linkButton(label, url string) *slack.ButtonBlockElement {
	b := slack.NewButtonBlockElement(actLink, "", plain(label, maxButton))
	b.URL = url
	return b
}

func confirm(title, text, yes string) *slack.ConfirmationBlockObject {
	return slack.NewConfirmationBlockObject(plain(title, maxConfirmTitle),
		slack.NewTextBlockObject(slack.PlainTextType, clip(text, maxConfirmText), false, false),
		plain(yes, 30), plain("Not now", 30))
}

// clip is fit for text that has been escaped piece by piece: it is cut between lines.
func clip(text string, limit int) string {
	if size(text) <= limit {
		return text
	}
	return fit(text, limit)
}

// restoreButton asks before it acts, and says what is lost. It is red for a way out. Clients may leave the question out, so nothing relies on it.
func restoreButton(label string, incident int64, c snapshot.Container, o restore.Offer) *slack.ButtonBlockElement {
	v := valueFor(incident, c)
	v.Snapshot = o.Snapshot.Name
	b := button(actRestore, label, v)
	if o.WayOut() {
		b = b.WithStyle(slack.StyleDanger)
	}
	return b.WithConfirm(confirm("Restore "+c.Called()+"?", whatHappens(c, o), "Restore").WithStyle(slack.StyleDanger))
}

func undoButton(incident int64, c snapshot.Container, r restore.Restore) *slack.ButtonBlockElement {
	v := valueFor(incident, c)
	v.Restore = r.ID
	text := "The container from before the restore, " + r.Plan.KeptName + ", takes its place again. What runs now is kept, stopped."
	if r.Plan.Service {
		text = "The spec from before the restore, kept as " + r.Plan.KeptName + ", takes its place again. The spec of now is kept."
	}
	if r.Plan.Volumes != nil {
		text += " Its volumes go back as well; what they hold now is kept."
	}
	return button(actUndo, "Undo", v).WithConfirm(confirm("Undo the restore of "+r.Container+"?", literal(text, maxConfirmText), "Undo"))
}

func resolveButton(incident int64) *slack.ButtonBlockElement {
	return button(actResolve, "Resolve", value{Incident: incident}).WithConfirm(
		confirm("Resolve the incident?", "PagerDuty is told that it is over. Open terminals end.", "Resolve"))
}

func option(v value, label string) *slack.OptionBlockObject {
	return slack.NewOptionBlockObject(v.String(), plain(label, maxOption), nil)
}

// menu leaves out what Slack would refuse.
func menu(options ...*slack.OptionBlockObject) *slack.OverflowBlockElement {
	m := slack.NewOverflowBlockElement(actMore)
	for _, o := range options {
		if len(m.Options) < maxOptions && size(o.Value) <= maxOptionValue {
			m.Options = append(m.Options, o)
		}
	}
	return m
}
