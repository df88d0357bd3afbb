package store_test

import (
	"testing"

	"github.com/snapback/snapback/access"
)

func TestAddressThatCountsNoMoreIsForgotten(t *testing.T) {
	db := setup(t)
	save := func(p access.Person) access.Person {
		t.Helper()
		if err := db.SavePerson(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		got, known, err := db.Person(t.Context(), p.SlackID)
		if err != nil || !known {
			t.Fatalf("known %v, %v", known, err)
		}
		return got
	}
	save(access.Person{SlackID: "U1", Name: "Ann", Email: "ann@example.com", PagerDutyID: "PANN"})
	got := save(access.Person{SlackID: "U1"})
	if got.Email != "" || got.Name != "Ann" || got.PagerDutyID != "PANN" {
		t.Errorf("kept %+v", got)
	}
}
