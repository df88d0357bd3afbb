package incidents_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/incidents"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sealed chains entries as the store does.
func sealed(t *testing.T, entries ...incidents.Entry) incidents.List {
	t.Helper()
	var prev []byte
	for i := range entries {
		e := &entries[i]
		e.ID, e.IncidentID, e.Seq, e.RecordedAt = int64(100+i), 7, int64(i+1), e.OccurredAt.Add(time.Second)
		if err := e.Seal(prev); err != nil {
			t.Fatal(err)
		}
		prev = e.Hash
	}
	return entries
}

// night is the story of the design, as a report.
func night(t *testing.T) incidents.Report {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	anna := incidents.Actor{Kind: incidents.Person, SlackID: "U1", Name: "Anna"}
	const pd = "https://acme.pagerduty.com/incidents/PGR0VU2"
	return incidents.Report{
		Incident: incidents.Incident{
			ID: 7, PagerDutyID: "PGR0VU2", Number: 42, Title: "Errors over 5 % in checkout", ServiceID: "PF9KMXH", Service: "shop-api",
			Status: incidents.Resolved, Urgency: "high", Priority: "P1", URL: pd, OpenedAt: at("02:42:05"), AcknowledgedAt: at("02:43:10"),
			AcknowledgedBy: "Anna", RestoredAt: at("02:46:03"), FlatAt: at("02:47:00"), ResolvedAt: at("02:50:00"), ResolvedBy: "Anna",
		},
		Entries: sealed(
			t,
			incidents.Entry{
				OccurredAt: at("01:55:00"), Kind: incidents.KindDeploy, Actor: incidents.Actor{Kind: incidents.Engine, Name: "docker"}, Source: incidents.Source{System: "engine", NativeID: "abc"},
				Summary: "api was deployed: shop:1.41 → shop:1.42", Details: json.RawMessage(`{"before":"shop:1.41","after":"shop:1.42","snapshot":"pre-deploy-2255","changes":[{"attribute":"image","before":"shop:1.41","after":"shop:1.42"},{"attribute":"env DB_POOL","before":"20","after":"2"},{"attribute":"env API_KEY","masked":true}]}`),
			},
			incidents.Entry{
				OccurredAt: at("02:42:05"), Kind: incidents.KindPagerDutyTriggered, Actor: incidents.Actor{Kind: incidents.PagerDuty, Name: "Monitoring"},
				Source: incidents.Source{System: "pagerduty", NativeID: "01E", URL: pd}, Summary: "Monitoring opened the incident: Errors over 5 % in checkout.",
			},
			incidents.Entry{
				OccurredAt: at("02:43:10"), Kind: incidents.KindPagerDutyAcked, Actor: anna, Source: incidents.Source{System: "slack", URL: "https://acme.slack.com/archives/C1/p1"},
				Summary: "Anna acknowledged the incident.",
			},
			incidents.Entry{
				OccurredAt: at("02:44:30"), Kind: incidents.KindTerminalShell, Actor: anna, Source: incidents.Source{System: "snapback", URL: "https://snapback.example.com/incidents/7/timeline"}, Summary: "Anna started a shell in api",
				Details: json.RawMessage(`{"recording":"QRSTUV","container":"api"}`),
			},
			incidents.Entry{
				OccurredAt: at("02:46:03"), Kind: incidents.KindRestoreVerified, Actor: anna, Source: incidents.Source{System: "engine"}, Summary: "api runs as in pre-deploy-2255 again.",
				Details: json.RawMessage(`{"container":"api","snapshot":"pre-deploy-2255","image":"ghcr.io/acme/shop:1.41","downtime_ms":812,"phases":[{"state":"preflight","at":"2026-03-05T02:46:00Z","ms":90},{"state":"swapping","at":"2026-03-05T02:46:01Z","ms":812}],"differences":[{"attribute":"env TZ","want":"UTC","got":""},{"attribute":"hostname","want":"a","got":"b","expected":"it follows the ID"}]}`),
			},
			incidents.Entry{OccurredAt: at("02:47:00"), Kind: incidents.KindErrorsFlat, Actor: incidents.Self(), Source: incidents.Source{System: "snapback"}, Summary: "Errors are back at their baseline: 3 a minute."},
			incidents.Entry{OccurredAt: at("02:50:00"), Kind: incidents.KindPagerDutyResolved, Actor: anna, Source: incidents.Source{System: "pagerduty", URL: pd}, Summary: "Anna resolved the incident."},
		),
		Zone: zone, Generated: at("10:00:00"), Chain: "verified",
	}
}

func TestPostMortemOfWhatNobodyAcknowledgedDoesNotWait(t *testing.T) {
	t.Parallel()
	r := night(t)
	r.Incident.AcknowledgedAt, r.Incident.AcknowledgedBy, r.Incident.RestoredAt, r.Incident.FlatAt = time.Time{}, "", time.Time{}, time.Time{}
	for _, format := range []string{"md", "html"} {
		got := string(export(t, format, r))
		for _, want := range []string{"never: it was resolved without", "never acknowledged", "nothing was restored", "not seen"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s does not say %q", format, want)
			}
		}
		if strings.Contains(got, "not yet") {
			t.Errorf("%s waits for what will never be", format)
		}
	}
}

func TestPostMortemSaysWhoHadTheIncidentLast(t *testing.T) {
	t.Parallel()
	r := night(t)
	r.Incident.LastAcknowledgedAt, r.Incident.LastAcknowledgedBy = at("02:45:00"), "Ben"
	if got := string(export(t, "md", r)); !strings.Contains(got, "Anna, 2026-03-05 02:43:10 UTC (03:43:10 CET); last Ben, 2026-03-05 02:45:00 UTC") {
		t.Errorf("%s", got)
	}
}

// The HTTP API wants a token: a link to it is of no use to people.
func TestPostMortemLeadsPeopleNotToTheAPI(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"md", "html"} {
		got := string(export(t, format, night(t)))
		if strings.Contains(got, "snapback.example.com") || !strings.Contains(got, "acme.slack.com") {
			t.Errorf("%s leads to the API, or not to Slack:\n%s", format, got)
		}
	}
	if got := string(export(t, "json", night(t))); !strings.Contains(got, "https://snapback.example.com/incidents/7/timeline") {
		t.Error("programs are not told where the API has it")
	}
}

// hostile is a report in which everything from outside tries to be something else.
func hostile(t *testing.T) incidents.Report {
	t.Helper()
	const evil = "x | y `code` **b** [link](javascript:alert(1)) ![i](http://evil.example/i.png)\n# head\n<script>alert(1)</script> <img src=x onerror=alert(1)> https://evil.example www.evil.example @channel \\| ~~s~~ \u202egnp.exe\x00"
	r := incidents.Report{
		Incident: incidents.Incident{
			PagerDutyID: "P1", Title: evil, Service: evil, Urgency: evil, AcknowledgedBy: evil, AcknowledgedAt: at("02:43:00"),
			OpenedAt: at("02:42:00"), URL: "javascript://evil.example/%0aalert(1)",
		},
		Generated: at("10:00:00"), Chain: evil,
	}
	actor := incidents.Actor{Kind: incidents.Person, Name: evil}
	changes, err := json.Marshal(map[string]any{"changes": []map[string]string{{"attribute": evil, "before": evil, "after": evil}}})
	if err != nil {
		t.Fatal(err)
	}
	r.Entries = sealed(
		t,
		incidents.Entry{OccurredAt: at("02:41:00"), Kind: incidents.KindDeploy, Actor: actor, Summary: evil, Source: incidents.Source{System: evil, URL: "https://ok.example/a(b)|c?d=<e>&f=`g`"}, Details: changes},
		incidents.Entry{OccurredAt: at("02:42:00"), Kind: evil, Actor: actor, Summary: evil, Source: incidents.Source{System: "slack", URL: "javascript:alert(1)"}, Details: json.RawMessage(`[1,2]`)},
		incidents.Entry{OccurredAt: at("02:42:30"), Kind: incidents.KindTerminalShell, Actor: actor, Summary: evil, Details: json.RawMessage(`{"recording":"../../x | <img src=x>"}`)},
		incidents.Entry{OccurredAt: at("02:43:00"), Kind: incidents.KindRestoreFailed, Actor: actor, Summary: evil, Details: json.RawMessage(`{"phases":"odd"}`)},
	)
	return r
}

func export(t *testing.T, format string, r incidents.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := incidents.Export(&b, format, r); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.Bytes()
}

func TestExportsAreAsTheGoldenFilesShow(t *testing.T) {
	t.Parallel()
	for name, report := range map[string]incidents.Report{
		"night": night(t), "hostile": hostile(t), "empty": {Incident: incidents.Incident{PagerDutyID: "P2", Status: incidents.Triggered, OpenedAt: at("02:42:00")}, Generated: at("02:43:00")},
	} {
		for _, f := range incidents.Formats() {
			t.Run(name+"."+f.Name, func(t *testing.T) {
				t.Parallel()
				got, path := export(t, f.Name, report), filepath.Join("testdata", name+"."+f.FileName)
				if *update {
					if err := os.WriteFile(path, got, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), string(got)); diff != "" {
					t.Errorf("run with -update if this is meant:\n%s", diff)
				}
			})
		}
	}
}

func TestMarkdownLetsNoMarkupThrough(t *testing.T) {
	t.Parallel()
	md := string(export(t, "md", hostile(t)))
	for _, bad := range []string{"<script", "<img", "[link](", "(javascript://", "(http://evil", "https://evil", " www.evil", "@channel", "\u202e", "\x00", " **b**", " `code`", "![", "~~s", "\n# head"} {
		if strings.Contains(md, bad) {
			t.Errorf("%q got through", bad)
		}
	}
	rows := regexp.MustCompile(`(?m)^\| 2026.*$`).FindAllString(md, -1)
	if len(rows) != 4 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		if n := strings.Count(row, "|"); n != 6 {
			t.Errorf("%d bars in %s", n, row)
		}
	}
}

func TestHTMLLetsNoMarkupThrough(t *testing.T) {
	t.Parallel()
	page := string(export(t, "html", hostile(t)))
	for _, bad := range []string{"<script", "<img", `href="javascript`, "ZgotmplZ", "\u202e", "\x00"} {
		if strings.Contains(page, bad) {
			t.Errorf("%q got through", bad)
		}
	}
}

func TestTheJSONExportVerifies(t *testing.T) {
	t.Parallel()
	var got struct {
		Entries []incidents.Entry `json:"entries"`
	}
	if err := json.Unmarshal(export(t, "json", night(t)), &got); err != nil {
		t.Fatal(err)
	}
	if err := incidents.Verify(got.Entries); err != nil || len(got.Entries) != 7 {
		t.Errorf("%d entries: %v", len(got.Entries), err)
	}
}

func TestCDEventsKeepTheirIDs(t *testing.T) {
	t.Parallel()
	first, second := export(t, "cdevents", night(t)), export(t, "cdevents", night(t))
	if !bytes.Equal(first, second) {
		t.Error("the same export gives other events")
	}
	var events []struct {
		ID, Type, Subject string
		Data              struct {
			Context struct{ ID, Type string }
			Subject struct{ ID string }
		}
	}
	if err := json.Unmarshal(first, &events); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var kinds []string
	for _, e := range events {
		kinds = append(kinds, strings.TrimSuffix(strings.TrimPrefix(e.Type, "dev.cdevents."), ".0.3.0"))
		if seen[e.ID] || e.ID != e.Data.Context.ID || e.Type != e.Data.Context.Type || e.Subject != e.Data.Subject.ID {
			t.Errorf("envelope and event disagree, or an ID is there twice: %+v", e)
		}
		seen[e.ID] = true
	}
	want := []string{"service.deployed", "incident.detected", "incident.reported", "service.rolledback", "incident.resolved"}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Error(diff)
	}
}

func TestTheZipHoldsEveryOtherFormAndTheRecordings(t *testing.T) {
	t.Parallel()
	r := night(t)
	const exported = `{"version":3,"term":{"cols":80,"rows":24},"timestamp":1772678670}
[0.000000,"m","02:55 Deploy: api was deployed: shop:1.41 → shop:1.42"]
[0.000000,"m","03:42 Alert: Monitoring opened the incident: Errors over 5 % in checkout."]
[1.500000,"o","$ "]
[91.500000,"m","03:46 Restored: api runs as in pre-deploy-2255 again."]
[7.000000,"o","ls"]
[50.000000,"m","03:47 Flat: Errors are back at their baseline: 3 a minute."]
`
	const cast = `{"version":2,"width":80,"height":24,"timestamp":1772678670}` + "\n" + `[1.5,"o","$ "]` + "\n" + `[100,"o","ls"]` + "\n"
	write := func(w io.Writer) error { _, err := io.WriteString(w, cast); return err }
	r.Recordings = []incidents.Recording{{ID: "QRSTUV", StartedAt: at("02:44:30"), Write: write}, {ID: "../../up", Write: write}}
	doc := export(t, "zip", r)
	z, err := zip.NewReader(bytes.NewReader(doc), int64(len(doc)))
	if err != nil {
		t.Fatal(err)
	}
	got, want := map[string]string{}, map[string]string{"incident-42/recordings/QRSTUV.cast": exported}
	for _, f := range z.File {
		file, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		got[f.Name] = string(content)
	}
	for _, f := range incidents.Formats() { // no player is given: the page plays nothing
		want["incident-42/"+f.FileName] = string(export(t, f.Name, night(t)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAZipWithoutOneOfItsRecordingsIsNotMade(t *testing.T) {
	t.Parallel()
	r, away := night(t), errors.New("away")
	r.Recordings = []incidents.Recording{{ID: "QRSTUV", Write: func(io.Writer) error { return away }}}
	var b bytes.Buffer
	if err := incidents.Export(&b, "zip", r); !errors.Is(err, away) {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}

func TestLocalTimesOfAnotherDaySaySo(t *testing.T) {
	t.Parallel()
	r := night(t)
	r.Zone = time.FixedZone("HST", -10*3600)
	md := string(export(t, "md", r))
	for _, want := range []string{"| 2026-03-05 02:43:10 | 2026-03-04 16:43:10 |", "2026-03-05 02:42:05 UTC (2026-03-04 16:42:05 HST)"} {
		if !strings.Contains(md, want) {
			t.Errorf("%q is not there", want)
		}
	}
}

func TestAnUnknownFormatIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	err := incidents.Export(&b, "pdf", night(t))
	if !errors.Is(err, incidents.ErrFormat) || !strings.Contains(err.Error(), "md, html, json, cdevents, zip") || b.Len() != 0 {
		t.Errorf("got %v after %d bytes", err, b.Len())
	}
}

func TestPostMortemIsInTheOrderInWhichThingsHappened(t *testing.T) {
	t.Parallel()
	opened := time.Date(2026, 3, 5, 3, 42, 0, 0, time.UTC)
	r := incidents.Report{Incident: incidents.Incident{ID: 1, Title: "x", Status: incidents.Triggered, OpenedAt: opened}, Zone: time.UTC, Generated: opened}
	var night incidents.List
	for _, e := range []incidents.Entry{
		{Kind: incidents.KindPagerDutyTriggered, OccurredAt: opened, Summary: "the alert"},
		{Kind: incidents.KindDeploy, OccurredAt: opened.Add(-5 * time.Hour), Summary: "the deploy"},
		{Kind: incidents.KindNote, OccurredAt: opened.Add(600 * time.Millisecond), Summary: "by a finer clock"},
		{Kind: incidents.KindNote, OccurredAt: opened, Summary: "by a clock of seconds"},
	} {
		e.Seq = int64(len(night) + 1)
		night = append(night, e)
	}
	r.Entries = night
	for _, format := range []string{"md", "html"} {
		var out bytes.Buffer
		if err := incidents.Export(&out, format, r); err != nil {
			t.Fatal(err)
		}
		text, at := out.String(), -1
		text = text[strings.Index(text, "Timeline"):]
		for _, want := range []string{"the deploy", "the alert", "by a finer clock", "by a clock of seconds"} {
			next := strings.Index(text, want)
			if next <= at {
				t.Errorf("%s: %q stands at %d, after something at %d", format, want, next, at)
			}
			at = next
		}
	}
}

func TestExportsHaveThePictureOfTheErrors(t *testing.T) {
	t.Parallel()
	drawn := incidents.Picture{SVG: []byte("<svg><title>a &lt; b</title></svg>\n"), Words: "At most 21 | at 03:41."}
	for format, want := range map[string]string{
		"html": "<figure>\n<svg><title>a &lt; b</title></svg>\n</figure>", "md": "## Errors\n\nAt most 21",
	} {
		var out, without bytes.Buffer
		if err := errors.Join(
			incidents.Export(&out, format, incidents.Report{Picture: drawn}), incidents.Export(&without, format, incidents.Report{}),
		); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), want) || strings.Contains(without.String(), "Errors") {
			t.Errorf("%s is\n%s\nand without a picture\n%s", format, &out, &without)
		}
	}
}
