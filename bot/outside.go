package bot

import (
	"cmp"
	"context"
	"slices"

	"github.com/snapback/snapback/incidents"
)

// maxThreads is how many restores outside incidents are remembered: those before are over.
const maxThreads = 50

// outside posts what concerns no incident, in each container's channel. The entries of one restore share a thread.
func (d *delivery) outside(ctx context.Context) error {
	entries, err := d.Timeline.Entries(ctx, 0, d.m.Seq)
	if err != nil || len(entries) == 0 {
		return err
	}
	var known map[string]string
	if slices.ContainsFunc(entries, func(e incidents.Entry) bool { _, ok := posting(e); return ok }) {
		known = d.channels(ctx) // which inspects every container
	}
	done, err := d.findLastOutside(ctx, entries, known)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if mark, ok := posting(e); ok && e.Seq > done {
			if err := d.outsideEntry(ctx, e, mark, known); err != nil {
				return err
			}
		}
	}
	d.m.Seq = entries[len(entries)-1].Seq
	return d.save(d.m)
}

func (d *delivery) outsideEntry(ctx context.Context, e incidents.Entry, mark string, known map[string]string) error {
	p, channels := d.target(e, known)
	p.rendering = reply(e, mark)
	p.instead = func(r refusal) Rendering {
		elsewhere := reply(e, mark)
		elsewhere.Blocks = append(elsewhere.Blocks, note(r.line()))
		return elsewhere
	}
	ts, err := d.place(ctx, p, channels)
	if err != nil && !d.unpostable(err, e) {
		return err
	}
	return d.posted(e, p, d.m.Channel, ts)
}

// posted notes that an entry is out, and where its restore's thread is.
func (d *delivery) posted(e incidents.Entry, p post, channel, ts string) error {
	if id := aboutOf(e).Restore; id != 0 && p.thread == "" && ts != "" {
		d.m.Threads = append(d.m.Threads, incidents.Thread{Restore: id, Channel: channel, TS: ts})
		d.m.Threads = d.m.Threads[max(0, len(d.m.Threads)-maxThreads):]
	}
	d.m.Attempt, d.m.Seq = -1, e.Seq
	return d.save(d.m)
}

// target is where an entry goes.
func (d *delivery) target(e incidents.Entry, known map[string]string) (post, []string) {
	a := aboutOf(e)
	i := slices.IndexFunc(d.m.Threads, func(t incidents.Thread) bool { return a.Restore != 0 && t.Restore == a.Restore })
	if i >= 0 {
		return post{seq: e.Seq, thread: d.m.Threads[i].TS}, []string{d.m.Threads[i].Channel}
	}
	return post{seq: e.Seq}, []string{known[cmp.Or(a.Key, a.Hold.Key, a.Container)], d.cfg.Channel}
}

// findLastOutside finds out how the last attempt ended, and returns the seq up to which entries are out.
func (d *delivery) findLastOutside(ctx context.Context, entries []incidents.Entry, known map[string]string) (int64, error) {
	i := slices.IndexFunc(entries, func(e incidents.Entry) bool { return e.Seq == d.m.Attempt })
	if !d.pending() || i < 0 {
		return d.m.Seq, nil
	}
	p, _ := d.target(entries[i], known)
	ts, err := d.find(ctx, d.m.Channel, p.thread, p.seq)
	if err != nil || ts == "" {
		return d.m.Seq, err
	}
	return p.seq, d.posted(entries[i], p, d.m.Channel, ts)
}

// channels maps containers' keys to their channels, and for entries of earlier releases their names, which have no slash. Without the
// engine, the default channel has to do.
func (d *delivery) channels(ctx context.Context) map[string]string {
	all, err := d.Containers.List(ctx)
	if err != nil {
		d.log.Warn("looking containers up for their channels", "err", err)
	}
	out := map[string]string{}
	for _, c := range all {
		out[c.Name], out[c.Key] = c.Settings.SlackChannel, c.Settings.SlackChannel
	}
	return out
}
