package signin

import (
	"fmt"

	"github.com/snapback/snapback/internal/site"
)

// Passkeys returns an error that wraps ErrNoPasskeys and says what to do when browsers don't offer passkeys there.
func Passkeys(at site.Site) error {
	switch {
	case at.Address():
		return fmt.Errorf("%w: passkeys belong to a name, and it has an address. Set SNAPBACK_PUBLIC_URL to https:// and a name", ErrNoPasskeys)
	case !at.Secure && at.Host != "localhost":
		return fmt.Errorf("%w: they need https. Put the bot behind a proxy with a certificate, and set SNAPBACK_PUBLIC_URL to its https:// address", ErrNoPasskeys)
	}
	return nil
}
