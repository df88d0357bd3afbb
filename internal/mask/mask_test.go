package mask_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/snapback/snapback/internal/mask"
)

func TestNamesOfSecretsAreRecognised(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"PASSWORD", "DB_PASSWORD", "PGPASSWORD", "MYSQL_PWD", "db.password", "dbPassword", "SMTP_PASS", "API_KEY", "apiKey", "STRIPE_APIKEY",
		"AWS_SECRET_ACCESS_KEY", "SLACK_BOT_TOKEN", "authToken", "SECRET_KEY_BASE", "PRIVATE_KEY", "GOOGLE_CREDENTIALS", "SENTRY_DSN", "JWT",
		"SESSION_COOKIE", "PASSWORD_SALT", "BASIC_AUTH", "CONNECTION_STRING", "SNAPBACK_SECRET_KEYS", "RAILS_MASTER_KEY", "TOKENS", "wifi-psk", "HTTP_AUTHORIZATION",
		"KENNWORT", "db_kennwort", "DbPasswort", "MOT_DE_PASSE", "motDePasse", "MDP", "CONTRASENA", "contraseña", "CLAVE_API", "SENHA", "DB_SENHA", "dbsenha",
		"PAROLA", "DB_PAROL", "parolă", "ПАРОЛЬ", "пароль_бд", "Токен", "密码", "数据库密码", "資料庫密碼", "MIMA", "db_mima", "密钥", "パスワード", "DBパスワード",
		"ﾊﾟｽﾜｰﾄﾞ", "ＰＡＳＳＷＯＲＤ", "WACHTWOORD", "HASLO", "hasło", "HESLO", "LÖSENORD", "Passord", "SALASANA", "JELSZÓ", "ŞİFRE", "db_sifre", "비밀번호", "पासवर्ड",
		"كلمة_السر", "סיסמה", "mật_khẩu", "รหัสผ่าน", "LOZINKA", "db_lozinka", "лозинка", "PAROLACHIAVE", "parola_chiave", "পাসওয়ার্ড", "db_পাসওয়ার্ড", "GEHEIM", "SEGREDO", "CLÉ_API", "CHIAVE_API", "PSWD",
		"P_W_D", "DB_P_W_D", "P_A_S_S_W_O_R_D", "PASS_WORD", "pass-word", "Pass.Word", "PA_SSWD", "A_P_I_K_E_Y", "K_E_N_N_W_O_R_T", "KENN_WORT", "P_WD", "PASS\u200bWORD",
	} {
		if !mask.Name(name) {
			t.Errorf("Name(%q) = false", name)
		}
	}
}

func TestNamesOfOtherThingsAreNot(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"", "_", "PATH", "PWD", "OLDPWD", "HOME", "DB_POOL", "KEYSPACE", "MONKEY", "KEYBOARD", "TOKENIZER", "MAX_TOKENS", "TOKEN_TTL", "PASSENGER_ROOT",
		"PASSWORD_FILE", "HAS_LOCK", "HAS_LOGIN", "CHOSEN_HANDLER", "CACHE_SLOT", "STOP_WORDS", "STOPWORDS", "CYCLE_API", "GROUPS_WD", "MINIMAL", "CLEAN", "X_Y", "ПАРАМЕТР", "端口", "ポート", "AUTH_URL", "AUTHOR", "TOKEN_ENDPOINT", "SECRET_NAME", "KEY_PREFIX", "PASSWORD_MIN_LENGTH", "COMPASS", "LOG_LEVEL", "NODE_ENV",
	} {
		if mask.Name(name) {
			t.Errorf("Name(%q) = true", name)
		}
	}
}

// Formats as their issuers document them, with made-up contents, and split so that no scanner takes them for leaks.
func TestValuesThatLookSecretAreRecognised(t *testing.T) {
	t.Parallel()
	for what, value := range map[string]string{
		"aws key id":         "AKIA" + "QX5ZL7PDMN2R4VTW",
		"aws secret":         "wJalrXUtnFEMI/" + "K7MDENG/bPxRfiCYEXAMPLEKEY",
		"github classic":     "ghp_" + "1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S",
		"github fine":        "github_pat_" + "11ABCDEFG0aBcDeFgHiJkL_mNoPqRsTuVwXyZ0123456789",
		"gitlab":             "glpat-" + "x7Yz9AbCdEfGhIjKlMnO",
		"slack bot":          "xoxb-" + "2345678901-2345678901234-AbCdEfGhIjKlMnOpQrStUvWx",
		"slack app":          "xapp-" + "1-A0123456789-1234567890123-abcdef0123456789",
		"slack hook":         "https://hooks.slack.com/services/" + "T00000000/B00000000/abcdefghijklmnop",
		"stripe":             "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
		"openai":             "sk-" + "proj-AbCd1234EfGh5678IjKl",
		"google":             "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
		"sendgrid":           "SG." + "ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr",
		"npm":                "npm_" + "abcdEFGHijklMNOPqrstUVWXyz0123456789",
		"docker hub":         "dckr_pat_" + "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9",
		"vault":              "hvs." + "CAESIJ1a2b3c4d5e6f7g8h9i0j",
		"telegram":           "110201543:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1",
		"jwt":                "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
		"pem":                "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
		"postgres url":       "postgres://shop:hunter2@db:5432/shop?sslmode=disable",
		"redis url":          "redis://:hunter2@cache:6379/0",
		"amqp url":           "amqp://guest:guest@mq:5672/%2f",
		"sentry dsn":         "https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.io/2",
		"go mysql dsn":       "shop:hunter2@tcp(db:3306)/shop",
		"ado string":         "Server=db;Database=shop;User Id=sa;Password=hunter2;",
		"azure storage":      "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + "Zm9vYmFyYmF6cXV4;EndpointSuffix=core.windows.net",
		"libpq":              "host=db user=shop password=hunter2 dbname=shop",
		"signed url":         "https://blob.example.com/a?sv=2020&sig=abc%2Fdef",
		"query token":        "https://example.com/hook?token=hunter2",
		"bearer":             "Bearer abcdefgh12345678",
		"basic":              "Basic c2hvcDpodW50ZXIy",
		"hex key":            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"base64 key":         "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
		"base64url key":      "3q2-7wAB_zX9kLmN0pQrStUv8xYzA1bC",
		"totp seed":          "JBSWY3DPEHPK3PXP",
		"uuid":               "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
		"secret within json": `{"user":"shop","password":"hunter2"}`,
		"name within json":   `{"db_password":"x1"}`,
		"spring's json":      `{"spring.datasource.password":"x1"}`,
		"client secret":      `{"client_secret":"x1"}`,
		"go mysql, no host":  "shop:hunter2@/shop",
		"square":             "sq0csp-" + "ABCdef0123456789_ghiJKL",
		"tailscale":          "tskey-auth-" + "kABC123CNTRL-0123456789",
		"grouped":            "mZ8-qR3_tV6-yX1_bN4-cK7",
		"assignment":         "FOO=1 DB_PASSWORD=hunter2",
		"@ in go mysql":      "shop:hun@ter2@tcp(db:3306)/shop",
		"number within json": `{"db_password":12345}`,
		"list within json":   `{"secrets":["x1","x2"]}`,
		"json within json":   `{"config":"{\"db_password\":\"x1\"}"}`,
		"session":            "Cookie: lang=de; session=x1",
	} {
		if !mask.Value(value) {
			t.Errorf("Value(%s) = false for %q", what, value)
		}
	}
}

func TestValuesThatPeopleNeedToSeeAreNotMasked(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"", "20", "2", "true", "production", "info", "1.42", "v1.42.0-rc.1", "1.2.3-20261123.abcdef1", "3.14159265358979323846", "1700000000000",
		"db.internal", "ip-10-0-12-34.eu-west-1.compute.internal", "10.0.0.1:5432", "2001:db8:85a3:8d3:1319:8a2e:370:7348", "0.0.0.0", ":8080",
		"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "/usr/lib/postgresql/15/bin", "/var/lib/app2/data",
		"https://example.com/a/b?page=2", "postgres://db:5432/shop", "redis://cache:6379", "ssh://git@github.com/shop/api.git",
		"2026-11-23T11:19:48.662039978Z", "Europe/Berlin", "en_US.UTF-8", "application/json; charset=utf-8", "shop:1.42",
		"registry.example.com/shop/api@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"-Xmx512m -Xms512m -XX:MaxRAMPercentage=75.0", "com.example.shop.PaymentServiceImplementation", "prometheus-operator-v0.63.0-alpine3.17",
		"x86_64-linux-gnu-2.36-9+deb12u3", "feature/new-checkout-flow", "internationalization", "The quick brown fox", "a,b,c", "{}",
		"key=42", "cache_key=basket:5", "Basic authentication", "DB_POOL=2", "KEYBOARD=us", "TOKENIZER=bpe", "MONKEY=1", `{"password":null}`,
	} {
		if mask.Value(value) {
			t.Errorf("Value(%q) = true", value)
		}
	}
}

func TestSecretGoesByNameOrByLook(t *testing.T) {
	t.Parallel()
	for pair, want := range map[string]bool{
		"DB_POOL=20":             false,
		"DB_PASSWORD=x":          true,
		"DB_PASSWORD=":           false,
		"NOTHING":                false,
		"DB=postgres://a:b@db/x": true,
		"OPTS=a=b=c":             false,
		"GIT_COMMIT=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b":               false,
		"GIT_COMMIT=postgres://a:b@db/x":                                    true,
		"org.label-schema.vcs-ref=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b": false,
	} {
		if name, value, _ := strings.Cut(pair, "="); mask.Secret(name, value) != want {
			t.Errorf("%q is a secret: %v", pair, !want)
		}
	}
}

func TestTextLosesSecretsInEveryForm(t *testing.T) {
	t.Parallel()
	secrets := mask.Secrets([]string{"A_TOKEN=p@ss word/1", "DATABASE_URL=postgres://shop:hunter2@db/shop", "DEBUG_KEY=true", "LEVEL=info"})
	text := strings.Join([]string{
		"level=info ready true",
		"using p@ss word/1 now",
		"GET /?x=p%40ss+word%2F1",
		"GET /p@ss%20word%2F1",
		"cEBzcyB3b3JkLzE=",
		"login failed for shop with hunter2",
		"dial postgres://other:guessme@db2/x",
		"Authorization: Bearer abcdefgh12345678",
		`{"password": "swordfish", "trace": "9f86d081884c7d659a2feaa0c55ad015"}`,
	}, "\n")
	got := mask.Text(text, secrets)
	want := strings.Join([]string{
		"level=info ready true",
		"using [masked] now",
		"GET /?x=[masked]",
		"GET /[masked]",
		"[masked]=",
		"login failed for shop with [masked]",
		"dial postgres://other:[masked]@db2/x",
		"Authorization: [masked]",
		`{"password": "[masked]", "trace": "9f86d081884c7d659a2feaa0c55ad015"}`,
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("masked text (-want +got):\n%s", diff)
	}
}

func TestCommandLinesLoseTheirSecrets(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`redis-server --requirepass hunter2 --port 6379`:                                             `redis-server --requirepass [masked] --port 6379`,
		`app --token=hunter2 -v`:                                                                     `app --token=[masked] -v`,
		`app --db-password "two words" -v`:                                                           `app --db-password "[masked]" -v`,
		`java -Dspring.datasource.password=hunter2 -jar`:                                             `java -Dspring.datasource.password=[masked] -jar`,
		`["app","--api-key","hunter2","--port","80"]`:                                                `["app","--api-key","[masked]","--port","80"]`,
		`curl -f -u admin:hunter2 http://x`:                                                          `curl -f -u admin:[masked] http://x`,
		`sh -c "DB_PASSWORD=hunter2 ./app"`:                                                          `sh -c "DB_PASSWORD=[masked] ./app"`,
		`PGPASSWORD=hunter2 psql -h db`:                                                              `PGPASSWORD=[masked] psql -h db`,
		`env TOKEN=abc AWS_SECRET_ACCESS_KEY=wJalr ./app`:                                            `env TOKEN=[masked] AWS_SECRET_ACCESS_KEY=[masked] ./app`,
		`app --pass x1 --pwd=x2 --key=x3 --auth-key x4 --encryption-key 00ff`:                        `app --pass [masked] --pwd=[masked] --key=[masked] --auth-key [masked] --encryption-key [masked]`,
		`curl -H "X-Api-Key: hunter2" -H "Authorization: Token hunter2" x`:                           `curl -H "X-Api-Key: [masked]" -H "Authorization: Token [masked]" x`,
		`mysql -uroot -phunter2 shop`:                                                                `mysql -uroot -p[masked] shop`,
		`redis-cli -a hunter2 ping`:                                                                  `redis-cli -a [masked] ping`,
		`{"splunk-token":"3f2504e0-4f89-41d3-9a0c-0305e82c3301","splunk-url":"https://s"}`:           `{"splunk-token":"[masked]","splunk-url":"https://s"}`,
		`{"Test":["CMD-SHELL","PGPASSWORD=hunter2 pg_isready"]}`:                                     `{"Test":["CMD-SHELL","PGPASSWORD=[masked] pg_isready"]}`,
		`postgres://u:p@ss@db/x`:                                                                     `postgres://u:[masked]@db/x`,
		`host=db password='two words' user=x`:                                                        `host=db password='[masked]' user=x`,
		`["app","--password=two words","-v"]`:                                                        `["app","--password=[masked]","-v"]`,
		`app "--password=two words" '--token=a "b" c' -v`:                                            `app "--password=[masked]" '--token=[masked]' -v`,
		`sh -c "app --password \"two words\" -v"`:                                                    `sh -c "app --password \"[masked]\" -v"`,
		`["sh","-c","export DB_PASSWORD=\"two words\"; ./app"]`:                                      `["sh","-c","export DB_PASSWORD=\"[masked]\"; ./app"]`,
		`{"a":"{\"b\":\"{\\\"token\\\":\\\"two \\\\\\\"words\\\"}\"}","c":1}`:                        `{"a":"{\"b\":\"{\\\"token\\\":\\\"[masked]\\\"}\"}","c":1}`,
		`{"password":"a\"b","pin_token":123,"secrets":["x","y]"],"n":[1]}`:                           `{"password":"[masked]","pin_token":"[masked]","secrets":["[masked]"],"n":[1]}`,
		`DB_PASSWORD=a,b'c)d PGPASSWORD="a"b SECRET=x,user=y TOKEN=x;`:                               `DB_PASSWORD=[masked] PGPASSWORD=[masked] SECRET=[masked],user=y TOKEN=[masked];`,
		`DB_PASSWORD=/Kx9/ab --secret=/Kx9dQ7vT2mW8pL4sZ --secret=/run/secrets/x`:                    `DB_PASSWORD=[masked] --secret=[masked] --secret=/run/secrets/x`,
		`app --password=$ecret --token=${TOKEN:-x} --no-password -v`:                                 `app --password=[masked] --token=${TOKEN:-x} --no-password -v`,
		`user => "shop", "password"=>"two words"`:                                                    `user => "shop", "password"=>"[masked]"`,
		`map[db_password:x1 port:80]`:                                                                `map[db_password:[masked] port:80]`,
		`<user>shop</user><password>two words</password><key>42</key>`:                               `<user>shop</user><password>[masked]</password><key>42</key>`,
		`curl -u "admin:two words" -H 'Authorization: x1' -b 'Cookie: a=x1; b=x2' http://x`:          `curl -u "admin:[masked]" -H 'Authorization: [masked]' -b 'Cookie: [masked]' http://x`,
		`["curl","-u","admin:two words","http://x"]`:                                                 `["curl","-u","admin:[masked]","http://x"]`,
		`mysqladmin ping -uroot -p'two words'`:                                                       `mysqladmin ping -uroot -p'[masked]'`,
		`["mysqladmin","ping","-phunter2","--port=3306"]`:                                            `["mysqladmin","ping","-p[masked]","--port=3306"]`,
		`["redis-cli","-a","two words","ping"]`:                                                      `["redis-cli","-a","[masked]","ping"]`,
		`mongosh -u root -p hunter2; sqlcmd -S . -U sa -P hunter2; sshpass -phunter2 ssh -p 22 h`:    `mongosh -u root -p [masked]; sqlcmd -S . -U sa -P [masked]; sshpass -p[masked] ssh -p 22 h`,
		`shop:hun@ter2@tcp(db:3306)/shop dsn=shop:x@/shop`:                                           `shop:[masked]@tcp(db:3306)/shop dsn=[masked]`,
		`app --key /etc/ssl/key.pem --password-file=/run/x --password $DB_PASSWORD`:                  `app --key /etc/ssl/key.pem --password-file=/run/x --password $DB_PASSWORD`,
		`DB_POOL=2 KEYBOARD=us MONKEY=1 TOKENIZER=bpe TOKEN_TTL=5m --port 8080 --key-type rsa`:       `DB_POOL=2 KEYBOARD=us MONKEY=1 TOKENIZER=bpe TOKEN_TTL=5m --port 8080 --key-type rsa`,
		`cache miss key=basket:5, unexpected token: x, secret: none of it; 3 keys=all`:               `cache miss key=basket:5, unexpected token: x, secret: none of it; 3 keys=all`,
		`{"level":"info","msg":"GET /a?page=2","trace":"9f86d081884c7d659a2feaa0c55ad015"}`:          `{"level":"info","msg":"GET /a?page=2","trace":"9f86d081884c7d659a2feaa0c55ad015"}`,
		`app --token-ttl 5m --max-tokens 500 --no-password --host db --password-file /run/secrets/x`: `app --token-ttl 5m --max-tokens 500 --no-password --host db --password-file /run/secrets/x`,
	} {
		if got := mask.Text(line, nil); got != want {
			t.Errorf("Text(%q) = %q, want %q", line, got, want)
		}
	}
}

func TestSecretsAreFoundByTheirNamesInOtherLanguages(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`Kennwort=hunter2 für die Datenbank`:          `Kennwort=[masked] für die Datenbank`,
		`mot_de_passe: hunter2`:                       `mot_de_passe: [masked]`,
		`{"contraseña":"hunter2","puerto":80}`:        `{"contraseña":"[masked]","puerto":80}`,
		`пароль=hunter2 порт=80`:                      `пароль=[masked] порт=80`,
		`密码：hunter2 端口：80`:                            `密码：[masked] 端口：80`,
		`パスワード＝hunter2`:                               `パスワード＝[masked]`,
		`app --senha hunter2 --porta 80`:              `app --senha [masked] --porta 80`,
		`DB_P_W_D=hunter2 P_O_R_T=80`:                 `DB_P_W_D=[masked] P_O_R_T=80`,
		`<wachtwoord>hunter2</wachtwoord>`:            `<wachtwoord>[masked]</wachtwoord>`,
		`GET /?haslo=hunter2&strona=2`:                `GET /?haslo=[masked]&strona=2`,
		`Login failed (password=hunter2) on checkout`: `Login failed (password=[masked]) on checkout`,
	} {
		if got := mask.Text(text, nil); got != want {
			t.Errorf("Text(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestSecretsInPiecesAreFound(t *testing.T) {
	t.Parallel()
	secrets := mask.Secrets([]string{"A_SECRET=hunter2-hunter2"})
	for text, want := range map[string]string{
		"a hunter2\x00-hunter2 b":                          "a [masked] b",
		"a \x1b[1mhunter2\x1b[0m-\x1b[31mhunter2\x1b[0m b": "a \x1b[1m[masked]\x1b[0m b",
		"hun\u200bter2\u2060-hunter\ufeff2":                "[masked]",
		"hunter2\x1b]0;title\x07-hunter2":                  "[masked]",
		"hunter2-\r\nhunter2 hunter2-\thunter2":            "[masked] [masked]",
		"hunXX\b\bter2-hunter2":                            "[masked]",
		"\x1b[32mok\x1b[0m all is well":                    "\x1b[32mok\x1b[0m all is well",
		"pass\x1b[0mword=swordfish":                        "password=[masked]",
		"DB_PASS\u200bWORD=swordfish":                      "DB_PASSWORD=[masked]",
		"ghp_1b2C3d4E5f6G7h8I9j\x1b[K0K1l2M3n4O5p6Q7r8S":   "[masked]",
	} {
		if got := mask.Text(text, secrets); got != want {
			t.Errorf("Text(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzSecretInPieces(f *testing.F) {
	f.Add("before ", "\x1b[1m", "\u200b")
	f.Add("x=", "\x00", "\x1b]0;t\x07")
	f.Fuzz(func(t *testing.T, before, one, two string) {
		const secret = "hunter2-hunter2"
		for _, s := range []string{one, two} {
			if strings.ContainsFunc(s, func(r rune) bool { return r >= ' ' && r != 0x200b }) && !strings.HasPrefix(s, "\x1b[") {
				return // something to see
			}
		}
		if strings.Contains(one+two, "\x1b") && one != "\x1b[1m" && two != "\x1b[1m" {
			return // an escape may take what follows with it
		}
		text := before + " hunt" + one + "er2-hun" + two + "ter2 after"
		got := mask.Text(text, mask.Secrets([]string{"A_SECRET=" + secret}))
		if strings.Contains(got, "er2-hun") {
			t.Errorf("Text(%q) = %q", text, got)
		}
	})
}

func TestLogsStayReadable(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		`2026-11-23T11:19:48.662Z level=info msg="GET /basket/5?page=2" status=200 request_id=3f2504e0-4f89-41d3-9a0c-0305e82c3301`,
		`GET /basket/5?key=42 HTTP/1.1`, `key=42 keys=all token count: 5`, `{"key":"basket:5","tokens":[1,2,3],"keys":["id","name"]}`,
		`prompt_tokens=500 completion_tokens: 20 {"total_tokens":520}`, `primary_key=5 foreign_key: user_id routing_key=orders.new cacheKey: basket:5`,
		`pulled shop@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 at v1.42.0-rc.1`,
		`password authentication failed for user "shop"`, `basic authentication required`, `unexpected token: }`, `secret: none of it`,
		`c.e.auth.TokenFilter: started`, `java.security.KeyException: no such key`, `password-reset: mail sent`, `if password == null`, `Password::Reset called`,
		`duplicate key value violates unique constraint "users_pkey"`, `see http://host:8080/x and mail a@b.example`, `listening on [::]:8080, pool=2`,
		`mysql -p -h db`, `mysql --protocol=tcp --port 3306`, `--keyspace shop --token-ttl 5m`, `password= `, `password=""`, `secret=none`,
	} {
		if got := mask.Text(line, nil); got != line {
			t.Errorf("Text(%q) = %q", line, got)
		}
	}
}

// A line of a log may be made to take long.
func TestHostileLinesTakeNoTime(t *testing.T) {
	t.Parallel()
	runtime.LockOSThread() // whose time is measured: the machine may be busy with others
	defer runtime.UnlockOSThread()
	for _, part := range []string{`"token":[`, `"key":[`, `'--a-token=`, `token=/`, `token:/`, `key=`, `token="`, `token=$(`, `token=a,b`, `user:p@/`, `curl -u "a:`, "\x1b", "\x1b[", "\x1b]0;", "\b", "a\u200b", "hunter2\t", "P_W_D=", "密码：", "\x1b]hunter2-\x1b"} {
		at := worked(t)
		mask.Text(strings.Repeat(part, (64<<10)/len(part)), mask.Secrets([]string{"A_SECRET=hunter2-hunter2", "B_SECRET=aaaaaaaaaaaaaaaaaaaa"}))
		if took := worked(t) - at; took > 5*time.Second {
			t.Errorf("%q took %s", part, took)
		}
	}
}

// worked is how long the processor has worked for this thread.
func worked(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestWordsOfACommandThatSeemDrawnAreHidden(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`serve wJalrXUtnFEMIK7MDENGbPxRfiCY1a2B`:                            `serve [masked]`,
		`serve 3f2504e0-4f89-41d3-9a0c-0305e82c3301 now`:                    `serve [masked] now`,
		`/usr/lib/jvm/java-21-openjdk-amd64/bin/java -jar /srv/app-1.4.jar`: `/usr/lib/jvm/java-21-openjdk-amd64/bin/java -jar /srv/app-1.4.jar`,
		`gunicorn --bind 0.0.0.0:8000 shop.wsgi:application --workers 4`:    `gunicorn --bind 0.0.0.0:8000 shop.wsgi:application --workers 4`,
	} {
		if got := mask.Words(text, nil); got != want {
			t.Errorf("Words(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, text := range []string{
		`app --password "two words" DB_PASSWORD=x {"token":"y"}`, `{"a":"{\"token\":\"b\"}","secrets":["x"],"pin_token":1}`, `"--token=a b" DB_PASSWORD="a"b`,
		`curl -u "a:b c" mysql -p'x' Authorization: Token x, Cookie: a=b; c=d`, `postgres://u:p@ss@db user:p@tcp(db) GET /?token=x&key=5`, `Bearer abcdefgh12345678`,
	} {
		f.Add(text, "hunter2-hunter2")
	}
	f.Fuzz(func(t *testing.T, text, secret string) {
		secrets := mask.Secrets([]string{"A_SECRET=" + secret})
		once := mask.Text(text+" "+secret+" "+text, secrets)
		bare := func(s string) string { return strings.ReplaceAll(s, mask.Hidden, "") }
		if again := mask.Text(once, secrets); len(bare(again)) > len(bare(once)) {
			t.Errorf("Text(%q, %q) = %q, and of that %q: it shows more", text, secret, once, again)
		}
		if len(strings.TrimSpace(secret)) < 8 || strings.ContainsAny(secret, "[]") {
			return // too short to be looked for, or part of what hides
		}
		if strings.Contains(once, secret) {
			t.Errorf("%q is still in %q", secret, once)
		}
	})
}
