package mask

import (
	"regexp"
	"slices"
	"strings"
)

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
	{[]string{":"}, regexp.MustCompile(`\b\d{8,10}:[A-Za-z0-9_-]{35}\b`)},
	{[]string{"hooks.slack.com", "webhooks"}, regexp.MustCompile(`hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]+|discord(?:app)?\.com/api/webhooks/[A-Za-z0-9/_-]+`)},
	{[]string{"bearer"}, regexp.MustCompile(`(?i)\bbearer\s+[A-Za-z0-9+/_.~-]{8,}=*`)},
	{[]string{"basic"}, regexp.MustCompile(`\b(?i:basic)\s+[A-Za-z0-9+/]*(?:[a-z+/][A-Z0-9]|[0-9][A-Za-z])[A-Za-z0-9+/]{4,}=*`)}, // base64, unlike "basic authentication"
}

// withSecret are looks of which a part is the secret: the first group and the last are kept when found in a text.
var withSecret = []look{
	{[]string{"://"}, regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s/:@]*:)[^\s/"']+(@)`)},                                           // scheme://user:pass@word@
	{[]string{"://"}, regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[A-Za-z0-9_-]{20,}(@)`)},                                            // scheme://token@
	{[]string{"@"}, regexp.MustCompile(`((?:^|[\s"'=])[A-Za-z0-9_.-]+:)[^\s"'/][^\s"']*(@(?:(?:tcp|unix|udp)?\(|/[A-Za-z]))`)},            // user:password@tcp(, user:password@/db
	{[]string{"authorization"}, regexp.MustCompile(`(?i)(\bauthorization` + colon + `(?:` + schemes + `[ \t]+)?)` + credential + `()`)},   // Authorization: Token x
	{[]string{"cookie"}, regexp.MustCompile(`(?i)(\b(?:set-)?cookie` + colon + `)(?:\[masked\]|[^\s=;"'\\\[]+=[^"'\r\n]*[^"'\\\r\n])()`)}, // Cookie: a=x; b=y
}

const (
	colon   = `\\*["']?[ \t]*[:=][ \t]*\\*["']?`
	schemes = `(?:basic|bearer|token|digest|negotiate|ntlm|hawk|apikey|bot|geniekey|aws4-hmac-sha256)`
	// credential is two words unless the first is hidden: of a scheme that is not known, the second is the secret.
	credential = `(?:\[masked\]|[^\s"',\\]+(?:[ \t]+[^\s"',\\]+)?)`
)
