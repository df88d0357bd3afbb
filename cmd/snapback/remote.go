package main

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/pflag"

	"github.com/snapback/snapback/api/client"
)

// remote is the running bot, as SNAPBACK_URL and SNAPBACK_TOKEN name it.
func remote(e env) (*client.Client, error) {
	r := e.lenientReader()
	address := r.required("SNAPBACK_URL", "the bot's address, such as https://snapback.example.com")
	token := r.required("SNAPBACK_TOKEN", "snapback token create makes one")
	if err := r.err(); err != nil {
		return nil, usageError{err}
	}
	c, err := client.New(address, token)
	if errors.Is(err, client.ErrConfig) {
		return nil, usageError{err}
	}
	return c, err
}

// addJSON is for what is not as the API has it.
func addJSON(f *pflag.FlagSet, asJSON *bool) { f.BoolVar(asJSON, "json", false, "for scripts") }

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
