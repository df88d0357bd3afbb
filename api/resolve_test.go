package api_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/snapback/snapback/api"
	"github.com/snapback/snapback/snapshot"
)

func fleet() []snapshot.Container {
	return []snapshot.Container{
		{Key: "1", ID: strings.Repeat("1a", 32), Name: "api", Service: "shop", Engine: "one"},
		{Key: "2", ID: strings.Repeat("2b", 32), Name: "shop", Service: "front", Engine: "one"},
		{Key: "3", ID: strings.Repeat("3c", 6) + strings.Repeat("0", 52), Name: "w-1", Service: "w", Engine: "one"},
		{Key: "4", ID: strings.Repeat("3c", 6) + strings.Repeat("1", 52), Name: "w-2", Service: "w", Engine: "one"},
		{Key: "5", ID: strings.Repeat("5e", 32), Name: "twin", Engine: "one"},
		{Key: "6", ID: strings.Repeat("6f", 32), Name: "twin", Engine: "two"},
		{Key: "7", ID: strings.Repeat("7a", 32), Name: "left", Engine: "one"},
		{Key: "8", ID: strings.Repeat("8b", 32), Name: "left", Engine: "two", On: "web", State: "gone", GoneAt: time.Now()},
		{Key: "9", ID: strings.Repeat("9c", 32), Name: "again", Engine: "one"},
		{Key: "10", ID: strings.Repeat("9d", 32), Name: "again", Engine: "one", State: "gone"},
		{Key: "11", ID: strings.Repeat("ab", 32), Name: "moved", Engine: "one"},
		{Key: "12", ID: strings.Repeat("ac", 32), Name: "moved", Engine: "two", State: "gone", GoneAt: time.Now().Add(-time.Hour)},
	}
}

func TestResolveFindsTheContainerThatIsMeant(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"api":                    "1",
		"shop":                   "2", // the name goes before another's service
		"front":                  "2",
		strings.Repeat("2b", 32): "2",
		strings.Repeat("2b", 6):  "2",
		strings.Repeat("3c", 6):  "ambiguous",
		"w":                      "ambiguous",
		"twin":                   "ambiguous",
		"left":                   "ambiguous", // it has just gone from the other engine
		"web/left":               "8",
		"again":                  "9",
		"moved":                  "11",
		strings.Repeat("5e", 8):  "5",
		"2b2b2b2b2b2":            "unknown", // eleven digits
		"":                       "unknown", // container 5 has no service
		"API":                    "unknown",
		"/api":                   "unknown",
	} {
		got, err := api.Resolve(fleet(), id)
		key := got.Key
		switch {
		case errors.Is(err, snapshot.ErrAmbiguous):
			key = "ambiguous"
		case errors.Is(err, snapshot.ErrUnknownContainer):
			key = "unknown"
		}
		if key != want {
			t.Errorf("%q: %s (%v), want %s", id, key, err, want)
		}
	}
	_, err := api.Resolve(fleet(), "twin")
	if err == nil || !strings.Contains(err.Error(), "twin (one, 5e5e5e5e5e5e), twin (two, 6f6f6f6f6f6f)") {
		t.Errorf("containers of one name can't be told apart: %v", err)
	}
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"api", "w", strings.Repeat("3c", 6), "", "\xff", strings.Repeat("x", 1000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, id string) {
		c, err := api.Resolve(fleet(), id)
		switch {
		case err == nil && c.ID != id && c.Name != id && c.Service != id && (len(id) < 12 || !strings.HasPrefix(c.ID, id)):
			t.Errorf("%q found %+v", id, c)
		case err != nil && !errors.Is(err, snapshot.ErrUnknownContainer) && !errors.Is(err, snapshot.ErrAmbiguous):
			t.Errorf("%q: %v", id, err)
		case err != nil && len(err.Error()) > 1000:
			t.Errorf("the answer to %d bytes has %d", len(id), len(err.Error()))
		}
	})
}
