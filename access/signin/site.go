package signin

import (
	"errors"
	"fmt"
	"net"
	"net/url"

	"golang.org/x/net/idna"
)

// hosts turns names into what browsers send of them, as the terminal does.
var hosts = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false), idna.CheckJoiners(true), idna.BidiRule())

// Site is the public URL as browsers write it.
type Site struct {
	Origin string // scheme, host and a port that is not the scheme's own
	Host   string // without the port, in ASCII: the passkeys' RP ID
	Secure bool   // https
}

// ParseSite reads a public URL. Capitals, a port that goes without saying, and names in other scripts are written as browsers
// do it, so that origins can be compared as text.
func ParseSite(public string) (Site, error) {
	u, err := url.Parse(public)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" && u.Path != "/" ||
		u.Scheme != "http" && u.Scheme != "https" {
		return Site{}, errors.New("want https://host, with nothing behind it")
	}
	host := u.Hostname()
	if net.ParseIP(host) == nil {
		if host, err = hosts.ToASCII(host); err != nil {
			return Site{}, fmt.Errorf("its host is no name: %w", err)
		}
	}
	s := Site{Host: host, Secure: u.Scheme == "https"}
	port := u.Port()
	if s.Secure && port == "443" || !s.Secure && port == "80" {
		port = ""
	}
	switch {
	case port != "":
		host = net.JoinHostPort(host, port)
	case net.ParseIP(host) != nil && net.ParseIP(host).To4() == nil:
		host = "[" + host + "]"
	}
	s.Origin = u.Scheme + "://" + host
	return s, nil
}

// Passkeys returns an error that wraps ErrNoPasskeys and says what to do when browsers don't offer passkeys here.
func (s Site) Passkeys() error {
	switch {
	case net.ParseIP(s.Host) != nil:
		return fmt.Errorf("%w: passkeys belong to a name, and it has an address. Set SNAPBACK_PUBLIC_URL to https:// and a name", ErrNoPasskeys)
	case !s.Secure && s.Host != "localhost":
		return fmt.Errorf("%w: they need https. Put the bot behind a proxy with a certificate, and set SNAPBACK_PUBLIC_URL to its https:// address", ErrNoPasskeys)
	}
	return nil
}
