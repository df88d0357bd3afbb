package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/store"
)

func newTokenCmd(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", Short: "Make, list and revoke API tokens", Args: usageArgs(cobra.NoArgs),
		Long: `Make, list and revoke API tokens. These commands open the bot's database themselves (DATABASE_URL, or the private one
under SNAPBACK_DATA_DIR), so run them where the bot runs.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTokenCreateCmd(e), newTokenListCmd(e), newTokenRevokeCmd(e))
	return cmd
}

func newTokenCreateCmd(e env) *cobra.Command {
	var scopes []string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a token and print it, once", Args: usageArgs(cobra.ExactArgs(1)),
		Example: "  snapback token create ci --scope snapshots:write",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(scopes) == 0 {
				return usageError{fmt.Errorf("--scope is missing: one or more of %s", strings.Join(scopeNames(), ", "))}
			}
			parsed, err := access.ParseScopes(scopes)
			if err != nil {
				return usageError{err}
			}
			token, secret, err := access.NewToken(args[0], parsed)
			if err != nil {
				return usageError{err}
			}
			return withDatabase(cmd.Context(), e, store.Config{}, func(tokens *store.DB) error {
				if err := tokens.CreateToken(cmd.Context(), token); err != nil {
					return err
				}
				_, err := fmt.Fprintln(e.stdout, secret)
				return err
			})
		},
	}
	cmd.Flags().StringSliceVar(&scopes, "scope", nil, "required: what it may do; can be given several times: "+strings.Join(scopeNames(), ", "))
	completeFlag(cmd, "scope", scopeNames()...)
	return cmd
}

func scopeNames() (names []string) {
	for _, s := range access.Scopes() {
		names = append(names, string(s))
	}
	return names
}

func newTokenListCmd(e env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List all tokens, without their secrets", Args: usageArgs(cobra.NoArgs), Long: "List all tokens, without their secrets. " + onlyReads,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return readingDatabase(cmd.Context(), e, store.Config{}, func(tokens *store.DB) error {
				list, err := tokens.ListTokens(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(e.stdout, map[string][]listedToken{"tokens": listedTokens(list)})
				}
				w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tNAME\tSCOPES\tMADE\tLAST USED\tREVOKED")
				for _, t := range list {
					fmt.Fprintf(w, "%s\t%s\t%v\t%s\t%s\t%s\n", t.ID, t.Name, t.Scopes, day(t.CreatedAt), day(t.LastUsedAt), day(t.RevokedAt))
				}
				return w.Flush()
			})
		},
	}
	addJSON(cmd.Flags(), &asJSON)
	return cmd
}

// listedToken is a token as --json shows it.
type listedToken struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Scopes     []access.Scope `json:"scopes"`
	CreatedAt  time.Time      `json:"created_at"`
	LastUsedAt time.Time      `json:"last_used_at,omitzero"`
	RevokedAt  time.Time      `json:"revoked_at,omitzero"`
}

func listedTokens(list []access.Token) []listedToken {
	shown := []listedToken{}
	for _, t := range list {
		shown = append(shown, listedToken{t.ID, t.Name, t.Scopes, t.CreatedAt, t.LastUsedAt, t.RevokedAt})
	}
	return shown
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format("2006-01-02 15:04Z")
}

func newTokenRevokeCmd(e env) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "revoke ID", Short: "End a token at once", Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := e.confirm(cmd.Context(), yes, fmt.Sprintf("End token %s? Whoever uses it is refused from then on.", args[0])); err != nil {
				return err
			}
			return withDatabase(cmd.Context(), e, store.Config{}, func(tokens *store.DB) error {
				err := tokens.RevokeToken(cmd.Context(), args[0], time.Now())
				if errors.Is(err, access.ErrUnknownToken) {
					return unknownError{fmt.Errorf("no token has the ID %q: see snapback token list", args[0])}
				}
				return err
			})
		},
	}
	addYes(cmd.Flags(), &yes)
	return cmd
}
