package incidents_test

import (
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/snapback/snapback/incidents"
)

// A post-mortem is made of an incident and its timeline.
func ExampleExport() {
	opened := time.Date(2026, 3, 5, 2, 42, 5, 0, time.UTC)
	report := incidents.Report{
		Incident: incidents.Incident{
			Number: 42, Title: "Errors over 5 % in checkout", Service: "shop-api", Status: incidents.Resolved,
			OpenedAt: opened, AcknowledgedAt: opened.Add(65 * time.Second), ResolvedAt: opened.Add(8 * time.Minute),
		},
		Entries: incidents.List{
			{OccurredAt: opened, Kind: incidents.KindPagerDutyTriggered, Actor: incidents.Actor{Name: "Monitoring"}, Summary: "Errors over 5 % in checkout"},
			{OccurredAt: opened.Add(65 * time.Second), Kind: incidents.KindPagerDutyAcked, Actor: incidents.Actor{Name: "Anna"}, Summary: "Anna acknowledged"},
		},
		Generated: opened.Add(6 * time.Hour), Chain: "verified",
	}
	var page strings.Builder
	if err := incidents.Export(&page, "md", report); err != nil {
		log.Fatal(err)
	}
	_, rest, _ := strings.Cut(page.String(), "## Timeline\n\n")
	timeline, _, _ := strings.Cut(rest, "\n\n")
	fmt.Println(timeline)
	// Output:
	// | UTC | UTC | Who | What | Source |
	// |---|---|---|---|---|
	// | 2026-03-05 02:42:05 | 02:42:05 | Monitoring | Errors over 5 % in checkout | snapback |
	// | 2026-03-05 02:43:10 | 02:43:10 | Anna | Anna acknowledged | snapback |
}

// A timeline proves itself: each entry carries the hash of the one before.
func ExampleVerify() {
	first := incidents.Entry{Seq: 1, Summary: "Anna asked to restore api to pre-deploy-2255"}
	if err := first.Seal(nil); err != nil {
		log.Fatal(err)
	}
	second := incidents.Entry{Seq: 2, Summary: "api is back on pre-deploy-2255"}
	if err := second.Seal(first.Hash); err != nil {
		log.Fatal(err)
	}
	fmt.Println(incidents.Verify([]incidents.Entry{first, second}))
	first.Summary = "Nobody asked for anything"
	fmt.Println(incidents.Verify([]incidents.Entry{first, second}))
	// Output:
	// <nil>
	// the chain of entries is broken: entry 1 was changed
}
