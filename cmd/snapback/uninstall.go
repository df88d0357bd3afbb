package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/internal/outside"
	"github.com/snapback/snapback/snapshot"
	"github.com/snapback/snapback/snapshot/docker"
	"github.com/snapback/snapback/snapshot/recovery"
	"github.com/snapback/snapback/store"
)

// errNotRemoved says that it must not be done now.
var errNotRemoved = errors.New("nothing was removed")

// uninstall is what one call of the command is about.
type uninstall struct {
	env
	images, volumes, yes, noDatabase, json bool

	dir     string // the data folder
	only    string // SNAPBACK_ONLY
	keys    *keyring.Ring
	engines []engineAt

	volumesDir string         // with the archives of volumes of the engine that is being looked at
	engine     *docker.Engine // that engine
}

func newUninstallCmd(e env) *cobra.Command {
	u := &uninstall{}
	cmd := &cobra.Command{
		Use: "uninstall", Short: "Remove what the bot has made on the engine", Args: usageArgs(cobra.NoArgs),
		Long: `List what the bot has made on the engine, and remove it: helpers in any case, the images of snapshots with --images, with --volumes
the duplicates of snapshots and the archives of volumes. Without either it only lists. What is in use stays, and so does what none of this
bot's keys opens.

Stop the bot first, and run this where it ran, with its settings. No container is touched: those from before a restore
(api.before-0347) are listed. Database, keys and settings stay: docs/uninstall.md says what to do with them.`,
		Example: "  snapback uninstall\n  snapback uninstall --images --volumes",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.recorded(u.json, func(e env) error {
				u.env = e
				return u.run(cmd.Context())
			})
		},
	}
	cmd.Flags().BoolVar(&u.images, "images", false, "remove the images of snapshots: none can be restored any more")
	cmd.Flags().BoolVar(&u.volumes, "volumes", false, "remove duplicates of snapshots, and archives of volumes")
	cmd.Flags().BoolVar(&u.noDatabase, "without-database", false, "the database is gone: go by the duplicates alone")
	addYes(cmd.Flags(), &u.yes)
	addStepsJSON(cmd.Flags(), &u.json)
	return cmd
}

func (u *uninstall) run(ctx context.Context) error {
	if err := u.open(); err != nil {
		return err
	}
	held, err := openFolder(u.dir)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotRemoved, err) // a bot that runs would make it all again
	}
	defer held.Close()
	if u.noDatabase {
		return u.each(ctx, func() error { return u.remove(ctx, nil) })
	}
	open := opening(withDatabase)
	if !u.images && !u.volumes { // it only lists
		open = readingDatabase
	}
	return open(ctx, u.env, store.Config{Keys: u.keys}, func(db *store.DB) error {
		return u.each(ctx, func() error { return u.with(ctx, db) })
	})
}

// each goes through the engines, one after the other. One that does not answer keeps nothing from being removed of the others.
func (u *uninstall) each(ctx context.Context, do func() error) (errs error) {
	for _, at := range u.engines {
		if at.name != "" {
			fmt.Fprintf(u.stdout, "engine %s:\n", at.name)
		}
		errs = errors.Join(errs, u.at(ctx, at, do))
	}
	for _, folder := range unmoved(u.engines, u.dir) { // of an engine that nobody can ask whether a container is still paused
		fmt.Fprintf(u.stdout, "%-10s archives of no engine of the settings: %s\n", "stays", outside.Line(folder))
	}
	return errs
}

func (u *uninstall) at(ctx context.Context, at engineAt, do func() error) (err error) {
	u.volumesDir = at.folder(u.dir)
	if u.engine, err = docker.New(ctx, docker.Config{Host: at.where, Certs: at.certs, Getenv: u.getenv, Only: u.only}); err != nil {
		return usageError{at.wrap(err)}
	}
	defer func() { _ = u.engine.Close() }()
	if err = do(); err != nil && at.name != "" {
		err = fmt.Errorf("engine %s: %w", at.name, err)
	}
	return err
}

// open reads the settings that it needs. It makes no keys: with new ones, nothing could be told apart.
func (u *uninstall) open() error {
	r := u.reader()
	c := config{
		DataDir: r.dataDir(os.Geteuid() == 0), SecretKeys: r.get("SNAPBACK_SECRET_KEYS"), KeysFile: r.getenv("SNAPBACK_SECRET_KEYS_FILE"), Only: r.get("SNAPBACK_ONLY"),
		Engines: r.engines(),
	}
	r.checkKeys(&c)
	if _, err := os.Stat(c.KeysFile); c.SecretKeys == "" && err != nil {
		r.fail("SNAPBACK_SECRET_KEYS", "is not set, and no keys are in %s: without the bot's keys nobody can tell what is its own", c.DataDir)
	}
	if err := r.err(); err != nil {
		return usageError{err}
	}
	var err error
	if u.keys, err = c.keys(); err != nil {
		return usageError{fmt.Errorf("SNAPBACK_SECRET_KEYS: %w", err)}
	}
	u.dir, u.only, u.engines = c.DataDir, c.Only, c.Engines
	return nil
}

// with refuses while something is under way that only the bot can bring to its end.
func (u *uninstall) with(ctx context.Context, db *store.DB) error {
	id, err := u.engine.ID(ctx)
	if err != nil {
		return err
	}
	name, _, err := db.EngineName(ctx, id)
	if err != nil {
		return err
	}
	if name == "" { // it was never upgraded
		name = id
	}
	n, err := db.Unfinished(ctx, name)
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("%w: restores have not ended: %d. Start the bot, and wait until none is left", errNotRemoved, n)
	}
	if u.only != "" { // the database has those of other bots as well
		return u.remove(ctx, nil)
	}
	known, err := db.ToDuplicate(ctx, name)
	if err != nil {
		return err
	}
	return u.remove(ctx, known)
}

func (u *uninstall) remove(ctx context.Context, known []snapshot.Snapshot) error {
	if frozen, _ := filepath.Glob(filepath.Join(u.volumesDir, ".frozen", "*")); len(frozen) > 0 {
		return fmt.Errorf("%w: a container may still be paused for an archive. Start the bot once: it lets it go on", errNotRemoved)
	}
	r := recovery.Removal{Engine: u.engine, Keys: u.keys, Ref: docker.Ref, TagOf: docker.TagOf}
	made, err := r.Look(ctx, known)
	if err != nil {
		return err
	}
	ofRestores, err := u.engine.OfRestores(ctx)
	if err != nil {
		return err
	}
	archives := u.archives()
	u.list(made, archives, ofRestores)
	if !u.images && !u.volumes {
		fmt.Fprintln(u.stdout, "nothing was removed: --images and --volumes do")
		return nil
	}
	if err := u.confirm(ctx, u.yes, "Remove it for good?"); err != nil {
		return err
	}
	stays, err := r.Remove(ctx, made, u.images, u.volumes)
	for _, what := range stays {
		fmt.Fprintf(u.stdout, "stays      %s\n", outside.Line(what))
	}
	if err == nil && u.volumes && len(archives) > 0 {
		err = removeAll(archives)
	}
	if err == nil {
		fmt.Fprintln(u.stdout, "removed")
	}
	return err
}

// archives are the folders of volumes' contents.
func (u *uninstall) archives() []string {
	sets, _ := filepath.Glob(filepath.Join(u.volumesDir, "*", "manifest"))
	for i := range sets {
		sets[i] = filepath.Dir(sets[i])
	}
	return sets
}

func removeAll(folders []string) (err error) {
	for _, folder := range folders {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	return err
}

func (u *uninstall) list(m recovery.Made, archives, ofRestores []string) {
	var text strings.Builder
	lines := func(word, kind string, names []string) {
		for _, name := range names {
			fmt.Fprintf(&text, "%-10s %s\n", word, outside.Line(strings.TrimSpace(kind+" "+name)))
		}
	}
	when := func(asked bool) string {
		if asked {
			return "to remove"
		}
		return "there is"
	}
	any := when(u.images || u.volumes)
	lines(any, "helper", m.Helpers)
	lines(any, "helper's image", m.HelperImages)
	lines(when(u.images), "image", m.Tags)
	lines(when(u.volumes), "duplicate", m.Duplicates)
	lines(when(u.volumes), "archive", archives)
	lines("stays", "container", ofRestores)
	lines("stays", "images of no snapshot of this bot:", some(m.ForeignTags))
	lines("stays", "volumes that none of this bot's keys opens:", some(m.ForeignDuplicates))
	_, _ = io.WriteString(u.stdout, text.String())
}

// namedAtMost is how many of what is somebody else's are named: there may be very many, and nothing is done to them.
const namedAtMost = 3

// some is a list in one line, which names a few; none for an empty one.
func some(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	list = slices.Sorted(slices.Values(list))
	line := strings.Join(list[:min(namedAtMost, len(list))], ", ")
	if more := len(list) - namedAtMost; more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	return []string{line}
}
