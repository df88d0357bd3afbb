package mask

import (
	"regexp"
	"slices"
	"strings"
)

// lead is a way in which a text tells what a value is, up to where the value begins. Its first group is the name.
type lead struct {
	look
	names  func(name string) bool        // whether what bears the name may be secret
	values func(name, value string) bool // whether it is
}

// leads go by names.
var leads = []lead{
	// --password x, --api-key=x, -Ddb.password=x, "--token","x"
	{look{[]string{"-"}, regexp.MustCompile(`\B--?(\p{L}[\p{L}\p{M}0-9_.-]*)(?:=|` + next + `)`)}, flag, flagged},
	// DB_PASSWORD=x, password = 'two words', "password"=>"x"
	{look{[]string{"=", "＝"}, regexp.MustCompile(`(` + nameForm + `)\\*["']?[ \t]?[=＝]>?[ \t]?`)}, Name, telling},
	// "db_password": "x"
	{look{[]string{`"`, `'`}, regexp.MustCompile(`\\*["'](` + nameForm + `)(\\*["'])[ \t]*:[ \t]*`)}, Name, telling},
	// X-Api-Key: x, db.password: x
	{look{[]string{":", "："}, regexp.MustCompile(`(` + nameForm + `)[:：][ \t]*`)}, header, telling},
	// ?key=x&sig=x, also of a connection string
	{look{[]string{"="}, regexp.MustCompile(`(?i)[?&;]([a-z0-9_-]*(?:token|secret|password|passwd|key|sig|signature))=`)}, anyName, queried},
}

// programs are given secrets without a name. That of mysql is joined to its flag.
var programs = []lead{
	{look{[]string{"mysql", "mariadb"}, regexp.MustCompile(`\b(mysql|mysqldump|mysqladmin|mariadb|mariadb-dump|mariadb-admin)` + options + `-p`)}, anyName, given},
	{look{[]string{"redis-cli"}, regexp.MustCompile(`\b(redis-cli)` + options + `-a(?:` + next + `)`)}, anyName, given},
	{look{[]string{"sshpass", "sqlcmd"}, regexp.MustCompile(`\b(sshpass|sqlcmd)` + options + `-[pP](?:` + next + `)?`)}, anyName, given},
	{look{[]string{"mongo", "cypher-shell", "login"}, regexp.MustCompile(`\b(mongo[a-z]*|cypher-shell|(?:docker|podman)[ \t]+login)` + options + `-p(?:` + next + `)`)}, anyName, given},
	{look{[]string{"ldap"}, regexp.MustCompile(`\b(ldap[a-z]+)` + options + `-w(?:` + next + `)`)}, anyName, given},
	{look{[]string{"curl"}, regexp.MustCompile(`\b(curl)` + options + `(?:-u|--user=?)(?:` + next + `)?\\*["']?[^\s:"',\\]+:`)}, anyName, given}, // -u user:password
}

// hinted says whether a text in small letters may hold the name of a secret, which may be spelled with separators.
func hinted(lower string) bool {
	within := func(text string) bool {
		has := func(h string) bool { return strings.Contains(text, h) }
		return slices.ContainsFunc(hints, has) || slices.ContainsFunc(foreignHints, has)
	}
	return within(lower) || strings.ContainsAny(lower, "_-.") && within(unspelled.Replace(lower))
}

var unspelled = strings.NewReplacer("_", "", "-", "", ".", "")

const (
	nameForm = `[\p{L}_][\p{L}\p{M}0-9_.-]*`            // a name
	next     = `[ \t]+|\\*["'](?:[ \t]*,[ \t]*|[ \t]+)` // from a flag to its value, also in JSON and between quotes
	options  = `\b[^|;&\n]*?[ \t"',]`                   // of the same command
)

// hints are what every name of a secret has one of.
var hints = []string{
	"pass", "secret", "token", "credential", "key", "connection", "pw", "dsn", "salt", "jwt", "cookie", "sig", "otp", "mnemonic", "psk",
	"hmac", "license", "auth",
}

// hideNamed hides the values of all that is named like a secret, or given where one belongs.
func hideNamed(text string) string {
	lower := strings.ToLower(text)
	ways := programs
	if hinted(lower) {
		ways = slices.Concat(leads, programs)
		text = hideElements(text)
	}
	for _, l := range ways {
		if l.within(lower) {
			text = l.hide(text)
		}
	}
	return text
}

var element = regexp.MustCompile(`<(` + nameForm + `)>([^<]+)</`)

// hideElements hides what stands in XML elements that are named like a secret.
func hideElements(text string) string {
	if !strings.Contains(text, "</") {
		return text
	}
	return element.ReplaceAllStringFunc(text, func(whole string) string {
		m := element.FindStringSubmatch(whole)
		if !Name(m[1]) || !telling(m[1], m[2]) {
			return whole
		}
		return "<" + m[1] + ">" + Hidden + "</"
	})
}

// longest is how long a value may be that is looked at more closely: a line could be made to take hours otherwise.
const longest = 4 << 10

func (l lead) hide(text string) string {
	var out strings.Builder
	done := 0
	for _, at := range l.FindAllStringSubmatchIndex(text, -1) {
		name := text[at[2]:at[3]]
		if at[0] < done || !l.names(name) {
			continue
		}
		v, found := valueAt(text, at[0], at[1])
		if !found || v.to-v.from <= longest && !l.values(name, text[v.from:v.to]) {
			continue
		}
		if v.bare && len(at) > 4 { // JSON stays JSON
			v.quotes = text[at[4]:at[5]]
		}
		out.WriteString(text[done:v.from] + v.quotes + Hidden + v.quotes)
		done = v.to
	}
	return out.String() + text[done:]
}

func anyName(string) bool { return true }

// flag takes the D of -Ddb.password for what it is.
func flag(name string) bool {
	return partsOf(name)[0] != "NO" && (Name(name) || len(name) > 1 && name[0] == 'D' && Name(name[1:]))
}

// flagged leaves out the next flag: this one has no value then.
func flagged(name, value string) bool {
	return !strings.HasPrefix(value, "-") && !harmless(name, value)
}

// header goes by the end of a name: one that goes on is a logger's, as in "TokenFilter: started". A word alone is any
// sentence's, as in "unexpected token: x".
func header(name string) bool {
	if !Name(name) {
		return false
	}
	parts := partsOf(name)
	joined := strings.Join(parts, "")
	if len(parts) == 1 {
		return isPassword(joined)
	}
	ends := func(word string) bool { return strings.HasSuffix(joined, word) || strings.HasSuffix(joined, word+"S") }
	last := parts[len(parts)-1]
	return slices.Contains(secretParts, last) || slices.ContainsFunc(secretWords, ends) || foreignPart(last) || isPassword(joined) || slices.ContainsFunc(foreignWords, ends)
}

// telling leaves out what only sounds like a secret in running text, such as "key=42" of a cache, unless it looks drawn
// at random as well.
func telling(name, value string) bool {
	parts := partsOf(name)
	switch {
	case harmless(name, value):
		return false
	case parts[len(parts)-1] == "TOKENS" && number.MatchString(value): // what a language model has used
		return false
	}
	return !vague(parts) || drawn(value)
}

var number = regexp.MustCompile(`^[0-9]+$`)

// vague are names that are about something else more often than about a secret.
func vague(parts []string) bool {
	last := parts[len(parts)-1]
	if len(parts) == 1 {
		return slices.Contains([]string{"KEY", "KEYS", "SALT", "COOKIE", "SIGNATURE", "LICENSE", "TOKENS", "AUTH"}, last) || slices.Contains(foreignKeys, last)
	}
	return (last == "KEY" || last == "KEYS") && slices.Contains([]string{
		"PRIMARY", "FOREIGN", "UNIQUE", "SORT", "GROUP", "PARTITION", "SHARD", "ROUTING", "CACHE", "OBJECT", "ROW", "MAP", "PUBLIC", "IDEMPOTENCY",
	}, parts[len(parts)-2])
}

// queried: a number under a key is a row's.
func queried(name, value string) bool {
	return !strings.HasSuffix(strings.ToLower(name), "key") || !number.MatchString(value)
}

func given(_, value string) bool {
	return !strings.HasPrefix(value, "-") && !reference.MatchString(value)
}

// isPassword says it of a name in capitals. What bears such a one is no path, even if it looks like one.
func isPassword(name string) bool {
	ends := func(w string) bool { return strings.HasSuffix(name, w) }
	return slices.ContainsFunc([]string{"PASSWORD", "PASSWD", "PASSPHRASE"}, ends) || slices.ContainsFunc(foreignPasswords, ends) || slices.ContainsFunc(shortPasswords, ends)
}

var (
	path      = regexp.MustCompile(`^(?:/|\./|\.\./|~/|[A-Z]:\\)\S*$`)                    // where a secret lies
	reference = regexp.MustCompile(`^\$(?:[({]|[A-Z_][A-Z0-9_]*$)`)                       // what a shell fills in later
	nothing   = regexp.MustCompile(`(?i)^(?:[=:].*|none|null|nil|true|false|undefined)$`) // also the rest of == and ::
)

// harmless says that a value is no secret, whatever its name.
func harmless(name, value string) bool {
	if nothing.MatchString(value) || reference.MatchString(value) {
		return true
	}
	return path.MatchString(value) && !isPassword(strings.Join(partsOf(name), "")) && !drawn(value)
}
