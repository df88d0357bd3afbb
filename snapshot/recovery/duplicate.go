package recovery

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/snapback/snapback/snapshot"
)

// sealDuplicate is the purpose under which duplicates are sealed.
const sealDuplicate = "snapshot duplicate"

// Config is what a Duplicator needs. Engine, Store, Keys and Ref are required.
type Config struct {
	Engine Engine
	Store  Store
	Keys   Sealer
	Ref    func(container, snapshot string) string // the tag under which the engine keeps a snapshot's image
	Logger *slog.Logger                            // nil: silent
	Every  time.Duration                           // how often to compare the engine with Postgres; 0: 3 min
}

// Duplicator keeps a duplicate of every snapshot on the engine, and finds snapshots again from what it holds.
type Duplicator struct {
	Config
	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
}

// New returns a Duplicator that does nothing until Start.
func New(c Config) *Duplicator {
	if c.Every == 0 {
		c.Every = 3 * time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Duplicator{Config: c}
	d.ctx, d.cancel = context.WithCancelCause(context.Background())
	return d
}

// Start begins to compare the engine with Postgres. It can be called once.
func (d *Duplicator) Start() {
	d.wg.Go(func() {
		tick := time.NewTicker(d.Every)
		defer tick.Stop()
		for keeping := (snapshot.Refrain{}); ; {
			err := d.reconcile(d.ctx)
			if d.ctx.Err() != nil {
				return
			}
			keeping.Log(d.Logger, "keeping duplicates of snapshots on the engine", err)
			select {
			case <-tick.C:
			case <-d.ctx.Done():
				return
			}
		}
	})
}

// Stop ends it and waits until ctx ends. It can be called twice.
func (d *Duplicator) Stop(ctx context.Context) error {
	d.cancel(snapshot.ErrStopping)
	done := make(chan struct{})
	go func() { d.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the duplicates: %w", ctx.Err())
	}
}

// Snapshots is the database's store, with a duplicate of whatever is put there.
func (d *Duplicator) Snapshots() snapshot.Store { return duplicatedStore{d.Store, d} }

type duplicatedStore struct {
	snapshot.Store
	d *Duplicator
}

// AddSnapshot implements snapshot.Store.
func (s duplicatedStore) AddSnapshot(ctx context.Context, snap snapshot.Snapshot, by snapshot.By) (snapshot.Snapshot, error) {
	added, err := s.Store.AddSnapshot(ctx, snap, by)
	if err == nil {
		s.d.addNow(ctx, added)
	}
	return added, err
}

// RemoveSnapshot implements snapshot.Store.
func (s duplicatedStore) RemoveSnapshot(ctx context.Context, id int64, by snapshot.By) error {
	snap, err := s.SnapshotByID(ctx, id)
	if err != nil {
		return err
	}
	if err := s.Store.RemoveSnapshot(ctx, id, by); err != nil {
		return err
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	if err := s.d.Engine.RemoveDuplicate(ctx, duplicateName(snap)); err != nil {
		s.d.Logger.Warn("removing a snapshot's duplicate; it is tried again", "container", snap.Container, "snapshot", snap.Name, "err", err)
	}
	return nil
}

// Deploys is where a watch is to write deploys down: what a deploy attaches to a snapshot is duplicated as well.
func (d *Duplicator) Deploys(to snapshot.Deploys) snapshot.Deploys { return duplicatedDeploys{to, d} }

type duplicatedDeploys struct {
	snapshot.Deploys
	d *Duplicator
}

// AddDeployed implements Deploys.
func (s duplicatedDeploys) AddDeployed(ctx context.Context, d snapshot.Deployed) (fresh bool, err error) {
	fresh, err = s.Deploys.AddDeployed(ctx, d)
	if err != nil || !fresh || d.SnapshotID == 0 {
		return fresh, err
	}
	if snap, err := s.d.Store.SnapshotByID(ctx, d.SnapshotID); err == nil { // otherwise reconcile finds the old duplicate
		s.d.addNow(ctx, snap)
	}
	return fresh, nil
}

// detached is a context for what is done after the snapshot. It does not end with the request, and does not take long.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
}

func (d *Duplicator) addNow(ctx context.Context, s snapshot.Snapshot) {
	ctx, cancel := detached(ctx)
	defer cancel()
	if err := d.add(ctx, s); err != nil {
		d.Logger.Warn("a snapshot has no duplicate on the engine; it is tried again", "container", s.Container, "snapshot", s.Name, "err", err)
	}
}

func (d *Duplicator) add(ctx context.Context, s snapshot.Snapshot) error {
	if s.Locked {
		return nil // a duplicate without the document would be worse than the one that may be there
	}
	dup, err := d.seal(s)
	if err != nil {
		return fmt.Errorf("sealing the duplicate of %s of %s: %w", s.Name, s.Container, err)
	}
	return d.Engine.AddDuplicate(ctx, dup)
}

// reconcile adds missing duplicates, and removes those of snapshots that Postgres has removed or changed since.
func (d *Duplicator) reconcile(ctx context.Context) error {
	engine, err := d.Engine.ID(ctx)
	if err != nil {
		return err
	}
	there, err := d.Engine.Duplicates(ctx)
	if err != nil {
		return err
	}
	all, err := d.Store.ToDuplicate(ctx, engine)
	if err != nil {
		return err
	}
	if err := d.addMissing(ctx, there, all); err != nil {
		return err // what looks stale may be all that there is of a snapshot that has another key or other changes now
	}
	return d.dropStale(ctx, ofEngine(engine, there), all)
}

// ofEngine picks the duplicates of one engine's snapshots. Others may be there as well, as in a copy of an engine's data folder.
// They are no leftovers, and may be all that is left of those snapshots.
func ofEngine(engine string, list []snapshot.Duplicate) []snapshot.Duplicate {
	return slices.DeleteFunc(slices.Clone(list), func(d snapshot.Duplicate) bool { return !strings.HasPrefix(d.Key, engine+"/") })
}

func (d *Duplicator) addMissing(ctx context.Context, there []snapshot.Duplicate, all []snapshot.Snapshot) error {
	has := map[string]bool{}
	for _, dup := range there {
		has[dup.Name] = true
	}
	var errs error
	for _, s := range all {
		if has[duplicateName(s)] || !s.MissingSince.IsZero() {
			continue
		}
		whole, err := d.Store.SnapshotByID(ctx, s.ID)
		if err == nil {
			err = d.add(ctx, whole)
		}
		errs = errors.Join(errs, err)
	}
	return errs
}

func (d *Duplicator) dropStale(ctx context.Context, there []snapshot.Duplicate, all []snapshot.Snapshot) error {
	wanted := map[string]bool{}
	for _, s := range all {
		wanted[duplicateName(s)] = true
	}
	var others []snapshot.Duplicate
	for _, dup := range there {
		if !wanted[dup.Name] {
			others = append(others, dup)
		}
	}
	stale, err := d.Store.Remembered(ctx, others)
	for _, dup := range stale {
		err = errors.Join(err, d.Engine.RemoveDuplicate(ctx, dup.Name))
	}
	return err
}

// duplicateName follows the grammar of a container's name. The sum changes with the snapshot; only its Changes can.
func duplicateName(s snapshot.Snapshot) string {
	changes, _ := json.Marshal(append([]snapshot.Change{}, s.Changes...)) // plain strings: always encodable
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n%s", s.Key, s.Name, s.CreatedAt.UnixMicro(), changes))
	return fmt.Sprintf("snapback-snapshot.%s.%s.%s", s.Container[:min(len(s.Container), 100)], s.Name, hex.EncodeToString(sum[:8]))
}

// sealedSnapshot is what is sealed. Its tag is left out: it follows from the names.
type sealedSnapshot struct {
	Key         string              `json:"key"`
	Container   string              `json:"container"`
	Name        string              `json:"name"`
	Reason      snapshot.Reason     `json:"reason"`
	Note        string              `json:"note,omitempty"`
	CreatedAt   time.Time           `json:"created_at"`
	ExpiresAt   time.Time           `json:"expires_at,omitzero"`
	Pinned      bool                `json:"pinned,omitempty"`
	SizeBytes   int64               `json:"size_bytes"`
	ImageID     string              `json:"image_id"`
	Committed   bool                `json:"committed"`
	ContainerID string              `json:"container_id"`
	Changes     []snapshot.Change   `json:"changes"`
	Document    json.RawMessage     `json:"document"`
	Volumes     *snapshot.VolumeSet `json:"volumes,omitempty"` // their contents are in the data folder of the bot that took it
	Unwell      string              `json:"unwell,omitempty"`
	RanForMs    int64               `json:"ran_for_ms,omitempty"` // as it was known when it was taken, as is what follows
	Spiked      bool                `json:"spiked,omitempty"`
}

func (d *Duplicator) seal(s snapshot.Snapshot) (snapshot.Duplicate, error) {
	at := s.CreatedAt.Truncate(time.Microsecond).UTC()
	text, err := json.Marshal(sealedSnapshot{
		s.Key, s.Container, s.Name, s.Reason, s.Note, at, s.ExpiresAt, s.Pinned, s.SizeBytes, s.ImageID, s.Committed, s.ContainerID, s.Changes, s.Document, s.Volumes,
		s.Unwell, s.RanFor.Milliseconds(), s.Spiked,
	})
	if err != nil {
		return snapshot.Duplicate{}, err
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, err = zip.Write(text)
	if err = errors.Join(err, zip.Close()); err != nil {
		return snapshot.Duplicate{}, err
	}
	sealed, err := d.Keys.Seal(sealDuplicate, s.Key, packed.Bytes())
	return snapshot.Duplicate{Name: duplicateName(s), Key: s.Key, Container: s.Container, Snapshot: s.Name, CreatedAt: at, Sealed: sealed}, err
}

// unsealedLimit is far more than an inspect document ever has.
const unsealedLimit = 16 << 20

func (d *Duplicator) open(dup snapshot.Duplicate) (snapshot.Snapshot, error) {
	packed, err := d.Keys.Open(sealDuplicate, dup.Key, dup.Sealed)
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	zip, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return snapshot.Snapshot{}, err
	}
	var s sealedSnapshot
	if err := json.NewDecoder(io.LimitReader(zip, unsealedLimit)).Decode(&s); err != nil {
		return snapshot.Snapshot{}, err
	}
	return snapshot.Snapshot{
		Key: s.Key, Container: s.Container, Name: s.Name, Reason: s.reason(), Note: s.Note, CreatedAt: s.CreatedAt, ExpiresAt: s.ExpiresAt,
		Pinned: s.Pinned, SizeBytes: s.SizeBytes, ImageID: s.ImageID, ImageRef: d.Ref(s.Container, s.Name), Committed: s.Committed,
		ContainerID: s.ContainerID, Document: s.Document, Changes: s.Changes, Volumes: s.Volumes, Unwell: s.Unwell,
		RanFor: time.Duration(s.RanForMs) * time.Millisecond, Spiked: s.Spiked,
	}, nil
}

// reason is why it was taken. What a restore was made away from was once kept as if somebody had asked for it.
func (s sealedSnapshot) reason() snapshot.Reason {
	if s.Reason == snapshot.Manual && strings.HasPrefix(s.Name, "before-") && snapshot.Reserved(s.Name) {
		return snapshot.Before
	}
	return s.Reason
}
