package api

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/internal/refusals"
)

func TestOpenAPISaysWhatTheRoutesSay(t *testing.T) {
	t.Parallel()
	var doc struct {
		OpenAPI    string                                `json:"openapi"`
		Paths      map[string]map[string]json.RawMessage `json:"paths"`
		Components map[string]map[string]any             `json:"components"`
	}
	if err := json.Unmarshal(openapiDocument, &doc); err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{}, map[string]string{}
	for _, rt := range New(Config{}, Deps{}).routes() {
		want[rt.method+" "+rt.pattern] = strings.TrimSpace(string(append([]access.Scope{""}, rt.scopes...)[min(1, len(rt.scopes))]))
		params := regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(rt.pattern, -1)
		documented := string(doc.Paths[rt.pattern][strings.ToLower(rt.method)])
		if rt.once != strings.Contains(documented, "parameters/idempotencyKey") {
			t.Errorf("%s %s: Idempotency-Key is documented otherwise", rt.method, rt.pattern)
		}
		if n := strings.Count(documented, "parameters/container") + strings.Count(documented, "parameters/snapshot") +
			strings.Count(documented, "parameters/restore") + strings.Count(documented, "parameters/incident"); n != len(params) {
			t.Errorf("%s %s: %d path parameters are documented, want %d", rt.method, rt.pattern, n, len(params))
		}
	}
	for path, methods := range doc.Paths {
		for method, raw := range methods {
			var op struct {
				Security []map[string][]string `json:"security"`
			}
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			scope := ""
			if len(op.Security) > 0 {
				scope = op.Security[0]["bearer"][0]
			}
			got[strings.ToUpper(method)+" "+path] = scope
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes and openapi.json differ (-routes +openapi.json):\n%s", diff)
	}
	for _, ref := range regexp.MustCompile(`"#/components/(\w+)/(\w+)"`).FindAllSubmatch(openapiDocument, -1) {
		if doc.Components[string(ref[1])][string(ref[2])] == nil {
			t.Errorf("%s is not defined", ref[0])
		}
	}
}

func TestOpenAPINamesEveryCode(t *testing.T) {
	t.Parallel()
	silent := []string{"client_gone", "internal_error", "unknown_path", "method_not_allowed", "webhooks_disabled"}
	for _, v := range slices.Concat(beforeDomain, refusals.Table(), afterDomain, []refusals.Row{internalError}) {
		if !slices.Contains(silent, v.Code) && !strings.Contains(string(openapiDocument), "`"+v.Code+"`") {
			t.Errorf("%s is not documented", v.Code)
		}
		if v.Detail == "" || v.Status < 400 {
			t.Errorf("%s: %d %q", v.Code, v.Status, v.Detail)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add("containers", position{at: 5, id: "x:y"}.cursor("containers"))
	f.Add("snapshots", "")
	f.Add("incidents", "aW5jaWRlbnRzOjA6Nw")
	f.Fuzz(func(t *testing.T, list, cursor string) {
		p, ok := parseCursor(list, cursor)
		if ok && p.cursor(list) != cursor {
			t.Errorf("%q of %q is read as %+v", cursor, list, p)
		}
		if ok && list != "" {
			if _, other := parseCursor(list+"2", cursor); other {
				t.Errorf("%q is taken for another list's", cursor)
			}
		}
	})
}
