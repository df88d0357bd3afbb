// Package site reads the public URL, where browsers reach the bot, and writes it as browsers do. So origins can be compared
// as text.
package site

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// hosts turns names into what browsers send of them (https://url.spec.whatwg.org/#host-parsing).
var hosts = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false), idna.CheckJoiners(true), idna.BidiRule())

// Site is a public URL in the words of the header Origin: small letters, names in ASCII, no port that goes without saying.
type Site struct {
	Origin string // scheme, host, and the port if it is not the scheme's own
	Host   string // without the port; an IPv6 address without brackets
	Secure bool   // https
}

// Parse refuses what can't be the base of a link.
func Parse(public string) (Site, error) {
	u, err := url.Parse(public)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" && u.Path != "/" || u.Scheme != "http" && u.Scheme != "https" {
		return Site{}, errors.New("want https://host, with nothing behind it")
	}
	if strings.ContainsAny(public, "?#") {
		return Site{}, errors.New("want https://host, without a query and without a fragment")
	}
	host, err := asBrowsersSay(u.Hostname())
	if err != nil {
		return Site{}, fmt.Errorf("no browser can reach the host: %w", err)
	}
	at := withPort(host, u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	return Site{Origin: u.Scheme + "://" + at, Host: host, Secure: u.Scheme == "https"}, nil
}

func asBrowsersSay(host string) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String(), nil
	}
	return hosts.ToASCII(host)
}

func withPort(host, port, usual string) string {
	port = strings.TrimLeft(port, "0")
	if port != "" && port != usual {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// Address says that the host is an IP address, and not a name.
func (s Site) Address() bool {
	_, err := netip.ParseAddr(s.Host)
	return err == nil
}

// Local says that the host is this machine.
func (s Site) Local() bool {
	ip, err := netip.ParseAddr(s.Host)
	return s.Host == "localhost" || err == nil && ip.IsLoopback()
}
