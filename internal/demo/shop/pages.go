package shop

import (
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
)

var frame = template.Must(template.New("frame").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>The shop</title>
<style>
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.25rem}
h1{font-size:1.6rem;margin:.2em 0}.price{font-size:1.25rem}small{opacity:.65}
.bad{border-left:4px solid #d33;padding-left:1rem}
</style>
<main>{{.Body}}<p><small>shop {{.Version}}</small></p></main></html>
`))

const (
	productPage = template.HTML(`<h1>Enamel mug</h1><p class="price">€14.00 · 37 in stock</p><p>Survives falls, campfires and bad deploys.</p>`)
	sorryPage   = template.HTML(`<div class="bad"><h1>500</h1><p>Something went wrong on our side: pool exhausted.</p></div>`)
)

// answer is HTML for browsers and JSON for everyone else.
func (s *Shop) answer(w http.ResponseWriter, r *http.Request, status int, doc map[string]any, page template.HTML) {
	w.Header().Set("X-Shop-Version", s.cfg.Version)
	w.Header().Set("Cache-Control", "no-store")
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		doc["version"] = s.cfg.Version
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(doc)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = frame.Execute(w, map[string]any{"Body": page, "Version": s.cfg.Version})
}
