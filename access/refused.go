package access

import (
	"errors"
	"fmt"
	"time"

	"github.com/snapback/snapback/incidents"
)

// refusedOnce is within what time the same refusal of the same person stands on a timeline once, however often they tap: otherwise
// whoever may nothing could fill it.
const refusedOnce = time.Hour

// Refused is the entry that says of somebody that they were not let do what, a verb with what it is done to; or that it could not be found
// out whether they may. It is for RecordOnce: its source names the person, what they wanted, how that ended, and the hour.
func Refused(incident int64, at time.Time, who incidents.Actor, source incidents.Source, what string, why error) (incidents.Entry, error) {
	summary := fmt.Sprintf("%s was not allowed to %s", who.Name, what)
	if errors.Is(why, ErrUnsure) {
		summary = fmt.Sprintf("It could not be found out whether %s may %s, so nothing was done", who.Name, what)
	}
	details, err := incidents.Details(map[string]string{"wanted": what, "why": why.Error()})
	source.NativeID = fmt.Sprintf("refused/%s/%s/%s", who.SlackID, at.UTC().Truncate(refusedOnce).Format(time.RFC3339), summary)
	return incidents.Entry{
		IncidentID: incident, OccurredAt: at, Kind: incidents.KindRefused, Actor: who, Source: source, Summary: summary, Details: details,
	}, err
}
