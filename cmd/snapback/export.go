package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/snapback/snapback/incidents"
)

func newExportCmd(e env) *cobra.Command {
	var format, output string
	cmd := &cobra.Command{
		Use: "export INCIDENT", Short: "Write an incident's post-mortem", Args: usageArgs(cobra.ExactArgs(1)),
		Long: `Write an incident's post-mortem, from a running bot (SNAPBACK_URL, SNAPBACK_TOKEN). INCIDENT is our ID, PagerDuty's
ID or its number. A zip holds every other form, and the recordings of the incident's shells if the token has the scope terminal.

Nothing is written unless all of it came: what was cut on its way is an error, and exit code 1.`,
		Example: "  snapback export 4711 --format zip --output night.zip",
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := incidents.FindFormat(format); err != nil {
				return usageError{err}
			}
			c, err := remote(e)
			if err != nil {
				return err
			}
			write := func(w io.Writer) error { return c.Export(cmd.Context(), args[0], format, w) }
			if output == "" || output == "-" {
				return writeWhole(e.stdout, write)
			}
			return writeFile(cmd.Context(), output, write)
		},
	}
	cmd.Flags().StringVar(&format, "format", "md", "md, html, json, cdevents or zip")
	completeFlag(cmd, "format", "md", "html", "json", "cdevents", "zip")
	cmd.Flags().StringVarP(&output, "output", "o", "", "the file to write; default standard output")
	return cmd
}

// writeFile makes the file appear under its name only when it is whole.
func writeFile(ctx context.Context, path string, write func(io.Writer) error) error {
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.Remove(part.Name()) // it is not there any more when all went well
	if err = write(part); err == nil {
		err = part.Sync() // else a crash could leave the name without the content
	}
	if err = errors.Join(err, part.Close()); err != nil {
		return fmt.Errorf("%s was not written: %w", path, err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// writeWhole writes nothing unless all of it can be.
func writeWhole(out io.Writer, write func(io.Writer) error) error {
	part, err := os.CreateTemp("", "snapback-export-*")
	if err != nil {
		return fmt.Errorf("keeping the export until it is whole: %w", err)
	}
	defer part.Close()
	if err := os.Remove(part.Name()); err != nil {
		return fmt.Errorf("keeping the export until it is whole: %w", err)
	}
	if err := write(part); err != nil {
		return err
	}
	if _, err := part.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading the export back: %w", err)
	}
	_, err = io.Copy(out, part)
	return err
}
