package signin_test

import (
	"testing"

	"github.com/snapback/snapback/access/signin"
)

func TestThePublicURLIsReadAsBrowsersWriteIt(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]signin.Site{
		"https://Snapback.Example.com:443/": {Origin: "https://snapback.example.com", Host: "snapback.example.com", Secure: true},
		"https://snapback.example.com:8443": {Origin: "https://snapback.example.com:8443", Host: "snapback.example.com", Secure: true},
		"https://bücher.example":            {Origin: "https://xn--bcher-kva.example", Host: "xn--bcher-kva.example", Secure: true},
		"http://localhost:80":               {Origin: "http://localhost", Host: "localhost"},
		"http://[::1]:8080":                 {Origin: "http://[::1]:8080", Host: "::1"},
		"https://[2001:db8::1]:443":         {Origin: "https://[2001:db8::1]", Host: "2001:db8::1", Secure: true},
	} {
		if got, err := signin.ParseSite(public); got != want || err != nil {
			t.Errorf("%s: %+v, %v", public, got, err)
		}
	}
	for _, public := range []string{"", "snapback.example.com", "ftp://x", "https://x/path", "https://x?q=1", "https://x#f", "https://u:p@x", "https://a b"} {
		if got, err := signin.ParseSite(public); err == nil {
			t.Errorf("%q is taken as %+v", public, got)
		}
	}
}

func TestPasskeysNeedANameAndHTTPS(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]bool{
		"https://snapback.example.com": true, "http://localhost:8080": true,
		"http://snapback.example.com": false, "https://192.0.2.1": false, "http://127.0.0.1:8080": false,
	} {
		site, err := signin.ParseSite(public)
		if err != nil || (site.Passkeys() == nil) != want {
			t.Errorf("%s: %v, %v", public, err, site.Passkeys())
		}
	}
}
