// Package describe makes a page for people of the API's OpenAPI description: what there is to ask, what is answered, what is refused
// with which code, and the shapes. It is one file that needs nothing else, and runs no script.
//
// It knows nothing of the API but what the description says, and which codes there are.
package describe

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
)

//go:embed page.html.tmpl
var pageTemplate string

//go:embed page.css
var style string

// Code is a refusal by its stable code.
type Code struct {
	Status int
	Code   string
	Detail string // what is wrong, and what to do about it, where nothing more exact is known
}

// Page is what /docs answers with.
type Page struct {
	HTML   []byte
	Policy string // the Content-Security-Policy that the page needs: nothing but its own style
}

// New makes the page. codes may hold one twice.
func New(openapi []byte, codes []Code) (Page, error) {
	var d document
	if err := json.Unmarshal(openapi, &d); err != nil {
		return Page{}, fmt.Errorf("reading the API's description: %w", err)
	}
	v := view{d, statuses(codes)}
	t, err := template.New("docs").Funcs(template.FuncMap{
		"marked": marked, "kind": kind, "last": last, "limits": limits, "upper": strings.ToUpper, "ok": succeeds,
	}).Parse(pageTemplate)
	if err != nil {
		return Page{}, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{"View": v, "Style": template.CSS(style)}); err != nil {
		return Page{}, err
	}
	sum := sha256.Sum256([]byte(style))
	return Page{b.Bytes(), "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; " +
		"frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"}, nil
}

// view is what the template asks for.
type view struct {
	document
	Statuses []status
}

// status is the codes of one HTTP status.
type status struct {
	Status int
	Text   string
	Codes  []Code
}

// statuses groups the codes by status, and leaves out what comes twice. What never reaches a client has no name in net/http.
func statuses(codes []Code) (list []status) {
	codes = slices.Clone(codes)
	slices.SortFunc(codes, func(a, b Code) int { return cmp.Or(a.Status-b.Status, cmp.Compare(a.Code, b.Code)) })
	codes = slices.CompactFunc(codes, func(a, b Code) bool { return a.Code == b.Code && a.Status == b.Status })
	for _, c := range codes {
		if http.StatusText(c.Status) == "" {
			continue
		}
		if n := len(list); n == 0 || list[n-1].Status != c.Status {
			list = append(list, status{Status: c.Status, Text: http.StatusText(c.Status)})
		}
		list[len(list)-1].Codes = append(list[len(list)-1].Codes, c)
	}
	return list
}

// group is what is asked for under one path.
type group struct {
	ID, Title string
	Calls     []call
}

// call is one method of one path.
type call struct {
	Method, Path string
	operation
	Parameters []parameter
	Scopes     []string // any one of them; none: no token is needed
	Refused    []string // the statuses that the section on refusals tells of
}

// Groups are the calls by the first part of their path, and last those that need no token.
func (v view) Groups() (list []group) {
	open := group{ID: "open", Title: "Without a token"}
	for _, p := range v.Paths {
		for _, m := range p.Value {
			c := v.call(m.Name, p.Name, m.Value)
			if len(c.Scopes) == 0 {
				open.Calls = append(open.Calls, c)
				continue
			}
			id, _, _ := strings.Cut(strings.TrimPrefix(p.Name, "/"), "/")
			i := slices.IndexFunc(list, func(g group) bool { return g.ID == id })
			if i < 0 {
				i, list = len(list), append(list, group{ID: id, Title: strings.ToUpper(id[:1]) + id[1:]})
			}
			list[i].Calls = append(list[i].Calls, c)
		}
	}
	return append(list, open)
}

func (v view) call(method, path string, op operation) call {
	c := call{Method: method, Path: path, operation: op}
	for _, p := range op.Parameters {
		if shared, found := v.Components.Parameters.named(p.Ref); found {
			p = shared
		}
		c.Parameters = append(c.Parameters, p)
	}
	for _, way := range op.Security {
		for _, scopes := range way {
			c.Scopes = append(c.Scopes, scopes...)
		}
	}
	for _, r := range op.Responses {
		if r.Value.Ref != "" {
			c.Refused = append(c.Refused, r.Name)
		}
	}
	return c
}

// Means are the descriptions of what is refused with a status, as the calls refer to them.
func (v view) Means(status int) (list []string) {
	for _, p := range v.Paths {
		for _, m := range p.Value {
			for _, r := range m.Value.Responses {
				shared, found := v.Components.Responses.named(r.Value.Ref)
				if found && r.Name == fmt.Sprint(status) && !slices.Contains(list, shared.Description) {
					list = append(list, shared.Description)
				}
			}
		}
	}
	return list
}

// succeeds says whether an answer is none of the refusals that have a section of their own.
func succeeds(r response) bool { return r.Ref == "" }
