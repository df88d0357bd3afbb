// Package deploy_test looks whether what others run beside the program fits it.
package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// listed are the program's metrics and their labels, as docs/metrics.md has them; that it has them all and no others, a
// test of internal/metrics sees to.
func listed(t *testing.T) map[string][]string {
	t.Helper()
	metrics := map[string][]string{}
	row := regexp.MustCompile("(?m)^\\| `(snapback_[a-z_]+)(?:{([a-z, ]*)})?` \\|")
	for _, m := range row.FindAllStringSubmatch(read(t, "../docs/metrics.md"), -1) {
		metrics[m[1]] = strings.Split(m[2], ", ")
	}
	if len(metrics) < 20 {
		t.Fatalf("docs/metrics.md has %d metrics", len(metrics))
	}
	return metrics
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// expressions are those of the dashboard's panels and annotations.
func expressions(t *testing.T) (list []string) {
	t.Helper()
	var dashboard any
	if err := json.Unmarshal([]byte(read(t, "dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(node any) {
		switch node := node.(type) {
		case []any:
			for _, one := range node {
				walk(one)
			}
		case map[string]any:
			if expr, ok := node["expr"].(string); ok {
				list = append(list, expr)
			}
			for _, one := range node {
				walk(one)
			}
		}
	}
	walk(dashboard)
	if len(list) < 20 {
		t.Fatalf("the dashboard has %d expressions", len(list))
	}
	return list
}

var (
	named   = regexp.MustCompile(`\b(snapback_[a-z_]+)(?:{([^}]*)})?`)
	matcher = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
)

// What is asked for and is not there draws an empty panel, and an alert that never fires.
func TestEveryMetricThatIsAskedForExists(t *testing.T) {
	t.Parallel()
	metrics, asked := listed(t), map[string]bool{}
	for _, text := range append(expressions(t), read(t, "alerts.yml"), read(t, "alerts_test.yml"), read(t, "dashboard.json")) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			name := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(m[1], "")
			labels, ok := metrics[name]
			if !ok {
				t.Errorf("there is no metric %s", m[1])
			}
			asked[name] = true
			for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(append([]string{"instance", "job", "le"}, labels...), l[1]) {
					t.Errorf("%s has no label %s", m[1], l[1])
				}
			}
		}
	}
	for name := range metrics {
		if !asked[name] {
			t.Errorf("neither the dashboard nor an alert shows %s", name)
		}
	}
}

func TestEveryAlertHasAnExampleThatFiresAndOneThatDoesNot(t *testing.T) {
	t.Parallel()
	examples := read(t, "alerts_test.yml")
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(read(t, "alerts.yml"), -1) {
		if !strings.Contains(examples, "{ alertname: "+m[1]+",") || !regexp.MustCompile(`alertname: `+m[1]+`\n.*\n +exp_alerts`).MatchString(examples) {
			t.Errorf("%s lacks one", m[1])
		}
	}
}

func TestTheDocsSayWhatToDoAboutEveryAlert(t *testing.T) {
	t.Parallel()
	var want, told []string
	for _, m := range regexp.MustCompile(`(?s)- alert: (\w+)\n.*?severity: (\w+)`).FindAllStringSubmatch(read(t, "alerts.yml"), -1) {
		want = append(want, m[1]+" "+m[2])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(Snapback\\w+)` \\| (\\w+) \\| [^|]+ \\| [^|]+ \\|$").FindAllStringSubmatch(read(t, "../docs/metrics.md"), -1) {
		told = append(told, m[1]+" "+m[2])
	}
	if len(want) < 10 || !slices.Equal(want, told) {
		t.Errorf("the rules are %q, docs/metrics.md has %q", want, told)
	}
}

func TestAlertRulesDoWhatTheirExamplesSay(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "rules", "alerts.yml")
	promtool(t, "test", "rules", "alerts_test.yml")
}

// Grafana tells of an expression that is none only to who looks at it. As a recording rule, promtool reads it.
func TestDashboardsExpressionsCanBeRead(t *testing.T) {
	t.Parallel()
	rules := "groups:\n  - name: dashboard\n    rules:\n"
	for i, expr := range expressions(t) {
		quoted, err := json.Marshal(strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*").Replace(expr)) // JSON is YAML
		if err != nil {
			t.Fatal(err)
		}
		rules += fmt.Sprintf("      - { record: panel_%d, expr: %s }\n", i, quoted)
	}
	path := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(path, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", path)
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("promtool"); err != nil {
		t.Skip("promtool is not installed: scripts/setup promtool")
	}
	if out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
