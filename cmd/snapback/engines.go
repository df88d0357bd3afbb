package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/snapback/snapback/snapshot/docker"
)

// engineAt is one of SNAPBACK_ENGINES.
type engineAt struct {
	name  string // what people call it; "": there is no other, and it is DOCKER_HOST's
	where string // unix://, tcp://, ssh://, or the name of a Docker context; "": as every Docker tool finds it
	certs string // of tcp://: the folder with ca.pem, cert.pem and key.pem; "": DOCKER_CERT_PATH's, if that is set
	line  int    // of the file; 0: it stands in none
}

// engines reads SNAPBACK_ENGINES: name=where pairs, or the path of a YAML file. Not set, it is the one engine that every Docker tool
// would find. Everything that is wrong is told at once.
func (r *reader) engines() []engineAt {
	text := r.get("SNAPBACK_ENGINES")
	if text == "" {
		return []engineAt{{}}
	}
	place := r.placed("SNAPBACK_ENGINES", "SNAPBACK_ENGINES")
	list, errs := []engineAt(nil), []error(nil)
	if filepath.IsAbs(text) {
		list, errs = enginesOfFile(place, text)
		place = text
	} else {
		list, errs = enginesOfPairs(place, text)
	}
	for _, err := range append(errs, engineFaults(place, list)...) {
		r.wrong = append(r.wrong, "SNAPBACK_ENGINES")
		r.errs = append(r.errs, err)
	}
	return list
}

func enginesOfPairs(place, text string) (list []engineAt, errs []error) {
	for pair := range strings.SplitSeq(text, ",") {
		name, where, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			errs = append(errs, fmt.Errorf("%s: want name=where, such as web=ssh://deploy@10.0.0.7, with commas between them, or the whole path of a file", place))
			continue
		}
		list = append(list, engineAt{name: strings.TrimSpace(name), where: strings.TrimSpace(where)})
	}
	return list, errs
}

// enginesOfFile reads name: where, and under a name where: and certs:. The place is where the file's path stands.
func enginesOfFile(place, path string) (list []engineAt, errs []error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, []error{fmt.Errorf("%s: %w", place, err)}
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, []error{fmt.Errorf("%s: %w", path, err)}
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode || len(doc.Content[0].Content) == 0 {
		return nil, []error{fmt.Errorf("%s: want lines such as web: ssh://deploy@10.0.0.7", path)}
	}
	rows := doc.Content[0].Content
	for i := 0; i+1 < len(rows); i += 2 {
		one, err := engineOfNode(rows[i], rows[i+1])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %s: %w", path, rows[i].Line, rows[i].Value, err))
			continue
		}
		list = append(list, one)
	}
	return list, errs
}

func engineOfNode(name, value *yaml.Node) (engineAt, error) {
	one := engineAt{name: name.Value, line: name.Line}
	if value.Kind == yaml.ScalarNode {
		one.where = value.Value
		return one, nil
	}
	if value.Kind != yaml.MappingNode {
		return one, errors.New("want where it is, or where: and certs: beneath it")
	}
	for i := 0; i+1 < len(value.Content); i += 2 {
		switch key, text := value.Content[i].Value, value.Content[i+1].Value; key {
		case "where":
			one.where = text
		case "certs":
			one.certs = text
		default:
			return one, fmt.Errorf("%q is unknown: there are where and certs", key)
		}
	}
	return one, nil
}

// engineFaults is all that is wrong with what was read, each with where it stands.
func engineFaults(place string, list []engineAt) (errs []error) {
	for i, one := range list {
		at := place
		if one.line > 0 {
			at = fmt.Sprintf("%s:%d", place, one.line)
		}
		same := func(f func(engineAt) string) bool {
			return slices.ContainsFunc(list[:i], func(o engineAt) bool { return f(o) == f(one) })
		}
		switch {
		case same(func(o engineAt) string { return o.name }):
			errs = append(errs, fmt.Errorf("%s: the name %s stands twice", at, one.name))
		case slices.ContainsFunc(list, func(o engineAt) bool { return swarmName(o.name) == one.name }):
			errs = append(errs, fmt.Errorf("%s: the name %s is that of %s's Swarm, should it manage one: choose another name", at, one.name, strings.TrimSuffix(one.name, swarmSuffix)))
		case !engineName.MatchString(one.name):
			errs = append(errs, fmt.Errorf("%s: %q is no name for an engine: want up to 20 small letters, digits and dashes, such as web or db-2", at, one.name))
		}
		if why := one.fault(); why != "" {
			errs = append(errs, fmt.Errorf("%s: %s: %s", at, one.name, why))
		} else if same(func(o engineAt) string { return o.where }) {
			errs = append(errs, fmt.Errorf("%s: %s: another name has the same engine", at, one.name))
		}
	}
	return errs
}

var (
	engineName  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$`)
	contextName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.+-]+$`)
)

// fault is what is wrong with where an engine is; "": nothing. It quotes nothing that may hold a password.
func (e engineAt) fault() string {
	scheme, rest, isURL := strings.Cut(e.where, "://")
	u, err := url.Parse(e.where)
	_, password := userOf(u, err)
	switch {
	case e.where == "":
		return "where it is is missing: unix://, tcp://, ssh://user@host, or a Docker context"
	case !isURL && !contextName.MatchString(e.where):
		return "want unix://, tcp://, ssh://user@host, or a Docker context's name"
	case isURL && err != nil:
		return "is no address"
	case scheme == "unix" && !filepath.IsAbs(rest):
		return "want unix:// with the whole path of a socket, such as unix:///run/docker.sock"
	case scheme == "tcp" && (u.Host == "" || u.Port() == "" || u.User != nil):
		return "want tcp://host:port"
	case scheme == "ssh" && (u.Host == "" || password):
		return "want ssh://user@host, with a key instead of a password"
	case isURL && scheme != "unix" && scheme != "tcp" && scheme != "ssh":
		return "want unix://, tcp://, ssh://user@host, or a Docker context's name"
	case e.certs != "" && scheme != "tcp":
		return "certs are for tcp:// only"
	case e.certs != "" && !filepath.IsAbs(e.certs):
		return "certs: want the whole path of a folder with ca.pem, cert.pem and key.pem"
	}
	return ""
}

// unusedWithEngines are the settings of the one engine that name another one while SNAPBACK_ENGINES names all.
func unusedWithEngines(list []engineAt, getenv func(string) string) (names []string) {
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT"} {
		if list[0].name != "" && getenv(name) != "" {
			names = append(names, name)
		}
	}
	return names
}

func userOf(u *url.URL, err error) (name string, password bool) {
	if err != nil || u.User == nil {
		return "", false
	}
	_, password = u.User.Password()
	return u.User.Username(), password
}

// reach is how the engine is reached. What stands in for the engine's folder on this machine does so for the only one alone: of
// several, nobody knows whose disk the bot's folder is on.
func (e engineAt) reach(c config) docker.Config {
	cfg := docker.Config{Host: e.where, Certs: e.certs, Only: c.Only}
	if e.name == "" {
		cfg.DataDir = c.DataDir
	}
	return cfg
}

// address is where it is, if that is the same place for every bot; "": it is not, or a context knows it.
func (e engineAt) address() string {
	u, err := url.Parse(e.where)
	if err != nil || u.Scheme != "tcp" && u.Scheme != "ssh" || docker.OnThisMachine(u.Host) {
		return ""
	}
	return e.where
}

// folder is where the archives of its volumes are kept.
func (e engineAt) folder(dataDir string) string {
	if e.name == "" {
		return filepath.Join(dataDir, "volumes")
	}
	return filepath.Join(dataDir, "engines", e.name, "volumes")
}

// title is what a check of the engine is called.
func (e engineAt) title() string { return strings.TrimSpace("engine " + e.name) }

// setting is what names the engine.
func (e engineAt) setting() string {
	if e.name == "" {
		return "DOCKER_HOST"
	}
	return "SNAPBACK_ENGINES: " + e.name
}

// wrap names the setting in an error of docker.New, which names DOCKER_HOST itself.
func (e engineAt) wrap(err error) error {
	if e.name == "" {
		return err
	}
	return fmt.Errorf("%s: %w", e.setting(), err)
}
