// Package arrows holds no code: its test keeps the packages from knowing each other the wrong way round.
package arrows_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/snapback/snapback/"

// arrows is who may know whom, from the inside out. The domain knows nothing but itself and a few words from internal; what
// speaks to the world outside knows the domain and not each other; the program wires them. A package that is not here
// needs a line, which is where to think about its place.
const arrows = `
incidents:               internal/asciicast internal/outside
incidents/flat:          incidents
incidents/flat/chart:    incidents/flat internal/outside
incidents/flat/picture:  incidents incidents/flat incidents/flat/chart
incidents/flat/errorlines:
incidents/flat/logtail:  incidents/flat incidents/flat/errorlines snapshot
incidents/flat/prometheus: incidents/flat snapshot internal/mask
access:                  incidents
access/signin:           access incidents internal/limit internal/site
snapshot:                access incidents incidents/flat/errorlines internal/nearest
snapshot/capture:        snapshot incidents
snapshot/capture/vault:  snapshot snapshot/capture internal/keyring internal/sealstream
snapshot/watch:          snapshot incidents
snapshot/restore:        snapshot snapshot/capture incidents
snapshot/recovery:       snapshot incidents
snapshot/engines:        snapshot snapshot/capture snapshot/recovery snapshot/restore
terminal:                access incidents internal/asciicast internal/assets internal/limit internal/refusals internal/site internal/webpage

incidents/pagerduty:     access incidents snapshot internal/mask internal/outside
snapshot/docker:         snapshot terminal internal/mask internal/outside internal/volumetar
snapshot/swarm:          snapshot internal/mask
store:                   access access/signin incidents incidents/flat snapshot snapshot/restore snapshot/watch terminal migrations internal/keyring
console:                 access access/signin incidents incidents/flat snapshot snapshot/restore internal/assets internal/download internal/limit internal/mask internal/refusals internal/site internal/webpage
bot:                     access access/signin incidents incidents/flat incidents/flat/chart incidents/flat/picture snapshot snapshot/restore internal/limit internal/nearest internal/outside internal/refusals
api:                     access incidents incidents/flat incidents/flat/chart incidents/flat/picture snapshot snapshot/recovery snapshot/restore api/describe api/wire internal/assets internal/download internal/limit internal/mask internal/refusals
api/describe:
api/wire:                incidents snapshot snapshot/restore
api/client:              incidents api/wire
migrations:

cmd/snapback:            access access/signin console api api/client api/wire bot incidents incidents/pagerduty store terminal
cmd/snapback:            incidents/flat incidents/flat/logtail incidents/flat/picture incidents/flat/prometheus
cmd/snapback:            snapshot snapshot/capture snapshot/capture/vault snapshot/docker snapshot/engines snapshot/recovery snapshot/restore snapshot/watch snapshot/swarm
cmd/snapback:            internal/download internal/keyring internal/metrics internal/nearest internal/outside internal/peer internal/pgserver internal/setup internal/site internal/volumetar
cmd/snapback-demo:       internal/demo

internal/asciicast:
internal/assets:
internal/keyring:
internal/limit:
internal/mask:
internal/nearest:
internal/outside:
internal/volumetar:
internal/peer:
internal/pgserver:
internal/setup:
internal/sealstream:     internal/keyring
internal/site:
internal/refusals:       incidents snapshot
internal/webpage:        internal/assets internal/refusals
internal/download:       incidents internal/limit
internal/metrics:        incidents/flat/logtail snapshot snapshot/restore store

internal/arrows:
internal/browsertest:
internal/enginefault:
internal/enginetest:     internal/ownengine internal/registryfake internal/testkit snapshot/docker
internal/enginetest/app: internal/volumetar
internal/enginetest/table:
internal/ownengine:
internal/pagerdutyfake:
internal/pgtest:         internal/pgserver
internal/registryfake:
internal/slackfake:
internal/standins:      internal/pagerdutyfake internal/slackfake
internal/storetest:      internal/keyring internal/pgtest internal/testkit store
internal/testkit:        internal/keyring
internal/demo:           internal/demo/balancer internal/demo/engine internal/demo/load internal/demo/page internal/demo/shop internal/ownengine internal/pagerdutyfake internal/registryfake internal/slackfake
internal/demo/balancer:
internal/demo/engine:
internal/demo/load:
internal/demo/page:      internal/demo/engine internal/demo/load internal/slackfake
internal/demo/shop:
snapshot/internal/snapshottest: *
deploy:
`

// owners are who may import what others have written: each is behind one package, and can be replaced there.
const owners = `
github.com/docker/:       snapshot/docker internal/enginetest internal/enginefault internal/demo/engine
github.com/containerd/:   snapshot/docker internal/demo/engine
github.com/slack-go/:     bot
github.com/go-webauthn/:  access/signin console
github.com/PagerDuty/:    incidents/pagerduty
github.com/jackc/:        store internal/pgserver internal/pgtest
github.com/riverqueue/:   store
github.com/pressly/:      store
github.com/prometheus/:   api internal/metrics incidents/flat/prometheus
github.com/coder/:        bot terminal internal/slackfake
github.com/spf13/:        cmd/*
github.com/robfig/:       snapshot snapshot/watch
github.com/klauspost/:    internal/volumetar
github.com/chromedp/:     internal/browsertest
github.com/google/:       snapshot/internal/snapshottest
gonum.org/:               incidents/flat
go.yaml.in/:             cmd/snapback
golang.org/x/:            *
`

// table reads lines of a name, a colon and a list. A long list may take several.
func table(text string) map[string][]string {
	rows := map[string][]string{}
	for line := range strings.Lines(text) {
		if name, list, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			rows[name] = append(rows[name], strings.Fields(list)...)
		}
	}
	return rows
}

// in says whether a list has a name, or a pattern that ends in a star and begins as it does.
func in(list []string, name string) bool {
	return slices.ContainsFunc(list, func(one string) bool {
		prefix, isPattern := strings.CutSuffix(one, "*")
		return one == name || isPattern && strings.HasPrefix(name, prefix)
	})
}

// imports reads what each package of the module imports, without its tests. It asks no other program, so that go test knows by itself
// when it has to look again.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	of := map[string][]string{}
	files := token.NewFileSet()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "node_modules" || name == "testdata" || strings.HasPrefix(name, ".") && name != ".."):
			return filepath.SkipDir
		case filepath.Ext(name) != ".go":
			return nil
		}
		dir, err := filepath.Rel("../..", filepath.Dir(path))
		if err != nil {
			return err
		}
		of[dir] = slices.Clip(of[dir]) // there, also when it has nothing but tests
		if strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			of[dir] = append(of[dir], strings.Trim(spec.Path.Value, `"`))
		}
		return nil
	})
	if err != nil || len(of) < 20 {
		t.Fatalf("%d packages: %v", len(of), err)
	}
	return of
}

func TestDependenciesPointOneWay(t *testing.T) {
	t.Parallel()
	may, owner := table(arrows), table(owners)
	for name, paths := range imports(t) {
		allowed, known := may[name]
		if !known {
			t.Errorf("%s has no line in arrows", name)
		}
		for _, path := range paths {
			if own, ok := strings.CutPrefix(path, module); ok {
				if !in(allowed, own) {
					t.Errorf("%s must not know %s", name, own)
				}
			} else if host, _, _ := strings.Cut(path, "/"); strings.Contains(host, ".") && !owned(owner, path, name) {
				t.Errorf("%s must not import %s: see owners", name, path)
			}
		}
	}
}

// A table that says more than there is, is no picture.
func TestNoArrowIsDrawnThatIsNotThere(t *testing.T) {
	t.Parallel()
	are := imports(t)
	for name, allowed := range table(arrows) {
		if _, there := are[name]; !there {
			t.Errorf("there is no package %s any more: take it out of arrows", name)
		}
		for _, other := range allowed {
			if other != "*" && !slices.Contains(are[name], module+other) {
				t.Errorf("%s does not know %s any more: take that out of arrows", name, other)
			}
		}
	}
}

func owned(owner map[string][]string, path, by string) bool {
	for prefix, list := range owner {
		if strings.HasPrefix(path, prefix) {
			return in(list, by)
		}
	}
	return false
}
