package pagerduty

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/snapback/snapback/incidents"
)

// SignatureHeader carries a webhook's signatures.
const SignatureHeader = "X-PagerDuty-Signature"

// What Verify finds wrong. The texts that wrap them are one of a handful, fit for metrics and logs.
var (
	ErrNoSignature  = incidents.ErrUnsigned
	ErrBadSignature = incidents.ErrBadSignature
)

// maxSignatures bounds the work that a request can cause before it is known to be PagerDuty's.
const maxSignatures = 20

// Verifier checks that webhooks come from PagerDuty.
type Verifier struct {
	// Secrets are those of the webhook subscriptions. A match with any one is enough, so that they can be rotated and
	// several subscriptions served. Without any, nothing verifies.
	Secrets []string
}

// Verify checks the value of SignatureHeader against the raw body: HMAC-SHA256 in hex, as "v1=…", several separated by
// commas. It returns an error that wraps ErrNoSignature when there is nothing to check and ErrBadSignature when no
// signature matches. How long it takes does not depend on how much of a signature is right.
//
// There is no time in the signature: replays are stopped by the event's ID.
func (v Verifier) Verify(header string, body []byte) error {
	signatures, err := signaturesIn(header)
	if err != nil {
		return err
	}
	matched := false
	for _, secret := range v.Secrets {
		if secret == "" { // an empty key is one that anybody knows
			continue
		}
		matched = matchesAny(signatures, sign(secret, body)) || matched
	}
	if !matched {
		return fmt.Errorf("%w: no secret fits", ErrBadSignature)
	}
	return nil
}

// signaturesIn are the well-formed v1 signatures of a header.
func signaturesIn(header string) ([][]byte, error) {
	if strings.TrimSpace(header) == "" {
		return nil, fmt.Errorf("%w: no header", ErrNoSignature)
	}
	var found [][]byte
	for part := range strings.SplitSeq(header, ",") {
		digits, ok := strings.CutPrefix(strings.TrimSpace(part), "v1=")
		if !ok {
			continue
		}
		if sum, err := hex.DecodeString(digits); err == nil && len(sum) == sha256.Size {
			found = append(found, sum)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%w: none of version 1", ErrNoSignature)
	}
	if len(found) > maxSignatures {
		return nil, fmt.Errorf("%w: too many signatures", ErrBadSignature)
	}
	return found, nil
}

func sign(secret string, body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return mac.Sum(nil)
}

func matchesAny(signatures [][]byte, want []byte) bool {
	matched := false
	for _, got := range signatures {
		matched = hmac.Equal(got, want) || matched
	}
	return matched
}
