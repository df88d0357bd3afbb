package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func newConfigCmd(e env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Check and show the settings", Args: usageArgs(cobra.NoArgs),
		Long: `Check and show what holds: the environment's settings, and beneath them those of the YAML file that SNAPBACK_CONFIG
names, or of ` + usualConfig + ` when that is there. The names are the same in both.

` + settingsHelp(),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var asJSON bool
	cmd.PersistentFlags().BoolVar(&asJSON, "json", false, "for scripts")
	cmd.AddCommand(
		&cobra.Command{
			Use: "check", Short: "Say everything that is wrong with the settings", Args: usageArgs(cobra.NoArgs),
			Long: "Say everything that is wrong with the settings, a line each. Nothing is connected to: snapback doctor does that. The exit code is 2 when something is wrong.",
			RunE: func(*cobra.Command, []string) error { return checkConfig(e, asJSON) },
		},
		&cobra.Command{
			Use: "print", Short: "Show which settings hold, and where each comes from", Args: usageArgs(cobra.NoArgs),
			Long: "Show which settings hold, and where each comes from, as a YAML file. Secrets are not shown.",
			RunE: func(*cobra.Command, []string) error { return printConfig(e, asJSON) },
		},
	)
	return cmd
}

func checkConfig(e env, asJSON bool) error {
	r := e.reader()
	_, err := readConfig(r)
	_, strange := nameFaults(e.names())
	if asJSON {
		lines := map[string][]string{"wrong": {}, "warnings": {}}
		for _, fault := range r.errs {
			lines["wrong"] = append(lines["wrong"], fault.Error())
		}
		for _, fault := range strange {
			lines["warnings"] = append(lines["warnings"], fault.Error())
		}
		return errors.Join(printJSON(e.stdout, lines), err)
	}
	if err != nil {
		return err
	}
	for _, fault := range strange {
		fmt.Fprintf(e.stderr, "snapback: %v\n", fault)
	}
	set := 0
	for _, s := range allSettings {
		if r.origin(s.name) != "" {
			set++
		}
	}
	fmt.Fprintf(e.stdout, "%d settings, none is wrong\n", set)
	return nil
}

// shownSetting is a setting that is set, as --json shows it.
type shownSetting struct {
	Name  string `json:"name"`
	Value string `json:"value"` // masked where it is a secret
	From  string `json:"from"`  // file:line, or environment
}

func printConfig(e env, asJSON bool) error {
	r := e.reader()
	if asJSON {
		list := []shownSetting{}
		for _, s := range allSettings {
			if origin := r.origin(s.name); origin != "" {
				list = append(list, shownSetting{s.name, r.shown(s), origin})
			}
		}
		err := printJSON(e.stdout, map[string][]shownSetting{"settings": list})
		if wrong := r.err(); wrong != nil {
			err = usageError{wrong}
		}
		return err
	}
	var missing []string
	for _, s := range allSettings {
		origin := r.origin(s.name)
		switch {
		case origin != "":
			fmt.Fprintf(e.stdout, "%s: %s  # %s\n", s.name, quoted(r.shown(s)), origin)
		case s.usual != "":
			missing = append(missing, fmt.Sprintf("# %s is not set: %s\n", s.name, s.usual))
		}
	}
	fmt.Fprint(e.stdout, strings.Join(missing, ""))
	if err := r.err(); err != nil {
		return usageError{err}
	}
	return nil
}

// origin is where a setting comes from: a file's line, or the environment; "" when it is not set.
func (r *reader) origin(name string) string {
	if r.place != nil {
		if place := r.place(name); place != "" {
			return place
		}
	}
	for _, form := range []string{name, name + "_FILE"} {
		if r.getenv(form) != "" {
			return "environment"
		}
	}
	return ""
}

// shown is a setting's value as people may see it: of a secret only that it is there, of an address no user and password.
func (r *reader) shown(s setting) string {
	if path := r.getenv(s.name + "_FILE"); path != "" {
		return "in a file" // whose name may be the secret itself, put into the wrong setting
	}
	if s.secret {
		return "•••"
	}
	v := r.get(s.name)
	if u, err := url.Parse(v); err == nil && u.User != nil {
		return u.Redacted()
	}
	return v
}

// quoted is text as YAML has it between double quotes.
func quoted(text string) string { return fmt.Sprintf("%q", text) }

// settingsHelp is the table of all settings, for people at a terminal.
func settingsHelp() string {
	width := 0
	for _, s := range allSettings {
		width = max(width, len(s.name))
	}
	var b strings.Builder
	b.WriteString("Settings, in the environment or in " + usualConfig + " (SNAPBACK_CONFIG: another file). Each can be given as NAME_FILE, the path of a file that holds it.\n")
	for _, s := range allSettings {
		fmt.Fprintf(&b, "  %-*s  %s", width, s.name, s.what)
		if s.usual != "" {
			fmt.Fprintf(&b, " (%s)", s.fallback())
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// fallback says what holds when nothing is set.
func (s setting) fallback() string {
	if slices.ContainsFunc([]string{"required", "made"}, func(word string) bool { return strings.HasPrefix(s.usual, word) }) {
		return s.usual
	}
	return "default: " + s.usual
}
