//go:build docs

package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// The command that writes manual pages and completions is in no program that people run: scripts/release builds it for itself.
func init() {
	extraCommands = append(extraCommands, func(env) *cobra.Command {
		return &cobra.Command{
			Use: "docs FOLDER", Short: "Write manual pages and completions", Hidden: true, Args: usageArgs(cobra.ExactArgs(1)),
			RunE: func(cmd *cobra.Command, args []string) error { return writeDocs(cmd.Root(), args[0]) },
		}
	})
}

// writeDocs writes folder/man/*.1 and folder/completions, dated by SOURCE_DATE_EPOCH where that is set.
func writeDocs(root *cobra.Command, folder string) error {
	root.DisableAutoGenTag = true
	date := time.Now()
	if seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		date = time.Unix(seconds, 0).UTC()
	}
	man, completions := filepath.Join(folder, "man"), filepath.Join(folder, "completions")
	for _, dir := range []string{man, completions} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for name, write := range map[string]func(string) error{
		"snapback.bash": func(p string) error { return root.GenBashCompletionFileV2(p, true) },
		"_snapback":     root.GenZshCompletionFile,
		"snapback.fish": func(p string) error { return root.GenFishCompletionFile(p, true) },
	} {
		if err := write(filepath.Join(completions, name)); err != nil {
			return err
		}
	}
	settingsAsList(root)
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "Snapback", Manual: "Snapback", Date: &date}, man)
}

// settingsAsList writes the table of settings as a manual page has lists: its columns would be broken anywhere in a narrow window.
func settingsAsList(cmd *cobra.Command) {
	intro, _, _ := strings.Cut(settingsHelp(), "\n")
	list := intro + "\n\n"
	for _, s := range allSettings {
		list += "**" + s.name + "**\n: " + s.what
		if s.usual != "" {
			list += " (" + s.fallback() + ")"
		}
		list += "\n\n"
	}
	cmd.Long = strings.Replace(cmd.Long, settingsHelp(), list, 1)
	for _, sub := range cmd.Commands() {
		settingsAsList(sub)
	}
}
