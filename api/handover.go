package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/restore"
)

// over shapes a restore that is over, with a link to what it has left.
func (a *API) over(r *http.Request, rest restore.Restore) *wire.Restore {
	shaped := shapeRestore(rest)
	shaped.Terminal = a.handOver(r, rest)
	return shaped
}

// handOver is a link to the logs of what a restore has left, from the moment of the restore: for a token that may open terminals
// too, while the restore's incident is open. Otherwise, and when nothing was touched, it is nil, and nothing is said: nobody has asked for a link.
func (a *API) handOver(r *http.Request, rest restore.Restore) *wire.Link {
	token := traceOf(r).token
	if rest.State == restore.Refused || rest.By.Incident == 0 || !token.May([]access.Scope{access.TerminalScope}) {
		return nil
	}
	link, err := a.linkAfter(r, rest)
	if err != nil {
		a.log.WarnContext(r.Context(), "no terminal link after a restore", "restore_id", rest.ID, "err", err)
		return nil
	}
	return link
}

// linkAfter returns nil when there is nothing to open.
func (a *API) linkAfter(r *http.Request, rest restore.Restore) (*wire.Link, error) {
	ctx := r.Context()
	in, err := a.findIncident(ctx, strconv.FormatInt(rest.By.Incident, 10))
	if err != nil || !in.Open() {
		return nil, err
	}
	all, err := a.containers(ctx)
	i := slices.IndexFunc(all, func(c snapshot.Container) bool { return c.Key == rest.Key })
	if err != nil || i < 0 {
		return nil, err
	}
	token := traceOf(r).token
	ask := linkWish{
		Incident: in, Container: all[i], Mode: access.ModeLogs, Since: rest.RequestedAt,
		Person: incidents.Actor{Kind: incidents.Token, Name: token.Name}, TokenID: token.ID, By: by(r, in.ID, ""),
	}
	if err := a.recordLinkAsk(ctx, ask); err != nil {
		return nil, err
	}
	link, err := a.link(ctx, ask)
	if err != nil {
		return nil, err
	}
	return &wire.Link{URL: link.URL, ExpiresAt: link.ExpiresAt.UTC()}, nil
}

// withoutLink is an answer without the link that a restore's may have: a twin of the request is no second pair of eyes.
func withoutLink(body []byte) []byte {
	var whole map[string]json.RawMessage
	if json.Unmarshal(body, &whole) != nil {
		return body
	}
	_, linked := whole["terminal"]
	delete(whole, "terminal")
	if nested, ok := whole["restore"]; ok {
		whole["restore"] = withoutLink(nested)
		linked = linked || len(whole["restore"]) != len(nested)
	}
	if !linked {
		return body
	}
	bare, err := json.Marshal(whole)
	if err != nil {
		return body // not reached: it was JSON before
	}
	return bare
}
