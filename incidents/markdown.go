package incidents

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/snapback/snapback/internal/outside"
)

// markdown is the form that people paste into a wiki: GitHub's flavour.
func markdown(w io.Writer, r Report) error {
	s, err := newStory(r)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w) // keeps the first error for Flush
	s.writeHeader(b)
	if r.Picture.Words != "" {
		fmt.Fprintf(b, "\n## Errors\n\n%s\n", text(r.Picture.Words))
	}
	s.writeChanges(b)
	if err := writeTimeline(b, r); err != nil {
		return err
	}
	for _, q := range s.Questions {
		fmt.Fprintf(b, "\n## %s\n\n", q)
	}
	fmt.Fprintf(b, "\n---\n\nMade by Snapback, %s. Timeline: %s.\n", text(s.Generated), text(s.Chain))
	return b.Flush()
}

func (s story) writeHeader(b *bufio.Writer) {
	fmt.Fprintf(b, "# Post-mortem: %s\n\n| | |\n|---|---|\n", text(s.Title))
	row(b, "Incident", linkTo(s.Number, s.URL))
	for _, f := range s.facts() {
		row(b, f.Name, text(f.Took))
	}
	b.WriteString("\n## Durations\n\n| | |\n|---|---|\n")
	for _, d := range s.Spans {
		row(b, d.Name, text(d.Took))
	}
}

// facts are the header's lines that are there.
func (s story) facts() []namedSpan {
	all := []namedSpan{
		{"Service", s.Service}, {"Urgency", s.Urgency}, {"Priority", s.Priority}, {"Status", s.Status},
		{"Opened", s.Opened}, {"Acknowledged", s.Acknowledged}, {"Resolved", s.Resolved},
	}
	var known []namedSpan
	for _, f := range all {
		if f.Took != "" {
			known = append(known, f)
		}
	}
	return known
}

func (s story) writeChanges(b *bufio.Writer) {
	b.WriteString("\n## What the last deploy changed\n\n")
	if len(s.Deploys) == 0 {
		b.WriteString("No deploy is on the timeline.\n")
	}
	for _, d := range s.Deploys {
		bullet(b, 0, text(d.When)+": "+text(d.Summary))
		for _, c := range d.Changes {
			bullet(b, 1, text(c))
		}
	}
	b.WriteString("\n## Restores\n\n")
	if len(s.Restores) == 0 {
		b.WriteString("Nothing was restored.\n")
	}
	for _, r := range s.Restores {
		r.write(b)
	}
}

func (r restore) write(b *bufio.Writer) {
	bullet(b, 0, text(r.When)+": "+text(r.Summary))
	if r.Error != "" {
		bullet(b, 1, "Error: "+text(r.Error))
	}
	if r.Downtime != "" {
		bullet(b, 1, "Downtime: "+text(r.Downtime))
	}
	for _, p := range r.Phases {
		bullet(b, 1, text(p.Name)+": "+text(p.Took))
	}
	for _, d := range r.Differences {
		bullet(b, 1, "Not as it was: "+text(d))
	}
}

func writeTimeline(b *bufio.Writer, r Report) error {
	fmt.Fprintf(b, "\n## Timeline\n\n| UTC | %s | Who | What | Source |\n|---|---|---|---|---|\n", text(r.Zone.String()))
	return r.lines(func(l line) error {
		row(b, text(l.UTC), text(l.Local), text(l.Actor), text(l.whatHappened()), linkTo(l.Source, l.URL))
		return nil
	})
}

// whatHappened is the summary, and where that can be watched.
func (l line) whatHappened() string {
	if l.Recording == "" {
		return l.Summary
	}
	return l.Summary + " (" + l.Recording + ")"
}

func row(b *bufio.Writer, cells ...string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func bullet(b *bufio.Writer, depth int, s string) {
	b.WriteString(strings.Repeat("  ", depth) + "- " + s + "\n")
}

// text makes s mean itself: no markup, no HTML, no table cell, no link, no mention of people.
func text(s string) string {
	return strings.NewReplacer(
		// Entities where renderers differ on backslashes, above all within tables.
		"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "&#124;", "@", "&#64;",
		`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`, "#", `\#`, "!", `\!`, "$", `\$`,
		// Bare addresses become links by themselves in GitHub's flavour.
		"://", `\://`, "www.", `www\.`, "WWW.", `WWW\.`,
	).Replace(outside.Line(s))
}

// linkTo is a link, or the words alone when there is nowhere to go.
func linkTo(words, address string) string {
	if address == "" {
		return text(words)
	}
	address = strings.NewReplacer("(", "%28", ")", "%29", "<", "%3C", ">", "%3E", "|", "%7C", `\`, "%5C", "`", "%60",
		`"`, "%22", "[", "%5B", "]", "%5D", " ", "%20", "*", "%2A").Replace(address)
	return "[" + text(words) + "](" + address + ")"
}
