package api

import (
	"net/http"
	"slices"

	"github.com/snapback/snapback/api/describe"
	"github.com/snapback/snapback/internal/assets"
	"github.com/snapback/snapback/internal/refusals"
)

// docsPage is the description for people. It is the same for everybody, and is made once.
func (a *API) docsPage(w http.ResponseWriter, r *http.Request) error {
	page, err := a.docs()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", page.Policy)
	page.html.Serve(w, r)
	return nil
}

// fixedPage is a page that was made.
type fixedPage struct {
	describe.Page
	html assets.Fixed
}

func makeDocs() (fixedPage, error) {
	var codes []describe.Code
	for _, row := range allRefusals() {
		codes = append(codes, describe.Code{Status: row.Status, Code: row.Code, Detail: row.Detail})
	}
	page, err := describe.New(openapiDocument, codes)
	return fixedPage{page, assets.Fix(page.HTML)}, err
}

// allRefusals are those that the API can answer with.
func allRefusals() []refusals.Row {
	return slices.Concat(beforeDomain, refusals.Table(), afterDomain, []refusals.Row{internalError})
}
