package main

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheStartWaitsForTheSlowestEngineAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		all, err := wired([]engineAt{{name: "web"}, {name: "db"}, {name: "none"}}, func(at engineAt) (*engineParts, error) {
			time.Sleep(startPatience)
			if at.name == "none" {
				return nil, usageError{errors.New("no such context")}
			}
			return &engineParts{at: at}, nil
		})
		if took := time.Since(began); took != startPatience {
			t.Errorf("it took %s", took)
		}
		if len(all) != 3 || all[0].at.name != "web" || all[1].at.name != "db" || all[2] != nil || exitCode(err) != exitUsage {
			t.Errorf("made are %+v, %v", all, err)
		}
	})
}
