package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/store"
)

func newMigrateCmd(e env) *cobra.Command {
	var dry, asJSON bool
	cmd := &cobra.Command{
		Use: "migrate", Short: "Bring the database's schema up to this release", Args: usageArgs(cobra.NoArgs),
		Long: "Bring the schema of the bot's database up to this release, and do nothing else. serve does the same when it starts.\n" +
			"--dry-run says what would be applied, and whether this program may use the database at all. Keep a dump before an upgrade: the release before works on the new schema, an earlier one does not.\n\n" +
			"Without DATABASE_URL it is the private one in the data folder: run it as the bot's account then. It does not matter whether the bot runs.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return besideBot(cmd.Context(), e, func(url string) error {
				if dry {
					return printPending(cmd.Context(), e.stdout, url, asJSON)
				}
				return migrate(cmd.Context(), e.stdout, url, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be done, and change nothing")
	addJSON(cmd.Flags(), &asJSON)
	return cmd
}

func migrate(ctx context.Context, out io.Writer, url string, asJSON bool) error {
	applied, err := store.Migrate(ctx, url)
	if err != nil {
		return databaseError(err)
	}
	if asJSON {
		return printJSON(out, map[string]int{"applied": len(applied)})
	}
	_, err = fmt.Fprintf(out, "%d migrations applied; the schema is up to date\n", len(applied))
	return err
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
