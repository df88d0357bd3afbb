package main

import (
	"testing"
)

// A link from Slack registers a phone; its passkey signs in; Home shows what is there.
func TestPhoneIsRegisteredSignsInAndSeesHome(t *testing.T) {
	n := newNight(t)
	n.reachable()
	shop := n.Name("shop")
	n.Run(shop, n.labels(n.Image("v1", `CMD ["/app"]`))...)
	n.start()
	p := newPhone(t)

	p.open(n.env["SNAPBACK_PUBLIC_URL"] + "/")
	p.sees("Nobody can sign in yet")
	p.pictures("nobody")

	url, _ := n.signinLink(n.maria)
	p.open(url)
	p.sees("Register this device")
	p.pictures("register")
	p.tap("Register this device")
	p.sees("All quiet. 1 container", shop, "running", "Maria")
	p.pictures("home-quiet")
	n.channel.ExpectMessage(t, "Maria registered a passkey for the console")

	p.tap("Sign out")
	p.sees("You are signed out")
	p.pictures("signin")
	p.tap("Sign in with a passkey")
	p.sees("All quiet. 1 container", shop)

	p.open(n.env["SNAPBACK_PUBLIC_URL"] + "/")
	p.sees("All quiet. 1 container")
}
