package mask

import (
	"slices"
	"strings"
)

// foreignPasswords are what those who write software call a password in their languages, with and without accents. They are
// long, or written with other letters, so that they make a name secret wherever they stand in it.
var foreignPasswords = []string{
	"PASSWORT", "KENNWORT", // German
	"MOTDEPASSE", "MOTSDEPASSE", // French
	"CONTRASENA", "CONTRASEÑA", "CONTRASENIA", "CONTRASENYA", // Spanish, Catalan
	"PALAVRAPASSE", "PAROLACHIAVE", "HASŁO", "PAROLĂ", "ŞIFRE", "ŞİFRE", // Portuguese, Italian, Polish, Romanian, Turkish
	"WACHTWOORD",                                                  // Dutch
	"LOSENORD", "LÖSENORD", "ADGANGSKODE", "SALASANA", "LYKILORD", // the Nordic ones
	"JELSZO", "JELSZÓ", // Hungarian
	"ПАРОЛ",          // Russian, Ukrainian, Bulgarian
	"密码", "密碼", "口令", // Chinese
	"パスワード", "ﾊﾟｽﾜｰﾄﾞ", "パスフレーズ", "暗証番号", "合言葉", "PASUWADO", // Japanese
	"비밀번호", "패스워드", "암호", "BIMILBEONHO", // Korean
	"पासवर्ड", "कूटशब्द", // Hindi
	"পাসওয়ার্ড", "পাসওয়ার্ড", // Bengali, with the letter for y in both its spellings
	"LOZINK", "ЛОЗИНК", // Croatian, Bosnian, Serbian
	"كلمةالسر", "كلمةالمرور", "كلمةسر", "گذرواژه", "رمزعبور", // Arabic, Persian
	"סיסמה", "סיסמא", // Hebrew
	"MATKHAU", "MẬTKHẨU", "KATASANDI", "รหัสผ่าน", // Vietnamese, Indonesian, Thai
	"PASSWRD", "PASSCODE", // English
}

// shortPasswords are passwords too, but other names hold their letters as well, as CHOSEN_HANDLER does: they have to be a
// word, or its end.
var shortPasswords = []string{"SENHA", "PAROLA", "PAROL", "HASLO", "HESLO", "SIFRE", "PASSORD", "PASWORD", "SANDI", "MIMA"}

// foreignWords are secrets of other kinds.
var foreignWords = []string{
	"GEHEIM", "ZUGANGSDATEN", "APISCHLUESSEL", "APISCHLÜSSEL", // German, Dutch
	"SECRÈT", "CREDENCIA", "SEGREDO", "SEGRETO", "CREDENZIAL", "SEKRET", "СЕКРЕТ", "ТОКЕН",
	"密钥", "密鑰", "秘钥", "私钥", "令牌", "凭证", "憑證", "秘密", "秘匿", "シークレット", "トークン", "暗号鍵", "비밀", "토큰", "인증키",
}

// foreignKeys are keys, and as vague as that word where they stand alone.
var foreignKeys = []string{"SCHLUESSEL", "SCHLÜSSEL", "CLE", "CLÉ", "CLAVE", "CHAVE", "CHIAVE", "KLUCZ", "SLEUTEL", "ANAHTAR", "КЛЮЧ"}

// foreignParts make a name secret when they are a word of it.
var foreignParts = slices.Concat(foreignKeys, []string{"MDP", "JETON", "MIYAO", "KOULING", "AMHO", "PSW", "PSWD", "PASWD", "PWORD", "ΚΩΔΙΚΟΣ"})

// foreignName says it of a name's words, and of them written together.
func foreignName(parts []string, joined string) bool {
	within := func(w string) bool { return strings.Contains(joined, w) }
	return slices.ContainsFunc(foreignPasswords, within) || slices.ContainsFunc(foreignWords, within) || slices.ContainsFunc(parts, foreignPart)
}

func foreignPart(p string) bool {
	return slices.Contains(foreignParts, p) || slices.ContainsFunc(shortPasswords, func(w string) bool { return strings.HasSuffix(p, w) })
}

// foreignHints are these in small letters, as hints are.
var foreignHints = func() (out []string) {
	for _, w := range slices.Concat(foreignPasswords, shortPasswords, foreignWords, foreignParts) {
		out = append(out, strings.ToLower(w))
	}
	return out
}()
