package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/snapback/snapback/snapshot"
)

// Removal takes away for good what a bot has made on an engine. All fields are required. It is sure of a duplicate when one of the keys
// opens it, and of a tag when a duplicate or the database names its snapshot: names and labels are anybody's to take.
type Removal struct {
	Engine RemovalEngine
	Keys   Sealer
	Ref    func(container, snapshot string) string // as Config has it
	TagOf  func(ref string) string                 // the tag that a tag on a mounted image goes with
}

// RemovalEngine is what a Removal asks of the engine. What removes something returns ErrInUse when somebody uses it; missing is success.
type RemovalEngine interface {
	// OwnDuplicates are those of bots with this one's scope: others on the engine may have the same keys.
	OwnDuplicates(ctx context.Context) ([]snapshot.Duplicate, error)
	RemoveDuplicate(ctx context.Context, name string) error
	// Tags are all that have the form of a snapshot's, whosever they are.
	Tags(ctx context.Context) ([]string, error)
	Untag(ctx context.Context, ref string) error
	// Helpers are the names of helpers' containers, and of their images.
	Helpers(ctx context.Context) (containers, images []string, err error)
	RemoveHelper(ctx context.Context, name string) error
	RemoveHelperImage(ctx context.Context, ref string) error
}

// Made is what a bot has made on an engine.
type Made struct {
	Helpers, HelperImages []string
	Tags                  []string
	Duplicates            []string // names of volumes
	ForeignDuplicates     []string // what looks alike, and none of this bot's keys opens: it stays
	ForeignTags           []string // those of no snapshot of this bot, which stay as well
}

// Look lists it. Known are the snapshots of this engine that the database has, if no other bot has any there.
func (r Removal) Look(ctx context.Context, known []snapshot.Snapshot) (m Made, err error) {
	if m.Helpers, m.HelperImages, err = r.Engine.Helpers(ctx); err != nil {
		return m, err
	}
	refs := map[string]bool{}
	for _, s := range known {
		refs[r.Ref(s.Container, s.Name)] = true
	}
	all, err := r.Engine.OwnDuplicates(ctx)
	if err != nil {
		return m, err
	}
	opener := Duplicator{Config: Config{Keys: r.Keys, Ref: r.Ref}}
	for _, dup := range all {
		s, err := opener.open(dup)
		if err != nil {
			m.ForeignDuplicates = append(m.ForeignDuplicates, dup.Name)
			continue
		}
		refs[s.ImageRef] = true
		m.Duplicates = append(m.Duplicates, dup.Name)
	}
	slices.Sort(m.Duplicates)
	return m, r.lookAtTags(ctx, refs, &m)
}

func (r Removal) lookAtTags(ctx context.Context, refs map[string]bool, m *Made) error {
	tags, err := r.Engine.Tags(ctx)
	for _, tag := range tags {
		if refs[r.TagOf(tag)] {
			m.Tags = append(m.Tags, tag)
		} else {
			m.ForeignTags = append(m.ForeignTags, tag)
		}
	}
	return err
}

// Remove removes the helpers, and of the rest what is asked for. It returns what stays because somebody uses it, a sentence each. An
// engine that fails ends it; it can be done again.
func (r Removal) Remove(ctx context.Context, m Made, images, volumes bool) (stays []string, err error) {
	remove := func(list []string, what string, do func(context.Context, string) error) error {
		for _, name := range list {
			err := do(ctx, name)
			if errors.Is(err, snapshot.ErrInUse) {
				stays = append(stays, fmt.Sprintf("%s %s: it is in use", what, name))
			} else if err != nil {
				return err
			}
		}
		return nil
	}
	err = errors.Join(remove(m.Helpers, "container", r.Engine.RemoveHelper), remove(m.HelperImages, "image", r.Engine.RemoveHelperImage))
	if err == nil && images {
		err = remove(m.Tags, "image", r.Engine.Untag)
	}
	if err == nil && volumes { // last: they prove whose the tags are
		err = remove(m.Duplicates, "volume", r.Engine.RemoveDuplicate)
	}
	return stays, err
}
