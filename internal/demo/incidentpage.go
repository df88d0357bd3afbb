package demo

import (
	"html/template"
	"net/http"

	"github.com/snapback/snapback/internal/pagerdutyfake"
)

var incidentTemplate = template.Must(template.New("incident").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>#{{.Incident.Number}} {{.Title}}</title><link rel="stylesheet" href="{{.Page}}/static/plain.css">
<h1>#{{.Incident.Number}} {{.Title}}</h1>
<p>This is where PagerDuty’s own page would be. The incident is <strong>{{.Incident.Status}}</strong>.</p>
<ul>{{range .Incident.LogEntries}}<li><time>{{.At.Local.Format "15:04:05"}}</time>{{.Summary}}</li>{{end}}</ul></html>
`))

// incidentPage is what the alert's link to PagerDuty opens.
func (n *night) incidentPage(w http.ResponseWriter, r *http.Request) {
	for _, i := range n.pd.Incidents() {
		if i.ID() == r.PathValue("id") {
			n.writeIncident(w, i)
			return
		}
	}
	http.NotFound(w, r)
}

func (n *night) writeIncident(w http.ResponseWriter, i *pagerdutyfake.Incident) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	err := incidentTemplate.Execute(w, map[string]any{"Incident": i, "Title": alertTitle, "Page": n.pageURL})
	if err != nil {
		n.opts.Logger.Warn("writing the incident's page", "err", err)
	}
}
