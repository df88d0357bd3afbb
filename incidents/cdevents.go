package incidents

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/snapback/snapback/internal/outside"
)

// The versions that the events follow: CloudEvents 1.0, and CDEvents 0.5.1 with its structured CloudEvents binding.
const (
	cloudEventsVersion = "1.0"
	cdEventsVersion    = "0.5.1"
	cdEventsSource     = "/snapback"

	incidentDetected  = "dev.cdevents.incident.detected.0.3.0"
	incidentReported  = "dev.cdevents.incident.reported.0.3.0"
	incidentResolved  = "dev.cdevents.incident.resolved.0.3.0"
	serviceDeployed   = "dev.cdevents.service.deployed.0.3.0"
	serviceRolledBack = "dev.cdevents.service.rolledback.0.3.0"
)

// cloudEvent is the envelope. What it repeats from the CDEvent within, the binding asks for.
type cloudEvent struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            cdEvent   `json:"data"`
}

type cdEvent struct {
	Context cdContext      `json:"context"`
	Subject cdSubject      `json:"subject"`
	Custom  map[string]any `json:"customData,omitempty"`
	// CustomType is there when Custom is.
	CustomType string `json:"customDataContentType,omitempty"`
}

type cdContext struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"`
	ChainID     string    `json:"chainId,omitempty"`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Timestamp   time.Time `json:"timestamp"`
}

type cdSubject struct {
	ID      string    `json:"id"`
	Source  string    `json:"source,omitempty"`
	Content cdContent `json:"content"`
}

type cdContent struct {
	Description string       `json:"description,omitempty"`
	Environment cdReference  `json:"environment"`
	Service     *cdReference `json:"service,omitempty"`
	ArtifactID  string       `json:"artifactId,omitempty"`
	TicketURI   string       `json:"ticketURI,omitempty"`
}

type cdReference struct {
	ID string `json:"id"`
}

// cdevents is the form for machines: what tools that count lead times and recoveries (DORA) take in. IDs follow from
// the content, so that the same export twice is the same events.
func cdevents(w io.Writer, r Report) error {
	services, err := r.serviceEvents()
	if err != nil {
		return err
	}
	events := append(append(r.openings(), services...), r.closing()...)
	slices.SortStableFunc(events, func(a, b cloudEvent) int { return a.Time.Compare(b.Time) })
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(events)
}

// openings are the incident's detection and, when it can be pointed at, its report.
func (r Report) openings() []cloudEvent {
	events := []cloudEvent{}
	if r.Incident.OpenedAt.IsZero() {
		return events
	}
	events = append(events, r.incidentEvent(incidentDetected, r.Incident.OpenedAt, r.aboutIncident()))
	if ticket := outside.URL(r.Incident.URL); ticket != "" {
		content := r.aboutIncident()
		content.TicketURI = ticket
		events = append(events, r.incidentEvent(incidentReported, r.Incident.OpenedAt, content))
	}
	return events
}

func (r Report) closing() []cloudEvent {
	if r.Incident.ResolvedAt.IsZero() {
		return nil
	}
	return []cloudEvent{r.incidentEvent(incidentResolved, r.Incident.ResolvedAt, r.aboutIncident())}
}

func (r Report) aboutIncident() cdContent {
	content := cdContent{Description: outside.Line(r.Incident.Title), Environment: r.environment()}
	if service := outside.Line(r.Incident.Service); service != "" {
		content.Service = &cdReference{ID: service}
	}
	return content
}

func (r Report) environment() cdReference {
	return cdReference{ID: cmp.Or(outside.Line(r.Environment), "production")}
}

func (r Report) incidentEvent(kind string, at time.Time, content cdContent) cloudEvent {
	subject := cdSubject{ID: r.incidentID(), Content: content}
	if u, err := url.Parse(outside.URL(r.Incident.URL)); err == nil && u.Host != "" {
		subject.Source = u.Scheme + "://" + u.Host
	}
	custom := map[string]any{"urgency": outside.Line(r.Incident.Urgency), "number": r.Incident.Number}
	return r.event(kind, at, subject, r.incidentID(), custom)
}

// incidentID is never empty: the specification wants one.
func (r Report) incidentID() string {
	return cmp.Or(outside.Line(r.Incident.PagerDutyID), fmt.Sprintf("incident-%d", r.Incident.ID))
}

// serviceEvents are the deploys and the restores that held.
func (r Report) serviceEvents() (events []cloudEvent, err error) {
	err = r.Entries.InOrder(func(e Entry) error {
		if meaning, _ := e.Kind.Meaning(); meaning.Event != "" {
			events = append(events, r.serviceEvent(meaning.Event, e))
		}
		return nil
	})
	return events, err
}

// imageDetails are where an entry names the image that runs after it: a deploy as after, a restore as image.
type imageDetails struct {
	After     string `json:"after"`
	Image     string `json:"image"`
	Container string `json:"container"`
	Snapshot  string `json:"snapshot"`
}

func (r Report) serviceEvent(kind string, e Entry) cloudEvent {
	var details imageDetails
	readDetails(e, &details)
	service := cmp.Or(outside.Line(details.Container), outside.Line(r.Incident.Service), "unknown")
	content := cdContent{Environment: r.environment(), ArtifactID: purl(cmp.Or(details.After, details.Image), service)}
	custom := map[string]any{"summary": outside.Line(e.Summary), "incident": r.incidentID()}
	if details.Snapshot != "" {
		custom["snapshot"] = outside.Line(details.Snapshot)
	}
	return r.event(kind, e.OccurredAt, cdSubject{ID: service, Content: content}, hex.EncodeToString(e.Hash), custom)
}

func (r Report) event(kind string, at time.Time, subject cdSubject, native string, custom map[string]any) cloudEvent {
	id := eventID(kind, r.incidentID(), native, at.UTC().Format(time.RFC3339Nano))
	at = at.UTC()
	return cloudEvent{
		SpecVersion: cloudEventsVersion, ID: id, Source: cdEventsSource, Type: kind, Subject: subject.ID, Time: at,
		DataContentType: "application/cdevents+json",
		Data: cdEvent{
			Context:    cdContext{SpecVersion: cdEventsVersion, ID: id, ChainID: eventID("chain", r.incidentID()), Source: cdEventsSource, Type: kind, Timestamp: at},
			Subject:    subject,
			Custom:     custom,
			CustomType: "application/json",
		},
	}
}

// eventID is a UUID of version 8 (RFC 9562: of one's own making) over parts.
func eventID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	id := sum[:16]
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// purl names an image as a package URL of type oci, which artifactId has to be. Without an image it names the service
// and no version.
func purl(image, service string) string {
	image, digest, _ := strings.Cut(outside.Line(image), "@")
	repository, tag := image, ""
	if colon := strings.LastIndexByte(image, ':'); colon > strings.LastIndexByte(image, '/') {
		repository, tag = image[:colon], image[colon+1:]
	}
	name := repository[strings.LastIndexByte(repository, '/')+1:]
	p := "pkg:oci/" + percent(cmp.Or(name, strings.ToLower(service)))
	if digest != "" {
		p += "@" + percent(digest)
	}
	var qualifiers []string
	if repository != name {
		qualifiers = append(qualifiers, "repository_url="+percent(repository))
	}
	if tag != "" {
		qualifiers = append(qualifiers, "tag="+percent(tag))
	}
	if len(qualifiers) > 0 {
		p += "?" + strings.Join(qualifiers, "&")
	}
	return p
}

// percent encodes as package URLs do, whose spaces are %20.
func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
