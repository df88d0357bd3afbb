package setup

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// EditYAML is text, a map of settings, with name set to value. All else in it stays as it is, comments as well. Where the setting
// stands already, in either form, its line is replaced; otherwise it is put behind a line that shows it as a comment, or at the end.
func EditYAML(text, name, value string) string {
	return edit(text, name, name+": "+yamlText(value), regexp.MustCompile(`^`+name+`(_FILE)?\s*:`), regexp.MustCompile(`^#\s*`+name+`(_FILE)?\s*:`))
}

// yamlText is a text between double quotes: what JSON writes is YAML.
func yamlText(value string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value) // a string can be encoded
	return strings.TrimSpace(b.String())
}

// EditEnv is EditYAML for lines such as NAME='value', as Compose reads them.
func EditEnv(text, name, value string) string {
	if regexp.MustCompile(`[^A-Za-z0-9_.,:/@+-]`).MatchString(value) {
		value = "'" + strings.ReplaceAll(value, "'", `\'`) + "'"
	}
	return edit(text, name, name+"="+value, regexp.MustCompile(`^(export )?`+name+`\s*=`), regexp.MustCompile(`^#\s*`+name+`\s*=`))
}

func edit(text, name, line string, stands, shown *regexp.Regexp) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if strings.TrimSpace(text) == "" {
		lines = nil
	}
	at := slices.IndexFunc(lines, stands.MatchString)
	if at >= 0 {
		end := at + 1
		for end < len(lines) && continues(lines[end]) {
			end++
		}
		lines = slices.Replace(lines, at, end, line)
		for i := at + 1; i < len(lines); { // the other form
			if stands.MatchString(lines[i]) {
				lines = slices.Delete(lines, i, i+1)
				continue
			}
			i++
		}
		return strings.Join(lines, "\n") + "\n"
	}
	if at = slices.IndexFunc(lines, shown.MatchString); at < 0 {
		at = len(lines) - 1
	}
	return strings.Join(slices.Insert(lines, at+1, line), "\n") + "\n"
}

// continues says whether a line belongs to the value that began on one before it.
func continues(line string) bool {
	return strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "- ")
}

// WriteFile replaces a file, whole or not at all. A new one is readable by its owner alone; one that is there keeps its owner, its
// group and its mode, less what everybody may if it has a secret in it. A link stays one.
func WriteFile(path string, text []byte, secret bool) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	mode, uid, gid := fs.FileMode(0o600), -1, -1
	if info, err := os.Stat(path); err == nil {
		if mode = info.Mode().Perm(); secret {
			mode &^= 0o007
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); ok {
			uid, gid = int(owner.Uid), int(owner.Gid)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return replace(path, text, mode, uid, gid)
}

func replace(path string, text []byte, mode fs.FileMode, uid, gid int) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".snapback-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(text); err != nil {
		return err
	}
	if uid >= 0 && (uid != os.Geteuid() || gid != os.Getegid()) {
		if err = f.Chown(uid, gid); err != nil {
			return err
		}
	}
	if err = errors.Join(f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
