package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// usualConfig is read when SNAPBACK_CONFIG is not set and it is there.
const usualConfig = "/etc/snapback/config.yaml"

// configFile holds what the environment does not say: settings by the names that they have there.
type configFile struct {
	path   string // "": there is none
	values map[string]fileValue
}

type fileValue struct {
	text string
	line int
}

// openConfig reads the file, and says everything that is wrong with it, an error for each. A lenient one is for commands
// that ask a running bot: the usual file may be the bot's alone, and they can do without it.
func openConfig(e env, lenient bool) (configFile, []error) {
	path, named := e.getenv("SNAPBACK_CONFIG"), true
	if path == "" {
		path, named = e.usualConfig, false
	}
	if path == "" {
		return configFile{}, nil
	}
	text, err := os.ReadFile(path)
	switch {
	case !named && (errors.Is(err, fs.ErrNotExist) || lenient && errors.Is(err, fs.ErrPermission)):
		return configFile{}, nil
	case err != nil:
		return configFile{}, []error{fmt.Errorf("SNAPBACK_CONFIG: %w", unreadable(path, err))}
	}
	f := configFile{path: path, values: map[string]fileValue{}}
	errs := f.parse(text)
	return f, append(errs, f.exposed()...)
}

// parse takes a map of names to texts, numbers, yes or no, or lists of these, which stand for what is comma-separated.
func (f configFile) parse(text []byte) (errs []error) {
	wrong := func(line int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s:%d: %s", f.path, line, fmt.Sprintf(format, args...)))
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return []error{fmt.Errorf("%s: %s", f.path, strings.TrimPrefix(err.Error(), "yaml: "))}
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" { // nothing but comments
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		wrong(root.Line, "want lines such as SLACK_CHANNEL: C0123456789")
		return errs
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		name, node := root.Content[i].Value, root.Content[i+1]
		if why := f.unwanted(name); why != "" {
			wrong(root.Content[i].Line, "%s %s", name, why)
			continue
		}
		value, ok := scalar(node)
		if !ok {
			wrong(node.Line, "%s: want one value, or a list of them", name)
			continue
		}
		f.values[name] = fileValue{value, root.Content[i].Line}
	}
	return errs
}

// unwanted says why a name has no place in the file; "" when it has.
func (f configFile) unwanted(name string) string {
	_, known := settingNamed(name)
	first, twice := f.values[name]
	switch {
	case twice:
		return fmt.Sprintf("stands in line %d already", first.line)
	case name == "SNAPBACK_CONFIG" || name == "SNAPBACK_CONFIG_FILE":
		return "names this file: set it in the environment"
	case strings.HasPrefix(name, "DOCKER_"):
		return "is read from the environment only, as every Docker tool does"
	case !known:
		return "is no setting" + meant(name)
	}
	return ""
}

// scalar is one value, or a list of them with commas between; "" for null.
func scalar(n *yaml.Node) (string, bool) {
	switch n.Kind {
	case yaml.AliasNode:
		return scalar(n.Alias)
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return "", true
		}
		return strings.TrimSpace(n.Value), true
	case yaml.SequenceNode:
		var parts []string
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return "", false
			}
			parts = append(parts, strings.TrimSpace(item.Value))
		}
		return strings.Join(parts, ","), true
	}
	return "", false
}

// exposed refuses a file that holds a secret and that everybody on the machine may read.
func (f configFile) exposed() []error {
	info, err := os.Stat(f.path)
	if err != nil || info.Mode().Perm()&0o007 == 0 {
		return nil
	}
	for name, value := range f.values {
		if s, _ := settingNamed(name); s.secret && value.text != "" && !strings.HasSuffix(name, "_FILE") {
			return []error{fmt.Errorf("%s holds secrets, and everybody here may read it (mode %04o): chmod 640 %[1]s", f.path, info.Mode().Perm())}
		}
	}
	return nil
}

// lookup finds NAME or NAME_FILE: the environment's, or else the file's. What the environment says of a setting, in either
// form, is all that holds of it.
func (f configFile) lookup(getenv func(string) string, name string) string {
	setting := strings.TrimSuffix(name, "_FILE")
	if f.path == "" || getenv(setting) != "" || getenv(setting+"_FILE") != "" {
		return getenv(name)
	}
	return f.values[name].text
}

// place is where a setting stands, as file:line; "" when it is not the file's.
func (f configFile) place(getenv func(string) string, setting string) string {
	if f.path == "" || getenv(setting) != "" || getenv(setting+"_FILE") != "" {
		return ""
	}
	for _, name := range []string{setting, setting + "_FILE"} {
		if v, ok := f.values[name]; ok && v.text != "" {
			return fmt.Sprintf("%s:%d", f.path, v.line)
		}
	}
	return ""
}
