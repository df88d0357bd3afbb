package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/snapshot/restore"
)

// Errors reads what was counted of containers' errors; flat.Gauge does.
type Errors interface {
	// At is what they were at an alert, by the container's key, each after its deploy (the zero time: none is known). Whom nobody
	// counted is not in it.
	At(ctx context.Context, deployed map[string]time.Time, opened time.Time) (map[string]flat.Alert, error)
	// Spikes are those of At whose errors are up now.
	Spikes(ctx context.Context, deployed map[string]time.Time, now time.Time) (map[string]flat.Alert, error)
	// Counted says whether something will be said of them after a restore of the moment now.
	Counted(ctx context.Context, key string, now time.Time) (bool, error)
}

// Sources are where errors are counted.
type Sources interface {
	// Uncounted says why a container's errors can't be counted; "": nothing keeps anybody from it.
	Uncounted(key string) string
}

// errorKinds say what became of the errors after a restore.
func errorKinds() []incidents.Kind {
	return []incidents.Kind{incidents.KindErrorsFalling, incidents.KindErrorsFlat, incidents.KindErrorsFlatAgain,
		incidents.KindErrorsNotFlat, incidents.KindErrorsUnknown, incidents.KindErrorsBack}
}

// toldErrors is what was said last of the errors after a restore, with its mark; "" when nothing was.
func toldErrors(entries []incidents.Entry, r *restore.Restore) string {
	line := ""
	for _, e := range entries {
		var told flat.Told
		if json.Unmarshal(e.Details, &told) != nil || told.Short == "" || r == nil || told.Restore != r.ID {
			continue
		}
		if mark, ok := posting(e); ok && e.Kind.IsErrors() {
			line = mark + " " + quote(told.Short, 400)
		}
	}
	return line
}

// errorRates adds to a view what its containers' errors were at the alert. That they can't be read keeps no alert waiting.
func (b *Bot) errorRates(ctx context.Context, shown []ContainerView, opened time.Time) {
	if b.Errors == nil || opened.IsZero() || len(shown) == 0 {
		return
	}
	deployed := map[string]time.Time{}
	for i, cv := range shown {
		if b.Sources != nil {
			shown[i].Uncounted = b.Sources.Uncounted(cv.Container.Key)
		}
		deployed[cv.Container.Key] = time.Time{}
		if cv.Deploy != nil {
			deployed[cv.Container.Key] = cv.Deploy.At
		}
	}
	alerts, err := b.Errors.At(ctx, deployed, opened)
	if err != nil {
		b.log.Warn("reading the errors of containers", "err", err)
	}
	for i, cv := range shown {
		if a, counted := alerts[cv.Container.Key]; counted {
			shown[i].Errors = &a
		}
	}
}

// errorsLine is a container's errors at the alert, until it is restored.
func errorsLine(v View, c ContainerView) string {
	a := c.Errors
	switch {
	case v.judged():
		return ""
	case a == nil && c.Uncounted != "":
		return "Errors can't be counted: " + quote(c.Uncounted, 300)
	case a == nil:
		return ""
	case !a.Compared:
		return fmt.Sprintf("Errors: %s; not counted for long enough to say what is usual", flat.PerMinute(a.Rate, a.Sampled))
	case a.Spike.Is:
		return fmt.Sprintf("Errors: %s, baseline %s", flat.PerMinute(a.Rate, a.Sampled), flat.Rate(a.Usual.Rate)) + sinceRise(a.Spike, v.Incident.OpenedAt, v.Zone)
	}
	return fmt.Sprintf("Errors: %s, baseline %s", flat.PerMinute(a.Rate, a.Sampled), flat.Rate(a.Usual.Rate))
}

// sinceRise says since when errors are up, where that is known.
func sinceRise(s flat.Spike, beside time.Time, zone *time.Location) string {
	if s.Since.IsZero() {
		return ""
	}
	return ", since " + clock(s.Since, beside, zone)
}

// spikes are the containers whose errors are up now. Nobody is called because of them.
func (h *handling) spikes(ctx context.Context) (out []string) {
	all, err := h.Containers.List(ctx)
	if err != nil || h.Errors == nil {
		return nil // that the engine does not answer is told elsewhere
	}
	now, deployed, last := h.cfg.Now(), map[string]time.Time{}, h.lastDeploys(ctx)
	for _, c := range all {
		deployed[c.Key] = last[c.Key]
	}
	up, err := h.Errors.Spikes(ctx, deployed, now)
	if err != nil {
		h.log.Warn("reading whose errors are up", "err", err)
	}
	for _, c := range all {
		if a, is := up[c.Key]; is {
			out = append(out, fmt.Sprintf("📈 *%s*: %s errors a minute, baseline %s", quote(c.Called(), 100), flat.Rate(a.Rate), flat.Rate(a.Usual.Rate))+
				sinceRise(a.Spike, now, h.cfg.Zone))
		}
	}
	return out
}

// lastDeploys are the moments of the newest deploys, by the container's key.
func (h *handling) lastDeploys(ctx context.Context) map[string]time.Time {
	all, err := h.Deploys.Deploys(ctx, nil, 50)
	if err != nil {
		h.log.Warn("reading the last deploys", "err", err)
	}
	at := map[string]time.Time{}
	for _, d := range slices.Backward(all) {
		at[d.Key] = d.At
	}
	return at
}

// shout says whether the reply of an entry is shown in the channel too: people look there. Of a restore that worked they hear once,
// when its errors are flat, or where nobody counts them, when it is verified. That errors are not flat, or that it can't be told, is no
// success: the channel hears of the first such word, also from a quiet bot, or it would wait for an end that does not come. So it does of
// errors that are back, once: whoever has read that they are flat would sleep on. Where counting begins only after the channel has heard that
// the restore is verified, it hears of nothing more but what takes that back.
func (d *delivery) shout(ctx context.Context, e incidents.Entry, entries []incidents.Entry) bool {
	switch e.Kind {
	case incidents.KindErrorsFlat:
		return loud(e) && !d.cfg.Quiet && !d.shown(e)
	case incidents.KindErrorsUnknown:
		return firstOutcome(e, entries) && !d.shown(e)
	case incidents.KindErrorsNotFlat:
		return firstOutcome(e, entries)
	case incidents.KindErrorsBack:
		return firstBack(e, entries)
	case incidents.KindRestoreVerified:
		return d.shown(e) || e.IncidentID != 0 && !d.cfg.Quiet && !d.counted(ctx, e)
	}
	return loud(e)
}

// shown says whether the channel was shown that an entry's restore is verified.
func (d *delivery) shown(e incidents.Entry) bool {
	return slices.Contains(d.m.Shown, aboutOf(e).Restore)
}

// show notes what the channel is about to be shown. It is saved with the note of the attempt, so that one that is made again does the same.
func (d *delivery) show(e incidents.Entry) {
	if id := aboutOf(e).Restore; e.Kind == incidents.KindRestoreVerified && !slices.Contains(d.m.Shown, id) {
		d.m.Shown = append(d.m.Shown, id)
	}
}

// firstOutcome says that nothing was said yet of how an entry's restore has ended for the errors.
func firstOutcome(e incidents.Entry, entries []incidents.Entry) bool {
	return !slices.ContainsFunc(entries, func(o incidents.Entry) bool {
		return o.Seq < e.Seq && o.Kind.IsErrors() && o.Kind != incidents.KindErrorsFalling && aboutOf(o).Restore == aboutOf(e).Restore
	})
}

// firstBack says that errors were not back before since an entry's restore.
func firstBack(e incidents.Entry, entries []incidents.Entry) bool {
	return !slices.ContainsFunc(entries, func(o incidents.Entry) bool {
		return o.Seq < e.Seq && o.Kind == incidents.KindErrorsBack && aboutOf(o).Restore == aboutOf(e).Restore
	})
}

// counted says whether the errors of the container that an entry's restore is of are being counted. An undo is told as one
// whose are: it is no success to tell.
func (d *delivery) counted(ctx context.Context, e incidents.Entry) bool {
	r, err := d.Restores.Restore(ctx, aboutOf(e).Restore)
	if err != nil || r.Kind != restore.Restoring {
		return true
	}
	if d.Errors == nil {
		return false
	}
	counted, err := d.Errors.Counted(ctx, r.Key, d.cfg.Now())
	return counted && err == nil
}
