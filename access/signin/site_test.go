package signin_test

import (
	"errors"
	"testing"

	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/internal/site"
)

func TestPasskeysNeedANameAndHTTPS(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]bool{
		"https://snapback.example.com": true, "http://localhost:8080": true,
		"http://snapback.example.com": false, "https://192.0.2.1": false, "http://127.0.0.1:8080": false,
	} {
		at, err := site.Parse(public)
		if err != nil {
			t.Fatal(err)
		}
		if err := signin.Passkeys(at); (err == nil) != want || err != nil && !errors.Is(err, signin.ErrNoPasskeys) {
			t.Errorf("%s: %v", public, err)
		}
	}
}
