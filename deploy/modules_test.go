package deploy_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// npmPackage is one as the lock file has it, and as a release's list of modules (CycloneDX) does.
type npmPackage struct{ Name, Version, License string }

// listedPackages is what scripts/npm-components adds to the list of a program without modules.
func listedPackages(t *testing.T) map[npmPackage]bool {
	t.Helper()
	file := filepath.Join(t.TempDir(), "list.json")
	empty := `{"metadata":{"component":{"bom-ref":"program"}},"components":[],"dependencies":[{"ref":"program","dependsOn":[]}]}`
	if err := os.WriteFile(file, []byte(empty), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, ".", "../scripts/npm-components", file)
	var list struct {
		Components []struct {
			Name, Version, Purl string
			Licenses            []struct{ License struct{ ID string } }
		}
		Dependencies []struct{ Ref string }
	}
	if err := json.Unmarshal([]byte(read(t, file)), &list); err != nil {
		t.Fatal(err)
	}
	packages := map[npmPackage]bool{}
	for i, c := range list.Components {
		if want := "pkg:npm/" + strings.Replace(c.Name, "@", "%40", 1) + "@" + c.Version; c.Purl != want || list.Dependencies[i+1].Ref != want {
			t.Errorf("%s has the address %s, and what it needs stands below %s", want, c.Purl, list.Dependencies[i+1].Ref)
		}
		packages[npmPackage{c.Name, c.Version, c.Licenses[0].License.ID}] = true
	}
	return packages
}

func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

// bundledPackages are those that esbuild finds for the scripts of a front end.
func bundledPackages(t *testing.T, web string) []npmPackage {
	t.Helper()
	esbuild, err := filepath.Abs(filepath.Join(web, "node_modules/.bin/esbuild"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"--bundle", "--format=esm", "--outdir=" + dir, "--metafile=" + filepath.Join(dir, "meta.json"), "--log-level=error"}
	entries := regexp.MustCompile(`entryPoints: \{ \w+: "([^"]+)" \}`).FindAllStringSubmatch(read(t, filepath.Join(web, "build.mjs")), -1)
	if len(entries) == 0 {
		t.Fatalf("%s/build.mjs names no script", web)
	}
	for _, e := range entries {
		args = append(args, e[1])
	}
	run(t, web, esbuild, args...)
	var meta struct{ Inputs map[string]any }
	if err := json.Unmarshal([]byte(read(t, filepath.Join(dir, "meta.json"))), &meta); err != nil {
		t.Fatal(err)
	}
	var packages []npmPackage
	folder := regexp.MustCompile(`^.*node_modules/(@[^/]+/)?[^/]+`)
	for input := range meta.Inputs {
		at := folder.FindString(input)
		if at == "" {
			continue // our own
		}
		var p npmPackage
		if err := json.Unmarshal([]byte(read(t, filepath.Join(web, at, "package.json"))), &p); err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}

func TestAReleasesListHasThePackagesOfThePages(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../terminal/web/node_modules/esbuild"); err != nil {
		t.Skip("the front ends are not built: make web")
	}
	listed, found := listedPackages(t), 0
	for _, web := range []string{"../terminal/web", "../console/web"} {
		for _, p := range bundledPackages(t, web) {
			if found++; !listed[p] {
				t.Errorf("a release's list lacks %s %s (%s), which is in %s", p.Name, p.Version, p.License, web)
			}
		}
	}
	if found == 0 {
		t.Error("no package is in the pages' scripts")
	}
	solid := false // which lies in what asciinema-player brings, where esbuild does not see it
	for p := range listed {
		solid = solid || p.Name == "solid-js"
		if p.Name == "esbuild" || p.Name == "typescript" {
			t.Errorf("a release's list has %s, which is in no page", p.Name)
		}
	}
	if !solid {
		t.Error("a release's list lacks solid-js")
	}
}

func TestAReleaseAddsThePackagesOfThePages(t *testing.T) {
	t.Parallel()
	if !regexp.MustCompile(`(?m)^ +scripts/npm-components "\$out/snapback_\$\{version\}_linux_\$arch\.cdx\.json"$`).MatchString(read(t, "../scripts/release")) {
		t.Error("scripts/release does not call scripts/npm-components")
	}
}
