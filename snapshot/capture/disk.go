package capture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// Disk refuses commits while the engine's disk is too full, and warns of that once a day.
type Disk struct {
	Used  func(ctx context.Context) (snapshot.DiskUse, error) // an error, such as ErrDiskUnseen: nothing is refused
	Limit float64                                             // from 0 to 1; 0: 0.9
	// Takes is how many bytes a commit of a container takes at most; nil, or an error: nobody knows.
	Takes  func(ctx context.Context, id string) (int64, error)
	Audit  OnceAudit
	Logger *slog.Logger // nil: silent

	unseen sync.Once // it has been logged that the disk can't be seen
}

// Room is for a Taker: it returns an error that wraps ErrDiskFull when a commit of the container would fill the disk too
// much.
func (d *Disk) Room(ctx context.Context, id string) error {
	limit := cmp.Or(d.Limit, 0.9)
	use, err := d.Used(ctx)
	if err != nil {
		d.cantSee(err)
		return nil
	}
	after, words := use.Share, ""
	if after < limit && use.Bytes > 0 {
		after, words = d.after(ctx, id, use)
	}
	if after < limit {
		return nil
	}
	full := fmt.Errorf("%w: %.0f %% in use%s, the limit is %.0f %%. Remove images that nobody needs (docker system df tells which), or raise the limit",
		snapshot.ErrDiskFull, use.Share*100, words, limit*100)
	_, err = d.Audit.RecordOnce(ctx, incidents.Entry{
		OccurredAt: time.Now(), Kind: incidents.KindDiskFull, Actor: incidents.Self(),
		Source:  incidents.Source{System: "snapback", NativeID: "disk-full/" + use.Engine + "/" + time.Now().UTC().Format(time.DateOnly)},
		Summary: "No snapshots are taken of containers on " + use.Host + " that have written files: " + full.Error(),
	})
	return errors.Join(full, err)
}

// after is what share of the disk is in use after a commit of the container, and that in words.
func (d *Disk) after(ctx context.Context, id string, use snapshot.DiskUse) (float64, string) {
	if d.Takes == nil {
		return use.Share, ""
	}
	bytes, err := d.Takes(ctx, id)
	if err != nil {
		return use.Share, "" // nobody knows; the commit will show
	}
	after := use.Share + float64(bytes)/float64(use.Bytes)
	return after, fmt.Sprintf(", and %.0f %% after this commit, which takes up to %d MB", after*100, bytes/1e6)
}

func (d *Disk) cantSee(err error) {
	if d.Logger == nil || !errors.Is(err, snapshot.ErrDiskUnseen) { // an engine that is away now will be back
		return
	}
	d.unseen.Do(func() {
		d.Logger.Warn("SNAPBACK_DISK_LIMIT is not enforced", "err", err)
	})
}
