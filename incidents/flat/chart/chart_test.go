package chart_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents/flat"
	"github.com/snapback/snapback/incidents/flat/chart"
)

var update = flag.Bool("update", false, "write the golden files anew")

// at is a time of the night that ends at noon.
func at(clock string) time.Time {
	day := "2026-11-24 "
	if clock > "12:00" {
		day = "2026-11-23 "
	}
	t, err := time.Parse("2006-01-02 15:04:05", day+clock+":00")
	if err != nil {
		panic(err)
	}
	return t
}

// minutes count what rate says of each, with a little noise that is always the same.
func minutes(from, to time.Time, rate func(time.Time) float64) []flat.Minute {
	var out []flat.Minute
	seed := uint32(1)
	for t := from; t.Before(to); t = t.Add(time.Minute) {
		seed = seed*1664525 + 1013904223
		noise := float64(seed>>16)/65536*1.2 + 0.4
		out = append(out, flat.Minute{At: t, Errors: float64(int(rate(t)*noise + 0.5)), Seconds: 60, Share: 1, Requests: 900, Traffic: true})
	}
	return out
}

// rising is 1.1 errors a minute but for the time from the spike until shortly after the restore.
func rising(spike float64) func(time.Time) float64 {
	return func(t time.Time) float64 {
		switch {
		case t.Before(at("03:38")), t.After(at("03:48")):
			return 1.1
		case t.After(at("03:46")):
			return spike / 4
		}
		return spike
	}
}

func night() chart.Chart {
	return chart.Chart{
		Service: "api", To: at("03:55"), Minutes: minutes(at("21:55"), at("03:55"), rising(21)),
		Baseline: &chart.Baseline{Rate: 1.1, Upper: 4.1},
		Events: []chart.Event{
			{At: at("22:55"), Kind: chart.Deploy}, {At: at("03:38"), Kind: chart.Spike}, {At: at("03:42"), Kind: chart.Alert},
			{At: at("03:43"), Kind: chart.Acknowledged}, {At: at("03:46"), Kind: chart.Restore}, {At: at("03:47"), Kind: chart.Falling},
			{At: at("03:49"), Kind: chart.Flat},
		},
	}
}

var charts = map[string]func(*chart.Chart){
	"night": func(*chart.Chart) {},
	"alert": func(c *chart.Chart) { c.To, c.Events = at("03:42"), c.Events[:3] },
	"none":  func(c *chart.Chart) { c.Minutes, c.Baseline, c.Events = nil, nil, c.Events[2:3] },
	"no_errors": func(c *chart.Chart) {
		c.Minutes = minutes(at("21:55"), at("03:55"), func(time.Time) float64 { return 0 })
		c.Events = nil
	},
	"high": func(c *chart.Chart) { c.Minutes = minutes(at("21:55"), at("03:55"), rising(2000)) },
	"gaps": func(c *chart.Chart) {
		c.Minutes = append(append(minutes(at("22:30"), at("00:10"), rising(0)), minutes(at("02:00"), at("02:01"), rising(0))...), minutes(at("02:40"), at("03:50"), rising(21))...)
	},
	"long_name": func(c *chart.Chart) { c.Service = strings.Repeat("checkout-service-", 12)[:200] },
	"morning": func(c *chart.Chart) {
		c.To, c.Zone = at("09:10"), time.FixedZone("CET", 3600)
		c.Minutes = minutes(at("03:10"), at("09:10"), rising(21))
		c.Events = append(c.Events, chart.Event{At: at("04:10"), Kind: chart.Resolved}, chart.Event{At: at("08:30"), Kind: chart.Deploy, Name: "deploy 1.42 → 1.43"})
	},
	"spread": func(c *chart.Chart) {
		for i := range c.Events {
			c.Events[i].At = at("03:55").Add(time.Duration(i-8) * 44 * time.Minute)
		}
	},
	"many": func(c *chart.Chart) {
		for i := range 12 {
			c.Events = append(c.Events, chart.Event{At: at("03:30").Add(time.Duration(i) * time.Minute), Kind: chart.Deploy, Name: "deploy of <a> & \u202eb"})
		}
	},
}

func drawn(name string) chart.Chart {
	c := night()
	charts[name](&c)
	return c
}

// golden compares with a file to the byte.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		other := filepath.Join(os.TempDir(), "differs-"+name)
		_ = os.WriteFile(other, got, 0o600)
		t.Errorf("%s is not what it was: see %s", path, other)
	}
}

// The bytes are the same on every machine of this kind: the font is part of the program.
func TestPictures(t *testing.T) {
	t.Parallel()
	for name := range charts {
		themes := map[chart.Theme]string{chart.Light: "light"}
		if name == "night" || name == "gaps" {
			themes[chart.Dark] = "dark"
		}
		for theme, suffix := range themes {
			t.Run(name+"/"+suffix, func(t *testing.T) {
				t.Parallel()
				got, err := drawn(name).PNG(theme, 1)
				if err != nil {
					t.Fatal(err)
				}
				golden(t, name+"."+suffix+".png", got)
			})
		}
	}
}

func TestDrawings(t *testing.T) {
	t.Parallel()
	for name := range charts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := drawn(name).SVG(chart.Auto)
			golden(t, name+".svg", got)
			for d := xml.NewDecoder(bytes.NewReader(got)); ; {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	var all strings.Builder
	for _, name := range []string{"night", "alert", "none", "no_errors", "high", "gaps", "morning", "many"} {
		all.WriteString(name + ": " + drawn(name).AltText() + "\n")
	}
	golden(t, "words.txt", []byte(all.String()))
}

// What was measured last is not what there is at the end, when that was not measured.
func TestWordsSayNothingOfAnEndThatWasNotMeasured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		missing int // of the last minutes
		end     bool
	}{"all": {0, true}, "two missing": {2, true}, "five missing": {5, false}} {
		n := night()
		n.Minutes = n.Minutes[:len(n.Minutes)-c.missing]
		text := n.AltText()
		if strings.Contains(text, "At the end") != c.end || strings.Contains(text, "Not measured from") == c.end {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func BenchmarkPNG(b *testing.B) {
	for b.Loop() {
		if _, err := night().PNG(chart.Dark, 3); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSVG(b *testing.B) {
	for b.Loop() {
		night().SVG(chart.Auto)
	}
}
