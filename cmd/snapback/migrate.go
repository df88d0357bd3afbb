package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/store"
)

func newMigrateCmd(e env) *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the database's schema up to this release", Args: usageArgs(cobra.NoArgs),
		Long: "Bring the schema of the database at DATABASE_URL up to this release, and do nothing else. serve does the same when it starts.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := e.reader()
			url := r.get("DATABASE_URL")
			if err := r.err(); err != nil {
				return usageError{err}
			}
			if url == "" {
				return usageError{errors.New("DATABASE_URL: is missing: which database? (a private one is migrated when serve starts it)")}
			}
			applied, err := store.Migrate(cmd.Context(), url)
			if err != nil {
				return databaseError(err)
			}
			fmt.Fprintf(e.stdout, "%d migrations applied; the schema is up to date\n", len(applied))
			return nil
		},
	}
}
