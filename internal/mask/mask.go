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
)

// Hidden stands where a secret was.
const Hidden = "[masked]"

// secretWords make a name secret wherever they stand in it, also when written together, as in PGPASSWORD.
var secretWords = []string{
	"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "CREDENTIAL", "APIKEY", "PRIVATEKEY", "ACCESSKEY", "CONNECTIONSTRING",
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

var separators = regexp.MustCompile(`[^A-Za-z0-9]+`)

var camel = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// Name says whether what bears this name is a secret.
func Name(name string) bool {
	if name == "PWD" || name == "OLDPWD" {
		return false // the shell's working folder
	}
	parts := strings.Split(strings.ToUpper(separators.ReplaceAllString(camel.ReplaceAllString(name, "${1}_$2"), "_")), "_")
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	if len(parts) == 0 || len(parts) > 1 && slices.Contains(harmlessEnds, parts[len(parts)-1]) {
		return false
	}
	if slices.Contains(parts, "MAX") && slices.Contains(parts, "TOKENS") {
		return false // a language model's limit
	}
	if parts[len(parts)-1] == "AUTH" || slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(secretParts, p) }) {
		return true
	}
	joined := strings.ReplaceAll(strings.Join(parts, ""), "TOKENIZ", "")
	return slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(joined, w) })
}

// patterns are looks that nothing but a secret has. Each stands alone, so that it can be found within a text as well.
var patterns = []*regexp.Regexp{
	regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`),
	regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){1,3}`),
	regexp.MustCompile(`\b(?:AKIA|ASIA|AIDA|AROA)[A-Z0-9]{16}\b`),
	regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|gl(?:pat|dt|rt|cbt|ptt|soat)-[A-Za-z0-9_.-]{16,})`),
	regexp.MustCompile(`\bx(?:ox[a-z](?:\.xox[a-z])?|app)-[A-Za-z0-9-]{8,}`),
	regexp.MustCompile(`\b(?:sk|rk|whsec|pk_secret)_(?:live_|test_)?[A-Za-z0-9]{16,}`),
	regexp.MustCompile(`\bsk-[A-Za-z0-9_-]{16,}`),
	regexp.MustCompile(`\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{16,}|\bGOCSPX-[A-Za-z0-9_-]{16,}`),
	regexp.MustCompile(`\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|\bkey-[0-9a-f]{32}\b|\bSK[0-9a-f]{32}\b`),
	regexp.MustCompile(`\b(?:npm_|pypi-|dop_v1_|hf_|dckr_pat_|shp(?:at|ss|ca|pa)_|lin_api_|hv[sbr]\.|dp\.[a-z]{2}\.|ATATT3|NRAK-|dapi|glsa_|tfe?\.)[A-Za-z0-9_.-]{16,}`),
	regexp.MustCompile(`\bAGE-SECRET-KEY-1[A-Z0-9]{20,}`),
	regexp.MustCompile(`\b\d{8,10}:[A-Za-z0-9_-]{35}\b`),
	regexp.MustCompile(`hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]+|discord(?:app)?\.com/api/webhooks/[A-Za-z0-9/_-]+`),
	regexp.MustCompile(`(?i)\b(?:bearer|basic)\s+[A-Za-z0-9+/_.~-]{8,}=*`),
}

// secretFlag is how a command line names a secret, up to the name's end: --token-ttl is none.
const secretFlag = `(?:^|[\s"'\[,])--?[a-z0-9_.-]*(?:passw(?:or)?d|passphrase|requirepass|masterauth|secret|token|api-?key|access-?key|private-?key)`

// withSecret are looks of which a part is the secret: the first group and the last are kept when found in a text.
var withSecret = []*regexp.Regexp{
	regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@]*:)[^\s/@]+(@)`),                                       // scheme://user:password@
	regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[A-Za-z0-9_-]{20,}(@)`),                                       // scheme://token@
	regexp.MustCompile(`((?:^|[\s"'=])[A-Za-z0-9_.-]+:)[^\s:@/]+(@(?:tcp|unix|udp)?\()`),                          // user:password@tcp(
	regexp.MustCompile(`(?i)([?&;](?:[a-z0-9_-]*(?:token|secret|password|passwd|key|sig|signature))=)[^\s&;]+()`), // query, SAS
	regexp.MustCompile(`(?i)((?:^|[\s;,"'{])(?:pwd|pass|passwd|password|secret|api_?key|accountkey|sharedaccesskey|access_?token|auth_?token)["']?\s*[=:]\s*["']?)[^\s;,"'}]+()`),
	regexp.MustCompile(`(?i)(` + secretFlag + `(?:=|[\s]+))(?:"(?:[^"\\]|\\.)+"|[^\s"',-][^\s"',]*)()`), // --password x, -Ddb.password=x
	regexp.MustCompile(`(?i)(` + secretFlag + `"\s*,\s*")[^"]+()`),                                      // "--password","x"
	regexp.MustCompile(`(\bcurl\b[^|;&\n]*?\s(?:-u|--user)[\s=]*["']?[^\s:"',]+:)[^\s"',]+()`),          // curl -u user:password
}

// Value says whether a value looks like a secret.
func Value(v string) bool {
	looks := func(p *regexp.Regexp) bool { return p.MatchString(v) }
	return slices.ContainsFunc(patterns, looks) || slices.ContainsFunc(withSecret, looks) || uuid.MatchString(v) || drawn(v)
}

// Env splits NAME=value, and hides the value if it is to be hidden.
func Env(pair string) (name, shown string, masked bool) {
	name, value, _ := strings.Cut(pair, "=")
	if Secret(name, value) {
		return name, Hidden, true
	}
	return name, value, false
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
	fingerprint = regexp.MustCompile(`(?i)(?:commit|revision|digest|checksum|sha(?:1|256)?|build_id)$`)
	hex         = regexp.MustCompile(`^(?:sha256:)?[0-9a-f]{7,64}$`)
	uuid        = regexp.MustCompile(`(?i)^\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$`)
	run         = regexp.MustCompile(`[A-Za-z0-9+/]{16,}`)
	digest      = regexp.MustCompile(`\bsha(?:256|512):[0-9a-f]+`)
)

// drawn says that a value holds characters that seem drawn at random. Words, paths, hosts and versions keep to one
// kind of character for a while; in random text nearly every second one is of another kind than the one before.
func drawn(v string) bool {
	if _, err := netip.ParseAddr(v); err == nil {
		return false
	}
	return slices.ContainsFunc(run.FindAllString(digest.ReplaceAllString(v, ""), -1), random)
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
