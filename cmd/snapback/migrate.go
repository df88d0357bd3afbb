package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/store"
)

func newMigrateCmd(e env) *cobra.Command {
	var dry, asJSON bool
	cmd := &cobra.Command{
		Use: "migrate", Short: "Bring the database's schema up to this release", Args: usageArgs(cobra.NoArgs),
		Long: "Bring the schema of the database at DATABASE_URL up to this release, and do nothing else. serve does the same when it starts.\n" +
			"--dry-run says what would be applied, and whether this program may use the database at all. Keep a dump before an upgrade: the release before works on the new schema, an earlier one does not.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := e.reader()
			url := r.get("DATABASE_URL")
			if err := r.err(); err != nil {
				return usageError{err}
			}
			if url == "" {
				return usageError{errors.New("DATABASE_URL: is missing: which database? (a private one is migrated when serve starts it)")}
			}
			if dry {
				return printPending(cmd.Context(), e.stdout, url, asJSON)
			}
			applied, err := store.Migrate(cmd.Context(), url)
			if err != nil {
				return databaseError(err)
			}
			if asJSON {
				return printJSON(e.stdout, map[string]int{"applied": len(applied)})
			}
			fmt.Fprintf(e.stdout, "%d migrations applied; the schema is up to date\n", len(applied))
			return nil
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be done, and change nothing")
	addJSON(cmd.Flags(), &asJSON)
	return cmd
}

func printPending(ctx context.Context, out io.Writer, url string, asJSON bool) error {
	files, err := store.Pending(ctx, url)
	if err != nil {
		return databaseError(err)
	}
	if asJSON {
		return printJSON(out, map[string][]string{"pending": append([]string{}, files...)})
	}
	for _, file := range files {
		fmt.Fprintf(out, "would apply %s\n", file)
	}
	if len(files) == 0 {
		fmt.Fprintln(out, "the schema is up to date: nothing would be done")
	}
	return nil
}
