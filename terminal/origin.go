package terminal

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

// site is where browsers reach the bot, in the words that they use in the header Origin: small letters, names in ASCII, no
// port that goes without saying.
type site struct {
	scheme string // http or https
	host   string // with its port, if it has one of its own
}

func (s site) origin() string { return s.scheme + "://" + s.host }

func (s site) secure() bool { return s.scheme == "https" }

// parseSite refuses what can't be the base of a link, and plain HTTP on anything but this machine.
func parseSite(raw string) (site, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || (u.Path != "" && u.Path != "/") {
		return site{}, errors.New("want https://host, with nothing behind it")
	}
	if strings.ContainsAny(raw, "?#") {
		return site{}, errors.New("want https://host, without a query and without a fragment")
	}
	host, err := asBrowsersSay(u.Hostname())
	if err != nil {
		return site{}, fmt.Errorf("no browser can reach the host: %w", err)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(host)) {
		return site{}, errors.New("a terminal needs https; plain http is for localhost alone")
	}
	return site{scheme: u.Scheme, host: withPort(host, u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])}, nil
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

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
