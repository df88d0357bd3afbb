package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkIdle is what the program takes when nothing happens, in the first minute after it was ready: once with a
// Postgres elsewhere, and once with its own, whose processes are counted apart. Both run at the same time.
func BenchmarkIdle(b *testing.B) {
	s := newStage(b)
	s.Run(s.Name("shop"), "--network", "none", s.Image("shop", `CMD ["/app", "serve", "-addr="]`))
	elsewhere, own := s.serve(s.postgres()), s.serve("")
	for b.Loop() {
		before, beforeOwn := elsewhere.cpu(), own.cpu()
		<-time.After(idleFor) // the measurement is this long
		fmt.Printf("\nidle for %s beside one container (load %s)\n", idleFor, load())
		fmt.Printf("Postgres elsewhere: VmRSS %d MB, CPU %.2f %% of a core\n", elsewhere.memory("VmRSS"), percentOf(elsewhere.cpu()-before))
		fmt.Printf("Postgres of its own: VmRSS %d MB, CPU %.2f %% of a core; that Postgres: %d MB (PSS)\n",
			own.memory("VmRSS"), percentOf(own.cpu()-beforeOwn), postgresMB(b, own.pid))
		b.ReportMetric(percentOf(elsewhere.cpu()-before), "idle-%cpu")
		b.ReportMetric(float64(elsewhere.memory("VmRSS")), "rss-MB")
		b.ReportMetric(float64(own.memory("VmRSS")), "own-rss-MB")
	}
	b.ReportMetric(0, "ns/op") // it is a minute
	s.reportSize()
}

func percentOf(used time.Duration) float64 { return 100 * used.Seconds() / idleFor.Seconds() }

func (s *stage) reportSize() {
	info, err := os.Stat(s.binary)
	if err != nil {
		s.b.Fatal(err)
	}
	fmt.Printf("the program's file: %.1f MB\n", float64(info.Size())/1e6)
	s.b.ReportMetric(float64(info.Size())/1e6, "binary-MB")
}

// postgresMB is what the processes below the bot take, each with its share of what they share: its Postgres.
func postgresMB(b *testing.B, bot int) int {
	parents := map[int]int{}
	for _, path := range processFiles(b) {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		head, rest, _ := strings.Cut(string(text), " (")
		_, rest, _ = strings.Cut(rest, ") ")
		parents[number(b, head)] = number(b, strings.Fields(rest)[1])
	}
	kb := 0
	for pid := range parents {
		for up := parents[pid]; up != 0; up = parents[up] {
			if up == bot {
				kb += pss(b, pid)
				break
			}
		}
	}
	return kb / 1024
}

// pss is a process's proportional set size in kB, after proc(5).
func pss(b *testing.B, pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nPss:")
	return number(b, strings.Fields(rest)[0])
}

func number(b *testing.B, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func processFiles(b *testing.B) []string {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		b.Fatal(err)
	}
	return paths
}
