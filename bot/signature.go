package bot

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxSkew is how far a signature's time may be off, either way: Slack's documentation on verifying requests.
const maxSkew = 5 * time.Minute

// Reasons for refusing a call; their texts are the metric's outcomes.
var (
	errNoSecret     = errors.New("no_secret")
	errNoSignature  = errors.New("no_signature")
	errBadTimestamp = errors.New("bad_timestamp")
	errStale        = errors.New("stale")
	errBadSignature = errors.New("bad_signature")
)

// verify checks the signature v0 over the raw body.
func verify(secret string, h http.Header, body []byte, now time.Time) error {
	stamp, given := h.Get("X-Slack-Request-Timestamp"), h.Get("X-Slack-Signature")
	switch {
	case secret == "":
		return errNoSecret
	case stamp == "" || given == "":
		return errNoSignature
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return errBadTimestamp
	}
	if now.Sub(time.Unix(seconds, 0)).Abs() > maxSkew {
		return errStale
	}
	mac, err := hex.DecodeString(strings.TrimPrefix(given, "v0="))
	if err != nil || !strings.HasPrefix(given, "v0=") {
		return errBadSignature
	}
	want := hmac.New(sha256.New, []byte(secret))
	want.Write([]byte("v0:" + stamp + ":"))
	want.Write(body)
	if !hmac.Equal(mac, want.Sum(nil)) {
		return errBadSignature
	}
	return nil
}
