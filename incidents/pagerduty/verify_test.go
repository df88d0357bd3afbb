package pagerduty_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/snapback/snapback/incidents/pagerduty"
)

func signature(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

func TestVerify(t *testing.T) {
	t.Parallel()
	const body = `{"event":{}}`
	good, old, foreign := signature("new", body), signature("old", body), signature("foreign", body)
	for name, tc := range map[string]struct {
		header string
		want   error
	}{
		"one that fits":                {good, nil},
		"the other secret":             {old, nil},
		"a space after the comma":      {foreign + ", " + good, nil},
		"no space":                     {foreign + "," + old, nil},
		"upper-case digits":            {"v1=" + strings.ToUpper(good[3:]), nil},
		"a later version beside it":    {"v2=abc, " + good, nil},
		"an empty part":                {",," + good, nil},
		"none":                         {"", pagerduty.ErrNoSignature},
		"blank":                        {"  ", pagerduty.ErrNoSignature},
		"another version only":         {"v0=" + good[3:], pagerduty.ErrNoSignature},
		"not hexadecimal":              {"v1=zz", pagerduty.ErrNoSignature},
		"cut short":                    {good[:20], pagerduty.ErrNoSignature},
		"somebody else's":              {foreign, pagerduty.ErrBadSignature},
		"of another body":              {signature("new", body+" "), pagerduty.ErrBadSignature},
		"with the empty secret":        {signature("", body), pagerduty.ErrBadSignature},
		"hidden behind too many wrong": {strings.Repeat(foreign+",", 50) + good, pagerduty.ErrBadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := pagerduty.Verifier{Secrets: []string{"new", "", "old"}}
			if err := v.Verify(tc.header, []byte(body)); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestWithoutSecretsNothingVerifies(t *testing.T) {
	t.Parallel()
	err := pagerduty.Verifier{}.Verify(signature("", "x"), []byte("x"))
	if !errors.Is(err, pagerduty.ErrBadSignature) {
		t.Errorf("got %v", err)
	}
}

// This test vector of HMAC-SHA256 is well known: it keeps the test from agreeing with its own mistake.
func TestVerifyIsHMACSHA256(t *testing.T) {
	t.Parallel()
	v := pagerduty.Verifier{Secrets: []string{"key"}}
	const body = "The quick brown fox jumps over the lazy dog"
	if err := v.Verify("v1=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8", []byte(body)); err != nil {
		t.Error(err)
	}
}
