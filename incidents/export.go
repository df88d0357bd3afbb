package incidents

import (
	"archive/zip"
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// ErrFormat says that there is no such export format.
var ErrFormat = errors.New("no such export format")

// Report is what a post-mortem is made of.
type Report struct {
	Incident    Incident
	Entries     Entries        // nil: none
	Zone        *time.Location // for local times; nil: UTC
	Generated   time.Time
	Chain       string // "verified", or why not
	Environment string // where the service runs, for CDEvents; empty: production

	// Picture is what the errors around it were, as an SVG that can stand in a page, and in words; empty: none are kept.
	Picture Picture

	// Recordings are those of the incident's shells. The zip holds them, and the page plays those that are not too large; nil where
	// they are not for the reader, since what a shell has shown is not masked.
	Recordings []Recording
	Player     Player // of recordings, within the page; the zero one: the page plays none

	moments []moment // of the night, for who plays a recording
	removed removed  // the recordings that are not there any more, and how long they were kept
}

// Picture is a drawing of the errors around an incident. The SVG is the bot's own: what others have written is escaped in it.
type Picture struct {
	SVG   []byte
	Words string
}

// ErrorsNow is what is known of a container's errors at this moment, for a page that goes on asking.
type ErrorsNow struct {
	Figures string // errors a minute: now, at the spike, usually; or why they aren't known
	Said    string // what was said last of them in the incident; "": nothing
	SVG     []byte // as a Picture's; nil: there is nothing to draw
}

// Recording is what a shell has shown, as an asciicast of version 3; those of earlier builds are of version 2.
type Recording struct {
	ID        string // as in the details of its terminal.shell entry
	StartedAt time.Time
	Bytes     int64 // about as many; 0: not known
	Write     func(io.Writer) error
}

var recordingID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// recordingFile is the name of a recording within the zip; empty for what is no recording's ID.
func recordingFile(id string) string {
	if !recordingID.MatchString(id) {
		return ""
	}
	return "recordings/" + id + ".cast"
}

// Format is one form of an export.
type Format struct {
	Name      string // as in ?format=
	MediaType string
	FileName  string // within the zip
	render    func(io.Writer, Report) error
}

// Formats are all forms but the zip, which holds them.
func Formats() []Format {
	return []Format{
		{"md", "text/markdown; charset=utf-8", "postmortem.md", markdown},
		{"html", "text/html; charset=utf-8", "postmortem.html", page},
		{"json", "application/json", "timeline.json", document},
		{"cdevents", "application/cloudevents-batch+json", "cdevents.json", cdevents},
	}
}

// FindFormat returns ErrFormat, with the names that there are, for any other.
func FindFormat(name string) (Format, error) {
	var names []string
	for _, f := range append(Formats(), Format{"zip", "application/zip", "postmortem.zip", archive}) {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("%w: %.20q; there are %s", ErrFormat, name, strings.Join(names, ", "))
}

// Export writes r to w as md, html, json, cdevents, or zip (all of them, and r's recordings), reading r.Entries once or
// twice per form. What was written before an error is of no use: w is a place that can be thrown away. It returns an
// error that wraps ErrFormat for any other format.
func Export(w io.Writer, format string, r Report) error {
	f, err := FindFormat(format)
	if err != nil {
		return err
	}
	r = r.withDefaults()
	if r.moments, err = r.findMoments(); err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := errors.Join(f.render(out, r), out.Flush()); err != nil {
		return fmt.Errorf("exporting incident %s as %s: %w", r.Incident.PagerDutyID, f.Name, err)
	}
	return nil
}

func (r Report) withDefaults() Report {
	if r.Zone == nil {
		r.Zone = time.UTC
	}
	if r.Entries == nil {
		r.Entries = List{}
	}
	return r
}

// document is the JSON form. Entries are as they were written, so that Verify holds for what is read back. They are put
// one by one into the place of an empty list, so that they need not all be in memory.
func document(w io.Writer, r Report) error {
	head, err := json.MarshalIndent(struct {
		Incident  Incident  `json:"incident"`
		Durations Spans     `json:"durations"`
		Chain     string    `json:"chain"`
		TimeZone  string    `json:"time_zone"`
		Generated time.Time `json:"generated_at"`
		Entries   []Entry   `json:"entries"`
	}{r.Incident, Durations(r.Incident), r.Chain, r.Zone.String(), r.Generated.UTC(), []Entry{}}, "", "  ")
	if err != nil {
		return err
	}
	head, tail := head[:len(head)-len("]\n}")], "]\n}\n"
	if _, err := w.Write(head); err != nil {
		return err
	}
	before, last := "\n    ", ""
	err = r.Entries.InOrder(func(e Entry) error {
		doc, err := json.MarshalIndent(e, "    ", "  ")
		if err != nil {
			return fmt.Errorf("entry %d: %w", e.Seq, err)
		}
		_, err = fmt.Fprintf(w, "%s%s", before, doc)
		before, last = ",\n    ", "\n  "
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, last+tail)
	return err
}

// archive is a zip of every other form and the recordings, in a folder of its own.
func archive(w io.Writer, r Report) error {
	z := zip.NewWriter(w)
	for _, f := range Formats() {
		if err := r.pack(z, f.FileName, r.Generated, func(w io.Writer) error { return f.render(w, r) }); err != nil {
			return err
		}
	}
	for _, rec := range r.Recordings {
		if name := recordingFile(rec.ID); name != "" {
			if err := r.pack(z, name, rec.StartedAt, r.cast(rec)); err != nil {
				return err
			}
		}
	}
	return z.Close()
}

func (r Report) pack(z *zip.Writer, name string, modified time.Time, write func(io.Writer) error) error {
	folder := fmt.Sprintf("incident-%d/", r.Incident.Number)
	file, err := z.CreateHeader(&zip.FileHeader{Name: folder + name, Method: zip.Deflate, Modified: modified.UTC()})
	if err != nil {
		return err
	}
	if err := write(file); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
