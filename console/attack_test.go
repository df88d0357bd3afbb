package console_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/snapback/snapback/access"
	"github.com/snapback/snapback/access/signin"
	"github.com/snapback/snapback/incidents"
	"github.com/snapback/snapback/internal/testkit"
)

func TestOnlyTheRightAnswerOfTheRightPasskeySignsIn(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.visitor().register(h.link("U0ANN")), h.visitor().register(h.link("U0BOB"))
	for name, c := range map[string]struct {
		lie  func(v *visitor, d *device) any // returns the answer that is sent
		want string                          // the refusal's code
	}{
		"the right one": {func(v *visitor, d *device) any { return d.get(v.begin("/console/signin/begin", nil)) }, ""},
		"of a page elsewhere": {func(v *visitor, d *device) any {
			d.origin = "https://evil.example"
			return d.get(v.begin("/console/signin/begin", nil))
		}, "refused"},
		"of another port": {func(v *visitor, d *device) any {
			d.origin = "http://localhost:1"
			return d.get(v.begin("/console/signin/begin", nil))
		}, "refused"},
		"for another site": {func(v *visitor, d *device) any {
			d.rp = "evil.example"
			return d.get(v.begin("/console/signin/begin", nil))
		}, "refused"},
		"without verifying the user": {func(v *visitor, d *device) any {
			d.flags = present
			return d.get(v.begin("/console/signin/begin", nil))
		}, "refused"},
		"without anybody there": {func(v *visitor, d *device) any {
			d.flags = verified
			return d.get(v.begin("/console/signin/begin", nil))
		}, "refused"},
		"with somebody else's ID": {func(v *visitor, d *device) any { d.id = bob.id; return d.get(v.begin("/console/signin/begin", nil)) }, "refused"},
		"as somebody else": {func(v *visitor, d *device) any {
			d.handle = bob.handle
			return d.get(v.begin("/console/signin/begin", nil))
		}, "refused"},
		"as somebody else, with their ID": {func(v *visitor, d *device) any {
			d.id, d.handle = bob.id, bob.handle
			return d.get(v.begin("/console/signin/begin", nil))
		}, "refused"},
		"as nobody known": {func(v *visitor, d *device) any {
			d.handle = make([]byte, 32)
			return d.get(v.begin("/console/signin/begin", nil))
		}, "refused"},
		"signed by another key": {func(v *visitor, d *device) any {
			d.key = newDevice(v.t, v.origin).key
			return d.get(v.begin("/console/signin/begin", nil))
		}, "refused"},
		"with a counter that goes back": {func(v *visitor, d *device) any { d.count = 0; return d.get(v.begin("/console/signin/begin", nil)) }, "refused"},
		"to a challenge of a link": {func(v *visitor, d *device) any {
			return d.get(v.begin("/console/register/begin", envelope{"token": h.link("U0BOB")}))
		}, "challenge_over"},
		"to a challenge of its own": {func(_ *visitor, d *device) any {
			var o options
			o.PublicKey.Challenge = encode(make([]byte, 64))
			return d.get(o)
		}, "challenge_over"},
		"nothing at all": {func(*visitor, *device) any { return nil }, "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			v, d := h.visitor(), *ann
			v.t, d.t = t, t
			d.count = ann.count + 1
			status, code, answer := v.ask("POST", "/console/signin/finish", envelope{"credential": c.lie(v, &d)})
			if c.want == "" {
				ann.count = d.count
			}
			if code != c.want || (status == http.StatusOK) != (c.want == "") {
				t.Errorf("got %d %s, want %q", status, answer, c.want)
			}
			if in := len(v.client.Jar.Cookies(nil)) > 0; in != (c.want == "") {
				t.Errorf("there is a cookie: %v", in)
			}
		})
	}
}

func TestAChallengeIsAnsweredOnceAndWithinTwoMinutes(t *testing.T) {
	h := newHouse(t)
	d := h.visitor().register(h.link("U0ANN"))
	answer := envelope{"credential": d.get(h.visitor().begin("/console/signin/begin", nil))}
	if status, _, said := h.visitor().ask("POST", "/console/signin/finish", answer); status != http.StatusOK {
		t.Fatalf("the first time: %d %s", status, said)
	}
	thief := h.visitor()
	if status, code, said := thief.ask("POST", "/console/signin/finish", answer); code != "challenge_over" && code != "refused" || status == http.StatusOK {
		t.Errorf("the second time: %d %s", status, said)
	}
	d.count = 0
	late := envelope{"credential": d.get(h.visitor().begin("/console/signin/begin", nil))}
	h.later(2*time.Minute + time.Second)
	if _, code, said := h.visitor().ask("POST", "/console/signin/finish", late); code != "challenge_over" {
		t.Errorf("after two minutes: %s", said)
	}
}

// Synchronised passkeys have no counter: nothing but the challenge keeps their answers from being used again.
func TestAnAnswerOfAPasskeyThatCountsNothingIsNoGoodTwice(t *testing.T) {
	h := newHouse(t)
	v, token := h.visitor(), h.link("U0ANN")
	d := newDevice(t, h.origin)
	uncounted := func() { d.count-- }
	d.count = ^uint32(0)
	made := d.create(v.begin("/console/register/begin", envelope{"token": token}))
	uncounted()
	if status, _, said := v.ask("POST", "/console/register/finish", envelope{"token": token, "credential": made}); status != http.StatusOK {
		t.Fatalf("registering: %d %s", status, said)
	}
	answer := envelope{"credential": d.get(h.visitor().begin("/console/signin/begin", nil))}
	var won, lost int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			status, code, _ := h.visitor().ask("POST", "/console/signin/finish", answer)
			mu.Lock()
			defer mu.Unlock()
			if status == http.StatusOK {
				won++
			} else if code == "challenge_over" {
				lost++
			}
		})
	}
	if all.Wait(); won != 1 || lost != 5 {
		t.Errorf("of six at once, %d are in and %d were told that it is over", won, lost)
	}
}

func TestALinkRegistersOnceForItsPersonAndInItsTime(t *testing.T) {
	h := newHouse(t)
	token := h.link("U0ANN")
	v, d := h.visitor(), newDevice(t, h.origin)
	made := d.create(v.begin("/console/register/begin", envelope{"token": token}))
	thiefs := newDevice(t, h.origin).create(v.begin("/console/register/begin", envelope{"token": token})) // stolen before it was used
	if status, _, said := v.ask("POST", "/console/register/finish", envelope{"token": token, "credential": made}); status != http.StatusOK {
		t.Fatalf("registering: %d %s", status, said)
	}
	for name, body := range map[string]envelope{
		"the same again":        {"token": token, "credential": made},
		"the thief's":           {"token": token, "credential": thiefs},
		"a link that is none":   {"token": strings.Repeat("A", 52), "credential": thiefs},
		"no link":               {"credential": thiefs},
		"another person's link": {"token": h.link("U0BOB"), "credential": thiefs},
	} {
		if status, _, said := h.visitor().ask("POST", "/console/register/finish", body); status == http.StatusOK {
			t.Errorf("%s: %s", name, said)
		}
	}
	for name, spoil := range map[string]func(token string){
		"after its time": func(string) { h.later(signin.SlackLinkLife) },
		"revoked":        func(string) { testkit.OK(t, h.door.RevokePerson(t.Context(), "U0BOB", incidents.Self())) },
		"of an account that is over": func(string) {
			h.do(func() { h.accounts["U0BOB"] = access.Account{Name: "Bob", Standing: access.Deactivated} })
			h.later(2 * time.Minute)
		},
	} {
		token := h.link("U0BOB")
		spoil(token)
		if status, _, said := h.visitor().ask("POST", "/console/register/begin", envelope{"token": token}); status == http.StatusOK {
			t.Errorf("%s: %s", name, said)
		}
	}
}

func TestRequestsOfOtherPagesDoNothing(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	v.register(h.link("U0ANN"))
	for name, headers := range map[string]http.Header{
		"no origin":             {},
		"another origin":        {"Origin": {"https://evil.example"}},
		"the null origin":       {"Origin": {"null"}},
		"two origins":           {"Origin": {h.origin, h.origin}},
		"a sibling's subdomain": {"Origin": {h.origin}, "Sec-Fetch-Site": {"same-site"}},
		"another site":          {"Origin": {h.origin}, "Sec-Fetch-Site": {"cross-site"}},
	} {
		v.header = headers
		h.later(time.Minute) // or their refusals would not be explained any more
		for _, path := range []string{"/console/signout", "/console/signin/begin", "/console/signin/finish", "/console/register/begin", "/console/register/finish", "/console/prove/begin", "/console/terminal"} {
			if status, code, _ := v.ask("POST", path, envelope{}); code != "origin" || status != http.StatusForbidden {
				t.Errorf("%s, %s: %d %s", path, name, status, code)
			}
		}
	}
	h.later(time.Minute)
	v.header = http.Header{"Sec-Fetch-Site": {"cross-site"}}
	for _, path := range []string{"/console/home", "/console/live", "/console/session"} {
		if _, code, _ := v.ask("GET", path, nil); code != "origin" {
			t.Errorf("%s is read by another site: %q", path, code)
		}
	}
}

func TestNothingIsShownBeforeSignIn(t *testing.T) {
	h := newHouse(t)
	h.visitor().register(h.link("U0ANN"))
	v := h.visitor()
	for _, path := range []string{"/", "/console/door", "/console/home", "/console/live", "/console/session", "/console/containers", "/console/assets/../home"} {
		status, _, answer := v.ask("GET", path, nil)
		if strings.Contains(path, "home") && status == http.StatusOK || strings.Contains(path, "live") && status != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, status)
		}
		for _, name := range []string{"Ann", "shop", "U0ANN"} {
			if strings.Contains(answer, name) {
				t.Errorf("%s tells %s: %s", path, name, answer)
			}
		}
	}
}

func TestWhetherSomebodyExistsIsNotTold(t *testing.T) {
	h := newHouse(t)
	known := h.visitor().register(h.link("U0ANN"))
	stranger := newDevice(t, h.origin)
	stranger.handle = make([]byte, 32)
	revoked := h.visitor().register(h.link("U0BOB"))
	testkit.OK(t, h.door.RevokePerson(t.Context(), "U0BOB", incidents.Self()))
	known.key = stranger.key
	var all []string
	for _, d := range []*device{known, stranger, revoked} {
		_, _, answer := h.visitor().signIn(d)
		all = append(all, answer)
	}
	if all[0] != all[1] || all[1] != all[2] || !strings.Contains(all[0], `"refused"`) {
		t.Errorf("the refusals differ: %q", all)
	}
}

func TestRevocationEndsAnOpenStreamAndTheSession(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	d := v.register(h.link("U0ANN"))
	next := v.stream()
	if name, data, _ := next(); name != "home" || !strings.Contains(data, `"shop"`) {
		t.Fatalf("the stream begins with %s %s", name, data)
	}
	testkit.OK(t, h.door.RevokePerson(t.Context(), "U0ANN", incidents.Self()))
	for {
		name, data, open := next()
		if !open {
			t.Fatal("the stream ended without a word")
		}
		if name == "ended" {
			if !strings.Contains(data, "session_over") {
				t.Errorf("it ended with %s", data)
			}
			break
		}
	}
	if _, _, open := next(); open {
		t.Error("the stream goes on")
	}
	if status, code, _ := v.ask("GET", "/console/home", nil); status != http.StatusUnauthorized || code != "session_over" && code != "signed_out" {
		t.Errorf("with the cookie: %d %s", status, code)
	}
	if _, code, _ := v.signIn(d); code != "refused" {
		t.Errorf("with the passkey: %s", code)
	}
	if got := h.kinds(); !slices.Contains(got, "signin.refused by U0ANN") || !slices.Contains(got, "passkey.revoked by snapback") {
		t.Errorf("the timeline has %q", got)
	}
}

func TestASessionEndsByItself(t *testing.T) {
	for name, end := range map[string]func(*house){
		"idle":    func(h *house) { h.later(signin.DefaultIdle + time.Minute) },
		"too old": func(h *house) { h.later(signin.DefaultLife) },
		"account over": func(h *house) {
			h.do(func() { h.accounts["U0ANN"] = access.Account{Name: "Ann", Standing: access.Deactivated} })
			h.later(2 * time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			v := h.visitor()
			v.register(h.link("U0ANN"))
			if status, _, _ := v.ask("GET", "/console/home", nil); status != http.StatusOK {
				t.Fatalf("before: %d", status)
			}
			end(h)
			testkit.OK(t, h.door.Sweep(t.Context()))
			testkit.OK(t, h.door.Sweep(t.Context()))
			if status, _, _ := v.ask("GET", "/console/home", nil); status != http.StatusUnauthorized {
				t.Errorf("after: %d", status)
			}
			if got := h.kinds(); len(got) != 3 || got[2] != "signin.ended by snapback" {
				t.Errorf("the timeline has %q", got)
			}
		})
	}
}

func TestStrangersKeepNobodyOut(t *testing.T) {
	h := newHouse(t)
	d := h.visitor().register(h.link("U0ANN"))
	liar := newDevice(t, h.origin)
	liar.handle = d.handle
	slowed := false
	for range 60 {
		_, code, _ := h.visitor().signIn(liar)
		slowed = slowed || code == "slow_down"
	}
	if !slowed {
		t.Error("sixty refusals are all explained")
	}
	if status, _, said := h.visitor().signIn(d); status != http.StatusOK {
		t.Errorf("she is kept out: %d %s", status, said)
	}
	entries := 0
	for _, kind := range h.kinds() {
		if strings.HasPrefix(kind, "signin.refused") {
			entries++
		}
	}
	if entries == 0 || entries > 10 {
		t.Errorf("%d refusals are on the timeline", entries)
	}
}

func TestEachSeesTheirOwn(t *testing.T) {
	h := newHouse(t)
	ann, bob := h.visitor(), h.visitor()
	ann.register(h.link("U0ANN"))
	bob.register(h.link("U0BOB"))
	_, _, anns := ann.ask("GET", "/console/home", nil)
	_, _, bobs := bob.ask("GET", "/console/home", nil)
	if !strings.Contains(anns, `"shop"`) || strings.Contains(anns, `"pay"`) || !strings.Contains(anns, `"hidden":1`) {
		t.Errorf("Ann sees %s", anns)
	}
	if !strings.Contains(bobs, `"pay"`) || strings.Contains(bobs, `"shop"`) {
		t.Errorf("Bob sees %s", bobs)
	}
	h.do(func() { h.channels["C0SHOP"] = nil })
	h.later(2 * time.Minute)
	if _, _, anns = ann.ask("GET", "/console/home", nil); strings.Contains(anns, `"shop"`) {
		t.Errorf("having left the channel, Ann sees %s", anns)
	}
}

func TestTwinsAreShownWithTheirEngines(t *testing.T) {
	h := newHouse(t)
	h.do(func() {
		for i := range h.containers {
			c := &h.containers[i]
			c.Name, c.On, c.Twin, c.Settings = "shop", []string{"web", "db"}[i], true, labelled("C0SHOP", "PSHOP")
		}
	})
	ann := h.visitor()
	ann.register(h.link("U0ANN"))
	_, _, home := ann.ask("GET", "/console/home", nil)
	if !strings.Contains(home, `"name":"web/shop"`) || !strings.Contains(home, `"name":"db/shop"`) {
		t.Errorf("Ann sees %s", home)
	}
	if status, _, answer := ann.ask("POST", "/console/terminal", envelope{"key": "e/pay"}); status != http.StatusOK || h.seats[0].Name != "db/shop" {
		t.Errorf("a terminal of one: %d %s, %+v", status, answer, h.seats)
	}
}

func TestAPasskeyIsShownAgainByItsOwnPerson(t *testing.T) {
	h := newHouse(t)
	v := h.visitor()
	ann, bob := v.register(h.link("U0ANN")), h.visitor().register(h.link("U0BOB"))
	prove := func(d *device) (int, string) {
		status, code, _ := v.ask("POST", "/console/prove/finish", envelope{"credential": d.get(v.begin("/console/prove/begin", nil))})
		return status, code
	}
	fresh := func() string {
		status, code, _ := v.ask("GET", "/console/fresh", nil)
		return fmt.Sprint(status, code)
	}
	if got := fresh(); got != "204" {
		t.Errorf("just after she has shown it: %s", got)
	}
	h.later(signin.FreshFor + time.Second)
	if got := fresh(); got != "403prove" {
		t.Errorf("a quarter of an hour later: %s", got)
	}
	if status, _, _ := v.ask("GET", "/console/home", nil); status != http.StatusOK {
		t.Errorf("what needs no fresh passkey: %d", status)
	}
	if _, code := prove(bob); code != "refused" {
		t.Errorf("Bob's passkey: %s", code)
	}
	if got := fresh(); got != "403prove" {
		t.Errorf("somebody else's passkey counts: %s", got)
	}
	if status, code := prove(ann); status != http.StatusNoContent {
		t.Errorf("her own: %d %s", status, code)
	}
	if got := fresh(); got != "204" {
		t.Errorf("after she has shown it again: %s", got)
	}
	if status, code, _ := h.visitor().ask("GET", "/console/fresh", nil); status != http.StatusUnauthorized {
		t.Errorf("nobody's passkey: %d %s", status, code)
	}
}
