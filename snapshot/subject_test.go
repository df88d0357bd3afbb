package snapshot_test

import (
	"context"
	"testing"
	"time"

	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/snapshot"
)

// twins are two containers of one name, which were never deployed.
type twins struct{}

func (twins) List(context.Context) ([]snapshot.Container, error) {
	return []snapshot.Container{{Key: "near/shop", Name: "shop"}, {Key: "far/shop", Name: "shop"}}, nil
}

func (twins) DeployBefore(context.Context, []string, time.Time) (d snapshot.Deploy, found bool, err error) {
	return d, false, nil
}

// TestSubjectIsTheTwinThatWasRestored: and by its name alone, one of them.
func TestSubjectIsTheTwinThatWasRestored(t *testing.T) {
	t.Parallel()
	for restored, want := range map[string]string{"far/shop": "far/shop", "near/shop": "near/shop", "shop": "near/shop"} {
		key, name, _, err := snapshot.Concern{Containers: twins{}, Deploys: twins{}}.Subject(t.Context(), incidents.Incident{}, restored)
		if err != nil || key != want || name != "shop" {
			t.Errorf("of %s it is %s, %s: %v", restored, key, name, err)
		}
	}
}
