package browsertest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/snapback/snapback/internal/browsertest"
)

func TestAPageIsLoadedUntilItsScriptComes(t *testing.T) {
	t.Parallel()
	ctx := browsertest.New(t)
	var pages, scripts atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/page":
			pages.Add(1)
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, `<!doctype html><script type="module" src="/app.js"></script><p id="late">late</p>`)
		case r.URL.Path == "/app.js" && scripts.Add(1) == 1:
			http.Error(w, "away", http.StatusServiceUnavailable)
		case r.URL.Path == "/app.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = fmt.Fprint(w, `document.getElementById("late").remove()`)
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	if err := chromedp.Do(ctx, browsertest.Load(s.URL+"/page")); err != nil {
		t.Fatal(err)
	}
	late, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.querySelector('#late') !== null`))
	if err != nil || late {
		t.Errorf("late %v, %v, after %d pages and %d scripts", late, err, pages.Load(), scripts.Load())
	}
	if pages.Load() != 2 {
		t.Errorf("it was loaded %d times", pages.Load())
	}
}
