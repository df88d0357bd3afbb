package console

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/snapback/snapback/internal/webpage"
)

// framePage says a refusal to a person, where the browser shows the answer itself.
var framePage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>Snapback</title><style>body { font: 16px/1.5 system-ui, sans-serif; margin: 24px; max-width: 34em }</style></head>
<body><p role="alert">{{.}}</p></body></html>
`))

// asksForPage says whether the browser shows the answer itself, as in a frame or a tab: the page around it can't read what it says.
func asksForPage(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("Accept"), "text/html") }

// inWords turns what is written into a page with the refusal's sentence. All else of the answer stays.
type inWords struct {
	http.ResponseWriter
	says string
}

func (w inWords) WriteHeader(status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'")
	w.Header().Set("X-Frame-Options", "SAMEORIGIN")
	w.ResponseWriter.WriteHeader(status)
}

func (w inWords) Write(b []byte) (int, error) {
	return len(b), framePage.Execute(w.ResponseWriter, w.says)
}

// readable is the writer for a refusal.
func readable(w http.ResponseWriter, r *http.Request, p webpage.Problem) http.ResponseWriter {
	if asksForPage(r) {
		return inWords{w, p.Detail}
	}
	return w
}
