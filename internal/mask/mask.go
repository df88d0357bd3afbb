// Package mask tells what looks like a secret, and takes it out of what people get to see. It goes by the name of a
// variable and by the look of a value; the two catch different mistakes, and either is enough.
//
// It errs towards masking: a masked build number is a nuisance, a shown password is an incident. It can't recognise a
// short password under an innocent name, so nothing that it has been through is safe to publish.
package mask

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Hidden stands where a secret was.
const Hidden = "[masked]"

// secretWords make a name secret wherever they stand in it, also when written together, as in PGPASSWORD.
var secretWords = []string{
	"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "APIKEY", "PRIVATEKEY", "ACCESSKEY", "CONNECTIONSTRING", "REQUIREPASS", "MASTERAUTH",
}

// secretParts make a name secret when they are a word of it: KEY does in API_KEY, but not in KEYSPACE.
var secretParts = []string{
	"KEY", "KEYS", "PASS", "PWD", "PW", "DSN", "SALT", "JWT", "COOKIE", "SIGNATURE", "OTP", "MNEMONIC", "PSK", "HMAC", "LICENSE",
}

// harmlessEnds turn the name of a secret into the name of something about it, as in TOKEN_TTL. The value's look still
// counts.
var harmlessEnds = []string{
	"FILE", "PATH", "DIR", "URL", "URI", "ENDPOINT", "HOST", "TTL", "TIMEOUT", "EXPIRY", "EXPIRES", "LENGTH", "SIZE", "COUNT", "LIMIT",
	"ENABLED", "HEADER", "NAME", "TYPE", "ALGORITHM", "ALG", "PREFIX", "ID", "ISSUER", "POLICY", "ROTATION", "INTERVAL", "LIFETIME",
}

var separators = regexp.MustCompile(`[^\p{L}\p{M}\p{N}]+`)

var camel = regexp.MustCompile(`([\p{Ll}0-9])(\p{Lu})`)

// Name says whether what bears this name is a secret.
func Name(name string) bool {
	if name == "PWD" || name == "OLDPWD" {
		return false // the shell's working folder
	}
	parts := partsOf(name)
	if len(parts) == 0 || len(parts) > 1 && slices.Contains(harmlessEnds, parts[len(parts)-1]) {
		return false
	}
	if slices.Contains(parts, "MAX") && slices.Contains(parts, "TOKENS") {
		return false // a language model's limit
	}
	joined := strings.ReplaceAll(strings.Join(parts, ""), "TOKENIZ", "")
	whole := func(p string) bool { return slices.Contains(secretParts, p) }
	if slices.Contains([]string{"AUTH", "AUTHORIZATION"}, parts[len(parts)-1]) || slices.ContainsFunc(parts, whole) || whole(joined) {
		return true
	}
	return slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(joined, w) }) || foreignName(parts, joined)
}

// partsOf are the words of a name, in capitals: DB and PASSWORD of dbPassword, DB and PWD of DB_P_W_D.
func partsOf(name string) []string {
	name = strings.Map(narrow, name)
	parts := strings.Split(strings.ToUpper(separators.ReplaceAllString(camel.ReplaceAllString(name, "${1}_$2"), "_")), "_")
	return spelled(slices.DeleteFunc(parts, func(p string) bool { return p == "" }))
}

// narrow makes ordinary letters of those that take two columns, as Chinese and Japanese keyboards write them.
func narrow(r rune) rune {
	if r >= 0xff01 && r <= 0xff5e {
		return r - 0xfee0
	}
	return r
}

// spelled joins what is written letter by letter.
func spelled(parts []string) []string {
	var out []string
	letters := false
	for _, p := range parts {
		single := len(p) == 1
		if single && letters {
			out[len(out)-1] += p
		} else {
			out = append(out, p)
		}
		letters = single
	}
	return out
}

// Value says whether a value looks like a secret.
func Value(v string) bool {
	lower := strings.ToLower(v)
	looks := func(l look) bool { return l.within(lower) && l.MatchString(v) }
	return slices.ContainsFunc(patterns, looks) || slices.ContainsFunc(withSecret, looks) || hideNamed(v) != v || uuid.MatchString(v) || drawn(v)
}

// Secret goes by the name and the look of a value. An empty value hides nothing.
func Secret(name, value string) bool {
	if value == "" {
		return false
	}
	if Name(name) {
		return true
	}
	return Value(value) && !(fingerprint.MatchString(name) && hex.MatchString(value))
}

var (
	// fingerprint is a name of something that is random by look, and public.
	fingerprint = regexp.MustCompile(`(?i)(?:commit|revision|digest|checksum|hash|sha(?:1|256)?|build_id|vcs[_-]ref)$`)
	hex         = regexp.MustCompile(`^(?:sha256:)?[0-9a-f]{7,64}$`)
	uuid        = regexp.MustCompile(`(?i)^\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$`)
	run         = regexp.MustCompile(`[A-Za-z0-9+/]{16,}`)
	grouped     = regexp.MustCompile(`[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+){2,}`) // as generators write what people type
	digest      = regexp.MustCompile(`\bsha(?:256|512):[0-9a-f]+`)
)

// drawn says that a value holds characters that seem drawn at random. Words, paths, hosts and versions keep to one
// kind of character for a while; in random text nearly every second one is of another kind than the one before.
func drawn(v string) bool {
	if _, err := netip.ParseAddr(v); err == nil {
		return false
	}
	v = digest.ReplaceAllString(v, "")
	return slices.ContainsFunc(run.FindAllString(v, -1), random) || slices.ContainsFunc(grouped.FindAllString(v, -1), func(s string) bool {
		return mixed(s) && random(s)
	})
}

// mixed says that all kinds of characters are there, as in hardly any name.
func mixed(s string) bool {
	return strings.ContainsFunc(s, unicode.IsLower) && strings.ContainsFunc(s, unicode.IsUpper) && strings.ContainsFunc(s, unicode.IsDigit)
}

func random(s string) bool {
	changes, counted, digits := 0, 0, 0
	for i := range len(s) {
		k := kind(s[i])
		if k == 0 {
			continue
		}
		counted++
		if k == '0' {
			digits++
		}
		if i > 0 && kind(s[i-1]) != 0 && kind(s[i-1]) != k {
			changes++
		}
	}
	return digits > 0 && counted >= 14 && 4*changes >= counted
}

// kind is a letter's case or a digit; 0 for what separates.
func kind(c byte) byte {
	switch {
	case c >= 'a' && c <= 'z':
		return 'a'
	case c >= 'A' && c <= 'Z':
		return 'A'
	case c >= '0' && c <= '9':
		return '0'
	}
	return 0
}
