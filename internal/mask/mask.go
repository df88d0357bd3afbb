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

var separators = regexp.MustCompile(`[^A-Za-z0-9]+`)

var camel = regexp.MustCompile(`([a-z0-9])([A-Z])`)

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
	if parts[len(parts)-1] == "AUTH" || slices.ContainsFunc(parts, func(p string) bool { return slices.Contains(secretParts, p) }) {
		return true
	}
	joined := strings.ReplaceAll(strings.Join(parts, ""), "TOKENIZ", "")
	return slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(joined, w) })
}

// partsOf are the words of a name, in capitals: DB and PASSWORD of dbPassword.
func partsOf(name string) []string {
	parts := strings.Split(strings.ToUpper(separators.ReplaceAllString(camel.ReplaceAllString(name, "${1}_$2"), "_")), "_")
	return slices.DeleteFunc(parts, func(p string) bool { return p == "" })
}

// look is what some secrets look like. What it needs, one of these in small letters, is searched for first, which is a
// hundred times faster: every line of a log comes by here.
type look struct {
	needs []string
	*regexp.Regexp
}

// within says whether lower, a text in small letters, may hold it.
func (l look) within(lower string) bool {
	return slices.ContainsFunc(l.needs, func(n string) bool { return strings.Contains(lower, n) })
}

// patterns are looks that nothing but a secret has. Each stands alone, so that it can be found within a text as well.
var patterns = []look{
	{[]string{"private key"}, regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`)},
	{[]string{"eyj"}, regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*){1,3}`)},
	{[]string{"akia", "asia", "aida", "aroa"}, regexp.MustCompile(`\b(?:AKIA|ASIA|AIDA|AROA)[A-Z0-9]{16}\b`)},
	{[]string{"gh", "gl"}, regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|gl(?:pat|dt|rt|cbt|ptt|soat)-[A-Za-z0-9_.-]{16,})`)},
	{[]string{"xox", "xapp"}, regexp.MustCompile(`\bx(?:ox[a-z](?:\.xox[a-z])?|app)-[A-Za-z0-9-]{8,}`)},
	{[]string{"sk_", "rk_", "whsec", "pk_secret"}, regexp.MustCompile(`\b(?:sk|rk|whsec|pk_secret)_(?:live_|test_)?[A-Za-z0-9]{16,}`)},
	{[]string{"sk-"}, regexp.MustCompile(`\bsk-[A-Za-z0-9_-]{16,}`)},
	{[]string{"aiza", "ya29.", "gocspx"}, regexp.MustCompile(`\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{16,}|\bGOCSPX-[A-Za-z0-9_-]{16,}`)},
	{[]string{"sg.", "key-", "sk"}, regexp.MustCompile(`\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|\bkey-[0-9a-f]{32}\b|\bSK[0-9a-f]{32}\b`)},
	{[]string{"npm_", "pypi-", "dop_v1_", "hf_", "dckr_pat_", "shp", "lin_api_", "hv", "dp.", "atatt3", "nrak-", "dapi", "glsa_", "tf"}, regexp.MustCompile(`\b(?:npm_|pypi-|dop_v1_|hf_|dckr_pat_|shp(?:at|ss|ca|pa)_|lin_api_|hv[sbr]\.|dp\.[a-z]{2}\.|ATATT3|NRAK-|dapi|glsa_|tfe?\.)[A-Za-z0-9_.-]{16,}`)},
	{[]string{"sq0", "tskey-"}, regexp.MustCompile(`\bsq0(?:atp|csp)-[A-Za-z0-9_-]{16,}|\btskey-[a-z]+-[A-Za-z0-9-]{8,}`)},
	{[]string{"age-secret"}, regexp.MustCompile(`\bAGE-SECRET-KEY-1[A-Z0-9]{20,}`)},
	{[]string{":aa", ":"}, regexp.MustCompile(`\b\d{8,10}:[A-Za-z0-9_-]{35}\b`)},
	{[]string{"hooks.slack.com", "webhooks"}, regexp.MustCompile(`hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]+|discord(?:app)?\.com/api/webhooks/[A-Za-z0-9/_-]+`)},
	{[]string{"bearer", "basic"}, regexp.MustCompile(`(?i)\b(?:bearer|basic)\s+[A-Za-z0-9+/_.~-]{8,}=*`)},
}

// withSecret are looks of which a part is the secret: the first group and the last are kept when found in a text.
var withSecret = []look{
	{[]string{"://"}, regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@]*:)[^\s/"']+(@)`)},                                    // scheme://user:pass@word@
	{[]string{"://"}, regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[A-Za-z0-9_-]{20,}(@)`)},                                     // scheme://token@
	{[]string{"@"}, regexp.MustCompile(`((?:^|[\s"'=])[A-Za-z0-9_.-]+:)[^\s:@/]+(@(?:(?:tcp|unix|udp)?\(|/[A-Za-z]))`)},            // user:password@tcp(, user:password@/db
	{[]string{"="}, regexp.MustCompile(`(?i)([?&;](?:[a-z0-9_-]*(?:token|secret|password|passwd|key|sig|signature))=)[^\s&;]+()`)}, // query, SAS
	{[]string{"authorization"}, regexp.MustCompile(`(?i)(\bauthorization["']?\s*[:=]\s*["']?(?:[a-z]+\s+)?)[^\s"',]{4,}()`)},
	{[]string{"curl"}, regexp.MustCompile(`(\bcurl\b[^|;&\n]*?\s(?:-u|--user)[\s=]*["']?[^\s:"',]+:)[^\s"',]+()`)},                                        // curl -u user:password
	{[]string{"mysql", "mariadb"}, regexp.MustCompile(`(\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mariadb-admin)\b[^|;&\n]*?\s-p)[^\s"']+()`)}, // mysql -ppassword
	{[]string{"redis-cli", "sshpass"}, regexp.MustCompile(`(\b(?:redis-cli\b[^|;&\n]*?\s-a|sshpass\s+-p)\s*)[^\s"']+()`)},
}

// named are the ways in which a text gives something a name: the name, what stands between, and the value.
var named = []struct {
	look
	secret func(name string) bool
}{
	// --password x, --api-key=x, -Ddb.password=x, "--token","x". A flag without a value is followed by another one.
	{look{[]string{"-"}, regexp.MustCompile(`((?:^|[\s"'\[,])--?)([A-Za-z][A-Za-z0-9_.-]*)(=["']?|\s+|"\s*,\s*")(\[masked\]|"(?:[^"\\]|\\.)+"|'[^']+'|[^\s"',\]-][^\s"',]*)`)}, flag},
	// DB_PASSWORD=x, password='two words'
	{look{[]string{"="}, regexp.MustCompile(`()([A-Za-z][A-Za-z0-9_.-]*)(\s?=\s?)(\[masked\]|"(?:[^"\\]|\\.)+"|'[^']+'|[^\s;,"'&)}\]]+)`)}, telling},
	// "db_password": "x"
	{look{[]string{"':", "\":", "' :", "\" :"}, regexp.MustCompile(`(\\?["'])([A-Za-z][A-Za-z0-9_.-]*)(\\?["']\s*:\s*)(\[masked\]|\\?"(?:[^"\\]|\\[^"])+\\?"|'[^']+'|[^\s;,"'}\]]+)`)}, Name},
	// X-Api-Key: x, db.password: x. A word alone and a colon are any sentence's: "unexpected token: x".
	{look{[]string{": ", ":"}, regexp.MustCompile(`()([A-Za-z]+(?:[_.-][A-Za-z0-9]+)+|[Pp]assword|[Pp]asswd|[Pp]wd|[a-z]+[A-Z][A-Za-z]+)(:\s*)(\[masked\]|"(?:[^"\\]|\\.)+"|'[^']+'|[^\s;,"'}]+)`)}, telling},
}

// telling leaves out those names that are about something else in running text, as in "key=42" of a cache.
func telling(name string) bool {
	parts := partsOf(name)
	if !Name(name) {
		return false
	}
	if len(parts) > 1 && parts[len(parts)-1] != "KEYS" {
		return true
	}
	return !slices.Contains([]string{"KEY", "KEYS", "SALT", "COOKIE", "SIGNATURE", "LICENSE", "TOKENS", "AUTH"}, parts[len(parts)-1])
}

// flag takes the D of -Ddb.password for what it is.
func flag(name string) bool {
	return Name(name) || len(name) > 1 && name[0] == 'D' && Name(name[1:])
}

// path is a value that tells where a secret lies, which is none.
var path = regexp.MustCompile(`^["']?(?:/|\./|\.\./|~/|[A-Z]:\\)[^\s"']*["']?$`)

// hints are what every name of a secret has one of.
var hints = []string{
	"pass", "secret", "token", "credential", "key", "connection", "masterauth", "pwd", "pw", "dsn", "salt", "jwt", "cookie", "signature",
	"otp", "mnemonic", "psk", "hmac", "license", "auth",
}

// hideNamed hides the values of what is named like a secret.
func hideNamed(text string) string {
	lower := strings.ToLower(text)
	if !slices.ContainsFunc(hints, func(h string) bool { return strings.Contains(lower, h) }) {
		return text
	}
	for _, n := range named {
		if !n.within(lower) {
			continue
		}
		text = n.ReplaceAllStringFunc(text, func(found string) string {
			m := n.FindStringSubmatch(found)
			if m == nil || !n.secret(m[2]) || strings.Contains(m[4], Hidden) || path.MatchString(m[4]) || reference.MatchString(m[4]) {
				return found
			}
			return m[1] + m[2] + m[3] + quotedLike(m[4])
		})
	}
	return text
}

// reference is a value that a shell or a template fills in later.
var reference = regexp.MustCompile(`^["']?\$[({A-Za-z]`)

// quotedLike is Hidden in the quotes that a value has, so that JSON stays JSON.
func quotedLike(value string) string {
	for _, q := range []string{`\"`, `"`, `'`} {
		if strings.HasPrefix(value, q) {
			return q + Hidden + q
		}
	}
	return Hidden
}

// Value says whether a value looks like a secret.
func Value(v string) bool {
	lower := strings.ToLower(v)
	looks := func(l look) bool { return l.within(lower) && l.MatchString(v) }
	return slices.ContainsFunc(patterns, looks) || slices.ContainsFunc(withSecret, looks) || hideNamed(v) != v || uuid.MatchString(v) || drawn(v)
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
