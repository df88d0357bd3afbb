package api

import (
	"encoding/json"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/api/wire"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot/restore"
)

func TestOpenAPIHasEveryStateOfARestore(t *testing.T) {
	t.Parallel()
	var doc struct {
		Components struct {
			Schemas struct {
				Restore struct {
					Properties struct {
						State struct{ Enum []restore.State }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(openapiDocument, &doc); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(restore.States(), doc.Components.Schemas.Restore.Properties.State.Enum); diff != "" {
		t.Errorf("states (-), documented (+):\n%s", diff)
	}
}

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
	for _, v := range allRefusals() {
		if !slices.Contains(silent, v.Code) && !strings.Contains(string(openapiDocument), "`"+v.Code+"`") {
			t.Errorf("%s is not documented", v.Code)
		}
		if v.Detail == "" || v.Status < 400 {
			t.Errorf("%s: %d %q", v.Code, v.Status, v.Detail)
		}
	}
}

// spoken is what a route takes and answers, as Go has it; nil: no JSON, or any.
type spoken struct{ asks, answers any }

// shapes are what handlers decode and respond with. That they do is seen in CheckAnswer.
var shapes = map[string]spoken{
	"GET /containers":                          {nil, wire.Containers{}},
	"GET /containers/{id}":                     {nil, wire.Container{}},
	"GET /containers/{id}/errors":              {nil, wire.Errors{}},
	"GET /containers/{id}/hold":                {nil, wire.Holds{}},
	"DELETE /containers/{id}/hold":             {},
	"GET /containers/{id}/snapshots":           {nil, wire.Snapshots{}},
	"POST /containers/{id}/snapshots":          {wire.NewSnapshot{}, wire.Snapshot{}},
	"GET /containers/{id}/snapshots/{name}":    {nil, wire.Snapshot{}},
	"PATCH /containers/{id}/snapshots/{name}":  {wire.RestoreAsk{}, wire.Restore{}},
	"PUT /containers/{id}/snapshots/{name}":    {wire.RestoreAsk{}, wire.Restore{}},
	"DELETE /containers/{id}/snapshots/{name}": {},
	"GET /services":                            {nil, wire.Services{}},
	"GET /deploys":                             {nil, wire.Deploys{}},
	"POST /snapshots/rebuild":                  {nil, wire.Rebuilt{}},
	"GET /restores/{id}":                       {nil, wire.Restore{}},
	"POST /restores/{id}/undo":                 {wire.RestoreAsk{}, wire.Restore{}},
	"GET /incidents":                           {nil, wire.Incidents{}},
	"GET /incidents/{id}":                      {nil, wire.Incident{}},
	"GET /incidents/{id}/timeline":             {nil, wire.Entries{}},
	"GET /incidents/{id}/proof":                {nil, incidents.Proof{}},
	"GET /incidents/{id}/export":               {},
	"GET /incidents/{id}/chart":                {},
	"POST /incidents/{id}/notes":               {wire.Note{}, incidents.Entry{}},
	"POST /incidents/{id}/terminal-links":      {wire.LinkAsk{}, wire.Link{}},
	"GET /timeline":                            {nil, wire.Entries{}},
	"GET /timeline/proof":                      {nil, incidents.Proof{}},
	"POST /webhooks/pagerduty":                 {nil, wire.Stored{}},
	"GET /openapi.json":                        {},
	"GET /docs":                                {},
	"GET /healthz":                             {nil, wire.Health{}},
	"GET /readyz":                              {nil, wire.Readiness{}},
}

// schema is as much of JSON Schema as the description uses.
type schema struct {
	Ref        string             `json:"$ref"`
	Type       any                `json:"type"` // a word or several
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"`
	Items      *schema            `json:"items"`
}

type media map[string]struct {
	Schema *schema `json:"schema"`
}

// described is the description's part that speaks of shapes.
type described struct {
	Paths map[string]map[string]struct {
		Body      struct{ Content media } `json:"requestBody"`
		Responses map[string]struct {
			Ref     string `json:"$ref"`
			Content media  `json:"content"`
		} `json:"responses"`
	} `json:"paths"`
	Components struct {
		Schemas   map[string]*schema                 `json:"schemas"`
		Responses map[string]struct{ Content media } `json:"responses"`
	} `json:"components"`
}

func description(t *testing.T) described {
	t.Helper()
	var d described
	if err := json.Unmarshal(openapiDocument, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestOpenAPIHasTheFieldsOfTheTypes(t *testing.T) {
	t.Parallel()
	d := description(t)
	c := comparison{t, d}
	routes := 0
	for path, methods := range d.Paths {
		for method, op := range methods {
			route := strings.ToUpper(method) + " " + path
			want, ok := shapes[route]
			if !ok {
				t.Errorf("%s: the test does not know what it takes and answers", route)
			}
			routes++
			c.body(route+", the body", want.asks, op.Body.Content["application/json"].Schema)
			for status, answer := range op.Responses {
				if status[0] == '2' {
					c.body(route+", the answer "+status, want.answers, answer.Content["application/json"].Schema)
				}
			}
		}
	}
	if routes != len(shapes) {
		t.Errorf("%d routes are described, and the test knows %d", routes, len(shapes))
	}
	c.same("a problem", reflect.TypeFor[wire.Problem](), d.Components.Schemas["Problem"])
	for name, r := range d.Components.Responses {
		if got := r.Content["application/problem+json"].Schema; got == nil || got.Ref != "#/components/schemas/Problem" {
			t.Errorf("the response %s is no problem", name)
		}
	}
}

// comparison holds types and schemas against each other.
type comparison struct {
	t *testing.T
	d described
}

func (c comparison) resolve(s *schema) *schema {
	if s != nil && s.Ref != "" {
		return c.d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return s
}

func (c comparison) body(where string, v any, s *schema) {
	switch s = c.resolve(s); {
	case v == nil && s != nil && len(s.Properties) > 0:
		c.t.Errorf("%s: fields are described, and the test names no type", where)
	case v != nil && s == nil:
		c.t.Errorf("%s: %T is not described", where, v)
	case v != nil:
		c.same(where, reflect.TypeOf(v), s)
	}
}

// same reports where a Go type and a schema differ: in what there is, in what has to be there, or in the type in JSON.
func (c comparison) same(where string, of reflect.Type, s *schema) {
	if of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if s = c.resolve(s); s == nil {
		c.t.Errorf("%s: it is not described", where)
		return
	}
	if want := inJSON(of); want != "" && s.Type != want {
		c.t.Errorf("%s: it is %s, and described as %v", where, want, s.Type)
	}
	switch {
	case inJSON(of) == "array":
		c.same(where+"[]", of.Elem(), s.Items)
	case of.Kind() == reflect.Struct && inJSON(of) == "object":
		c.fields(where, of, s)
	}
}

func (c comparison) fields(where string, of reflect.Type, s *schema) {
	var names, required []string
	for _, f := range reflect.VisibleFields(of) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		names = append(names, name)
		if !strings.HasPrefix(options, "omit") {
			required = append(required, name)
		}
		if s.Properties[name] != nil {
			c.same(where+"."+name, f.Type, s.Properties[name])
		}
	}
	c.equal(where+": the fields", names, mapKeys(s.Properties))
	c.equal(where+": the fields that are always there", required, s.Required)
}

func (c comparison) equal(what string, of, described []string) {
	of, described = slices.Sorted(slices.Values(of)), slices.Sorted(slices.Values(described))
	if !slices.Equal(of, described) {
		c.t.Errorf("%s (-type +openapi.json):\n%s", what, cmp.Diff(of, described))
	}
}

func mapKeys(m map[string]*schema) (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	return keys
}

// inJSON is what a type is in JSON; "" may be anything.
func inJSON(of reflect.Type) string {
	switch {
	case of == reflect.TypeFor[time.Time](), of.Implements(reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]()):
		return "string"
	case of == reflect.TypeFor[json.RawMessage]():
		return ""
	case of == reflect.TypeFor[[]byte]():
		return "string"
	}
	switch of.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64:
		return "integer"
	case reflect.Slice:
		return "array"
	case reflect.Struct, reflect.Map:
		return "object"
	}
	return ""
}

// CheckAnswer holds an answer that a test has got against the description: its status, and in JSON every field, both ways.
func CheckAnswer(t *testing.T, method, path string, answer *httptest.ResponseRecorder) {
	t.Helper()
	d := description(t)
	path, _, _ = strings.Cut(path, "?")
	for pattern, methods := range d.Paths {
		op, ok := methods[strings.ToLower(method)]
		if !ok || !matches(pattern, path) {
			continue
		}
		got, ok := op.Responses[strconv.Itoa(answer.Code)]
		if !ok && answer.Code < 500 {
			t.Errorf("%s %s: an answer %d is not described", method, pattern, answer.Code)
		}
		if s := got.Content["application/json"].Schema; s != nil && answer.Header().Get("Content-Type") == "application/json" {
			var v any
			if err := json.Unmarshal(answer.Body.Bytes(), &v); err != nil {
				t.Errorf("%s %s: %v", method, pattern, err)
			}
			comparison{t, d}.value(method+" "+pattern, v, s)
		}
	}
}

func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, got, func(w, g string) bool { return w == g || strings.HasPrefix(w, "{") })
}

// value reports fields of v that are not described, and described ones that have to be there and are not.
func (c comparison) value(where string, v any, s *schema) {
	s = c.resolve(s)
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			c.value(where+"[]", one, s.Items)
		}
	case map[string]any:
		if s.Properties == nil {
			return // an object of any kind
		}
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				c.t.Errorf("%s: %s is described as always there, and is not", where, name)
			}
		}
		for name, member := range v {
			if s.Properties[name] == nil {
				c.t.Errorf("%s: %s is not described", where, name)
				continue
			}
			c.value(where+"."+name, member, s.Properties[name])
		}
	}
}
