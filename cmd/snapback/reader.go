package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reader reads settings, and remembers what is wrong, once for each.
type reader struct {
	getenv func(string) string
	place  func(string) string // where in a file a setting stands, as file:line; nil or "": in none
	names  []string            // of all settings that were asked for, whether they are set or not
	wrong  []string            // the names
	errs   []error             // what is wrong with them
	around []string            // the names of all variables of the environment, as far as they are known
}

func (r *reader) fail(name, format string, args ...any) {
	if setting := strings.TrimSuffix(name, "_FILE"); !slices.Contains(r.wrong, setting) {
		r.wrong = append(r.wrong, setting)
		r.errs = append(r.errs, fmt.Errorf("%s: %s", r.placed(setting, name), fmt.Sprintf(format, args...)))
	}
}

// placed is the name, behind where in a file the setting stands.
func (r *reader) placed(setting, name string) string {
	if r.place != nil {
		if place := r.place(setting); place != "" {
			return place + ": " + name
		}
	}
	return name
}

// reader reads the environment, and beneath it the file of settings; what is wrong with that is told with the rest.
func (e env) reader() *reader { return e.readerOf(openConfig(e, false)) }

// lenientReader is for commands that ask a running bot.
func (e env) lenientReader() *reader { return e.readerOf(openConfig(e, true)) }

func (e env) readerOf(f configFile, errs []error) *reader {
	return &reader{
		getenv: func(name string) string { return f.lookup(e.getenv, name) },
		place:  func(setting string) string { return f.place(e.getenv, setting) },
		errs:   errs,
		around: e.names(),
	}
}

// err is everything that is wrong, a line each; nil when nothing is.
func (r *reader) err() error { return errors.Join(r.errs...) }

// get reads NAME, or the file that NAME_FILE names.
func (r *reader) get(name string) string {
	r.names = append(r.names, name)
	value, path := r.getenv(name), r.getenv(name+"_FILE")
	if path == "" {
		return strings.TrimSpace(value)
	}
	if value != "" {
		r.fail(name, "set it or %s_FILE, not both", name)
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		r.fail(name+"_FILE", "%v", unreadable(path, err))
	}
	return strings.TrimSpace(string(text))
}

// unreadable quotes no path that may be the secret itself, put into the wrong variable.
func unreadable(path string, err error) error {
	var failed *fs.PathError
	if !filepath.IsAbs(path) && errors.As(err, &failed) {
		return fmt.Errorf("want the path of a file: %w", failed.Err)
	}
	return err
}

func (r *reader) or(name, fallback string) string {
	if v := r.get(name); v != "" {
		return v
	}
	return fallback
}

func (r *reader) required(name, what string) string {
	v := r.get(name)
	if v == "" {
		r.fail(name, "is missing: %s", what)
	}
	return v
}

// slackChannelID is laxer than the form that labels want: a bot that starts today has to start tomorrow.
var slackChannelID = regexp.MustCompile(`^[CGD][A-Z0-9]+$`)

func (r *reader) channel(name, what string) string {
	v := r.required(name, what)
	if v != "" && !slackChannelID.MatchString(v) {
		r.fail(name, "is no channel's ID: want %s", what)
	}
	return v
}

func (r *reader) prefixed(name, v, prefix string) {
	if v != "" && !strings.HasPrefix(v, prefix) {
		r.fail(name, "does not start with %q", prefix)
	}
}

func (r *reader) httpURL(name, v string) string {
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		r.fail(name, "want a URL such as https://snapback.example.com")
		return ""
	}
	return strings.TrimRight(v, "/")
}

// openURL is for those that are shown, logged, or go elsewhere in a link: with a password in it, it would be too. Nothing that
// is wrong with a URL quotes it.
func (r *reader) openURL(name, v string) string {
	if u, err := url.Parse(v); err == nil && u.User != nil {
		r.fail(name, "must hold no user and no password")
		return ""
	}
	return r.httpURL(name, v)
}

func (r *reader) address(name, fallback string) string {
	v := r.or(name, fallback)
	if _, _, err := net.SplitHostPort(v); err != nil {
		r.fail(name, "want host:port or :port, got %q", v)
	}
	return v
}

// yes reads true or false, which is also what is not set.
func (r *reader) yes(name string) bool {
	v := r.or(name, "false")
	if v != "true" && v != "false" {
		r.fail(name, "want true or false, got %q", v)
	}
	return v == "true"
}

func (r *reader) zone(name string) *time.Location {
	v := r.get(name)
	if v == "" {
		return time.Local
	}
	zone, err := time.LoadLocation(v)
	if err != nil {
		r.fail(name, "unknown time zone %q: want one such as Europe/Berlin", v)
		return time.UTC
	}
	return zone
}

func (r *reader) duration(name string, fallback time.Duration) time.Duration {
	v := r.get(name)
	if v == "" {
		return fallback
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		r.fail(name, "want a duration such as 1m or 90s, got %q", v)
	}
	return d
}

// orNever is a duration, or 0 for never.
func (r *reader) orNever(name string, fallback time.Duration) time.Duration {
	v := r.get(name)
	switch v {
	case "":
		return fallback
	case "never", "0":
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		r.fail(name, "want a duration such as 2160h, or never, got %q", v)
	}
	return d
}

// upTo is a duration of at most limit, which is also the fallback.
func (r *reader) upTo(name string, limit time.Duration) time.Duration {
	d := r.duration(name, limit)
	if d > limit {
		r.fail(name, "want %s or less, got %s", limit, d)
	}
	return d
}

// number is at least 1, which is also the fallback, and at most limit.
func (r *reader) number(name string, fallback, limit int) int {
	v := r.or(name, strconv.Itoa(fallback))
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > limit {
		r.fail(name, "want a number from 1 to %d, got %q", limit, v)
	}
	return n
}

// prefixes reads addresses and networks, separated by commas or spaces.
func (r *reader) prefixes(name string) (list []netip.Prefix) {
	for _, part := range strings.FieldsFunc(r.get(name), func(c rune) bool { return c == ',' || c == ' ' }) {
		p, err := netip.ParsePrefix(part)
		if addr, addrErr := netip.ParseAddr(part); addrErr == nil {
			p, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || p.Addr().Zone() != "" {
			r.fail(name, "want addresses and networks such as 10.0.0.7,172.16.0.0/12,fd00::/8, got %q", part)
			return nil
		}
		if p.Addr().Is4In6() {
			r.fail(name, "write %q as an IPv4 address or network", part)
			return nil
		}
		list = append(list, p.Masked())
	}
	return list
}

// percent reads 1 to 100, with or without the sign, as 0.01 to 1.
func (r *reader) percent(name string, fallback int) float64 {
	v := strings.TrimSuffix(r.or(name, strconv.Itoa(fallback)), "%")
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 100 {
		r.fail(name, "want a percentage from 1 to 100, got %q", v)
	}
	return float64(n) / 100
}
