package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/keyring"
	"github.com/snapback/snapback/store"
)

func newPersonCmd(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "person", Short: "Let people into the console, list and revoke them", Args: usageArgs(cobra.NoArgs),
		Long: `Let people into the console with passkeys, list and revoke them. Who is in Slack types /snapback signin there instead.
These commands open the bot's database themselves, so run them where the bot runs, as its user and with its environment.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newPersonAddCmd(e), newPersonListCmd(e), newPersonRevokeCmd(e))
	return cmd
}

var slackUserID = regexp.MustCompile(`^[UW][A-Z0-9]{2,}$`)

// personID is a Slack user ID: a person is who Slack says they are.
func personID(arg string) (string, error) {
	if !slackUserID.MatchString(arg) {
		return "", usageError{fmt.Errorf("%.40q is no Slack user ID: want one such as U0123456789, from the person's profile in Slack", arg)}
	}
	return arg, nil
}

func newPersonAddCmd(e env) *cobra.Command {
	return &cobra.Command{
		Use: "add SLACK_USER_ID", Short: "Print a link that registers a passkey of a person's, once", Args: usageArgs(cobra.ExactArgs(1)),
		Example: "  snapback person add U0123456789",
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := personID(args[0])
			if err != nil {
				return err
			}
			return withDoor(cmd.Context(), e, true, func(door *signin.Service, db *store.DB) error {
				known, _, err := db.Person(cmd.Context(), id)
				if err != nil {
					return err
				}
				m, err := door.MintOnHost(cmd.Context(), id, known.Name)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.stderr, "For %s alone, once, until %s:\n", id, m.ExpiresAt.Format("15:04 UTC"))
				_, err = fmt.Fprintln(e.stdout, m.URL)
				return err
			})
		},
	}
}

func newPersonListCmd(e env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List people and their passkeys", Args: usageArgs(cobra.NoArgs), Long: "List people and their passkeys. " + onlyReads,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return readingDatabase(cmd.Context(), e, store.Config{}, func(db *store.DB) error {
				people, err := db.People(cmd.Context())
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(e.stdout, map[string][]listedPerson{"people": listedPeople(people)})
				}
				w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "PERSON\tNAME\tPASSKEY\tDEVICE\tREGISTERED\tLAST USED\tREVOKED")
				for _, p := range people {
					if len(p.Passkeys) == 0 {
						fmt.Fprintf(w, "%s\t%s\t-\t-\t-\t-\t-\n", p.SlackID, p.Name)
					}
					for _, k := range p.Passkeys {
						fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.SlackID, p.Name, k.Short(), k.Device, day(k.CreatedAt), day(k.LastUsedAt), day(k.RevokedAt))
					}
				}
				return w.Flush()
			})
		},
	}
	addJSON(cmd.Flags(), &asJSON)
	return cmd
}

// listedPerson is a person as --json shows them.
type listedPerson struct {
	SlackID  string          `json:"slack_id"`
	Name     string          `json:"name"`
	AddedAt  time.Time       `json:"added_at"`
	Passkeys []listedPasskey `json:"passkeys"`
}

type listedPasskey struct {
	ID         string    `json:"id"` // as person revoke takes it
	Device     string    `json:"device"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at,omitzero"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
}

func listedPeople(people []signin.Registered) []listedPerson {
	shown := []listedPerson{}
	for _, p := range people {
		one := listedPerson{p.SlackID, p.Name, p.AddedAt, []listedPasskey{}}
		for _, k := range p.Passkeys {
			one.Passkeys = append(one.Passkeys, listedPasskey{k.Short(), k.Device, k.CreatedAt, k.LastUsedAt, k.RevokedAt})
		}
		shown = append(shown, one)
	}
	return shown
}

func newPersonRevokeCmd(e env) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "revoke SLACK_USER_ID [PASSKEY]", Short: "End all of a person's links, passkeys and sessions, or one passkey, at once",
		Args: usageArgs(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := personID(args[0])
			if err != nil {
				return err
			}
			what := "all links, passkeys and sessions"
			if len(args) == 2 {
				what = "passkey " + args[1]
			}
			if err := e.confirm(cmd.Context(), yes, fmt.Sprintf("End %s of %s?", what, id)); err != nil {
				return err
			}
			return withDoor(cmd.Context(), e, false, func(door *signin.Service, _ *store.DB) error {
				by := incidents.Actor{Kind: incidents.Bot, Name: "snapback person revoke"}
				if len(args) == 2 {
					err = door.RevokePasskey(cmd.Context(), id, args[1], by)
				} else {
					err = door.RevokePerson(cmd.Context(), id, by)
				}
				if errors.Is(err, signin.ErrUnknown) {
					return unknownError{fmt.Errorf("%s has no such thing: see snapback person list", id)}
				}
				return err
			})
		},
	}
	addYes(cmd.Flags(), &yes)
	return cmd
}

// hostAccounts knows nobody: who is who is asked when a link is used, by the bot.
type hostAccounts struct{}

func (hostAccounts) Living(_ context.Context, id string) (access.Person, error) {
	return access.Person{SlackID: id}, nil
}

// withDoor opens the bot's database beside it, with its keys: what is done here is on the timeline, signed as the bot signs.
// Without them it does nothing, since a key of its own would be another bot's.
func withDoor(ctx context.Context, e env, links bool, do func(*signin.Service, *store.DB) error) error {
	r := e.reader()
	public := r.openURL("SNAPBACK_PUBLIC_URL", r.or("SNAPBACK_PUBLIC_URL", "http://localhost"))
	if links {
		r.required("SNAPBACK_PUBLIC_URL", "how phones reach the bot: the link leads there")
	}
	keys, err := existingKeys(r)
	if err := errors.Join(r.err(), err); err != nil {
		return usageError{err}
	}
	return withDatabase(ctx, e, store.Config{Keys: keys, PublicURL: public}, func(db *store.DB) error {
		door, err := signin.New(signin.Config{PublicURL: public, Store: db, Ring: keys, Accounts: hostAccounts{}, Timeline: db})
		if err != nil {
			return usageError{fmt.Errorf("SNAPBACK_PUBLIC_URL: %w", err)}
		}
		return do(door, db)
	})
}

// existingKeys never makes any.
func existingKeys(r *reader) (*keyring.Ring, error) {
	if text := r.get("SNAPBACK_SECRET_KEYS"); text != "" {
		return keyring.Parse(text)
	}
	path := filepath.Join(r.dataDir(os.Geteuid() == 0), "secret-keys")
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("SNAPBACK_DATA_DIR: the bot's keys are not there (%w): run this where the bot runs, as its user and with its environment", err)
	}
	return keyring.Load(path)
}
