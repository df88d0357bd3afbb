package console_test

import (
	"testing"

	"github.com/chromedp/cdproto/webauthn"
)

// holder gives a browser an authenticator that asks nobody.
func (b *browser) holder() *browser {
	b.t.Helper()
	devtools(b, webauthn.Enable, webauthn.EnableParams{})
	devtools(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	return b
}

// loses has a page's first call of a path get no answer.
func loses(path string, heard bool) string {
	first := `throw new TypeError('lost')`
	if heard {
		first = `return real(url, init).then(() => { throw new TypeError('lost') })`
	}
	return `{ const real = window.fetch.bind(window); let lost = false;
window.fetch = async (url, init) => { if (url !== '` + path + `' || lost) return real(url, init); lost = true; ` + first + ` }; }`
}

// TestALostAnswerLeadsToTheConsole in the same browser, by the same button, whether or not the bot has heard what was lost.
func TestALostAnswerLeadsToTheConsole(t *testing.T) {
	for name, heard := range map[string]bool{"the bot has heard it": true, "the bot has not": false} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			b := h.visitor().browser().holder()
			b.do(onNewPages(loses("/console/register/finish", heard)))
			b.goes("#register=" + h.link("U0ANN"))
			b.tap("Register this device")
			b.sees("No answer from the bot.")
			b.tap("Register this device")
			b.sees("All quiet")
			if all, err := h.db.Passkeys(t.Context(), "U0ANN"); err != nil || len(all) != 1 {
				t.Errorf("%d passkeys, %v", len(all), err)
			}
		})
	}
}

// TestAUsedLinkLeadsToSigningIn on the device that it has registered, and so does another link there.
func TestAUsedLinkLeadsToSigningIn(t *testing.T) {
	h := newHouse(t)
	b := h.visitor().browser().holder()
	link := h.link("U0ANN")
	b.goes("#register=" + link)
	b.tap("Register this device")
	b.sees("All quiet")
	for again, says := range map[string]string{link: "If it has registered this device, sign in.", h.link("U0ANN"): "This device has a passkey for you already."} {
		b.goes("#register=" + again)
		b.tap("Register this device")
		b.sees(says)
		b.tap("Sign in with a passkey")
		b.sees("All quiet")
	}
}
