package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/internal/setup"
)

// initCall is how init was called.
type initCall struct {
	config, compose string
	set, ask        []string
	yes, manifest   bool
	sockets         bool
}

func newInitCmd(e env) *cobra.Command {
	var c initCall
	cmd := &cobra.Command{
		Use: "init", Short: "Ask for the settings that are missing, try each, and write them down", Args: usageArgs(cobra.NoArgs),
		Long: `Ask for the settings that are missing, one at a time, with where to find each; try it against the real thing, and write it into the file of
settings at once: ` + usualConfig + `, or what SNAPBACK_CONFIG or --config names. Then register the webhook subscription in PagerDuty.
Running it again changes only what is asked; comments and all else in the file stay. The answer - takes a setting away that is not needed.

With --set and --yes it asks nothing. A value that begins with @ is the path of a file that holds it.

` + exitCodes,
		Example: `  snapback init
  snapback init --ask SLACK_CHANNEL
  snapback init --yes --set SNAPBACK_PUBLIC_URL=https://snapback.example.com --set SLACK_BOT_TOKEN=@/root/slack-token
  snapback init --socket-mode
  snapback init --compose deploy`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context(), e) },
	}
	f := cmd.Flags()
	f.StringVar(&c.config, "config", "", "the file to write; default: SNAPBACK_CONFIG, or "+usualConfig)
	f.StringVar(&c.compose, "compose", "", "the folder of compose.yaml: write .env and secrets there instead")
	f.StringArrayVar(&c.set, "set", nil, "NAME=VALUE or NAME=@FILE: a setting; can be given several times; NAME=- takes one away that is not needed")
	f.StringSliceVar(&c.ask, "ask", nil, "ask for this setting although it is set, and for what is missing")
	f.BoolVar(&c.manifest, "manifest", false, "print the manifest of the Slack app, and do nothing else")
	f.BoolVarP(&c.yes, "yes", "y", false, "ask nothing: say what is missing")
	f.BoolVar(&c.sockets, "socket-mode", false, "Slack can't reach this machine: the bot connects to Slack instead (SLACK_APP_TOKEN)")
	cmd.MarkFlagsMutuallyExclusive("config", "compose")
	completeFlag(cmd, "ask", settingNames()...)
	return cmd
}

func (c initCall) run(ctx context.Context, e env) error {
	given, err := c.given()
	if err != nil {
		return usageError{err}
	}
	target, err := c.target(e)
	if err != nil {
		return err
	}
	s := settingUp{target: target, getenv: e.getenv, out: e.stdout, compose: c.compose != "", alone: c.yes, way: c.way(given)}
	if c.manifest {
		return s.printManifest(cmp.Or(given["SNAPBACK_PUBLIC_URL"], target.Get("SNAPBACK_PUBLIC_URL")))
	}
	if slices.Contains(c.ask, "SLACK_SIGNING_SECRET") && s.sockets() {
		return usageError{errors.New("SLACK_SIGNING_SECRET is not used in Socket Mode, and SLACK_APP_TOKEN turns that on: remove SLACK_APP_TOKEN from the settings (with Compose: empty secrets/slack_app_token), then ask again")}
	}
	if err := c.writable(target); err != nil {
		return err
	}
	w := setup.Wizard{Target: target, Given: given, Again: c.ask, Out: e.stdout}
	if !c.yes {
		w.Ask = newPrompter(e).ask
	}
	if err := w.Run(ctx, s.questions()); err != nil {
		return err
	}
	if err := s.finish(ctx); err != nil {
		return err
	}
	if len(c.ask)+len(c.set) == 0 {
		return nil
	}
	restart := "systemctl restart snapback"
	if s.compose {
		restart = "docker compose up -d --force-recreate bot"
	}
	_, err = fmt.Fprintf(e.stdout, "A bot that runs already takes what has changed when it starts again: %s\n", restart)
	return err
}

// writable tells before the first question that the answers could not be kept.
func (c initCall) writable(target setup.Target) error {
	dir := c.compose
	if dir == "" {
		dir = filepath.Dir(target.String())
	}
	for { // what is not there yet is made
		info, err := os.Stat(dir)
		if errors.Is(err, os.ErrNotExist) && dir != filepath.Dir(dir) {
			dir = filepath.Dir(dir)
			continue
		}
		if err == nil && !info.IsDir() {
			err = syscall.ENOTDIR
		}
		if err == nil {
			err = syscall.Access(dir, 2|1) // to write, and to search
		}
		switch {
		case err == nil:
			return nil
		case c.compose != "":
			return fmt.Errorf("answers can't be written to %s: %w. Run it as root (sudo)", c.compose, err)
		}
		return fmt.Errorf("answers can't be written to %s: %w. Run it as root (sudo), or name a file of your own: --config FILE, and SNAPBACK_CONFIG=FILE for the other commands", target, err)
	}
}

// way is how Slack is to reach the bot, as far as the flags tell.
func (c initCall) way(given map[string]string) *slackWay {
	asked := func(name string) bool { return given[name] != "" || slices.Contains(c.ask, name) }
	switch {
	case c.sockets || asked("SLACK_APP_TOKEN"):
		return &slackWay{known: true, sockets: true}
	case asked("SLACK_SIGNING_SECRET"):
		return &slackWay{known: true}
	}
	return &slackWay{}
}

// given reads --set, and refuses what is no setting that init knows.
func (c initCall) given() (map[string]string, error) {
	known := map[string]bool{}
	for _, q := range (settingUp{compose: c.compose != ""}).questions() {
		if q.Decide == nil {
			known[q.Name] = true
		}
	}
	given := map[string]string{}
	for _, pair := range c.set {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("--set %.40q: want NAME=VALUE", name)
		}
		if path, isFile := strings.CutPrefix(value, "@"); isFile {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, fmt.Errorf("--set %s: %w", name, err)
			}
			value = string(text)
		}
		given[name] = strings.TrimSpace(value)
	}
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(given)), c.ask) {
		if !known[name] {
			return nil, fmt.Errorf("%.40q is nothing that init asks for%s: %s", name, cmp.Or(setElsewhere(name, c.compose != ""), meant(name)), strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	return given, nil
}

func (c initCall) target(e env) (setup.Target, error) {
	if c.compose != "" {
		return setup.Compose{Dir: c.compose}, nil
	}
	path := cmp.Or(c.config, e.getenv("SNAPBACK_CONFIG"), e.usualConfig)
	if path == "" {
		return nil, usageError{errors.New("no file is named: set --config or SNAPBACK_CONFIG")}
	}
	t := settingsFile{e, path}
	if _, err := os.Stat(path); err == nil {
		if _, errs := openConfig(t.here(), false); len(errs) > 0 {
			return nil, usageError{errors.Join(errs...)}
		}
	}
	return t, nil
}

// settingsFile is the YAML file of settings, beneath the environment.
type settingsFile struct {
	e    env
	path string
}

// here is the environment in which this file is the one of the settings.
func (t settingsFile) here() env {
	e := t.e
	e.usualConfig = t.path
	e.getenv = func(name string) string {
		if name == "SNAPBACK_CONFIG" {
			return ""
		}
		return t.e.getenv(name)
	}
	return e
}

func (t settingsFile) String() string { return t.path }

// Get implements setup.Target.
func (t settingsFile) Get(name string) string { return t.here().reader().get(name) }

// Stands implements setup.Target.
func (t settingsFile) Stands(name string) bool {
	f, _ := openConfig(t.here(), false)
	_, plain := f.values[name]
	_, byFile := f.values[name+"_FILE"]
	return plain || byFile
}

// Set implements setup.Target.
func (t settingsFile) Set(name, value string) error {
	text, err := os.ReadFile(t.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	s, _ := settingNamed(name)
	return setup.WriteFile(t.path, []byte(setup.EditYAML(string(text), name, value)), s.secret)
}

func (s settingUp) printManifest(publicURL string) error {
	if publicURL == "" && !s.sockets() {
		return usageError{errors.New("SNAPBACK_PUBLIC_URL: is missing: the manifest has it in it; --set SNAPBACK_PUBLIC_URL=https://snapback.example.com")}
	}
	if !s.sockets() {
		if err := publicURLForm(publicURL); err != nil {
			return usageError{fmt.Errorf("SNAPBACK_PUBLIC_URL: %w", err)}
		}
	}
	manifest := s.manifest(publicURL)
	_, err := fmt.Fprintf(s.out, "%s\n%s\n", manifest, setup.ManifestLink(manifest))
	return err
}
