package snapshot

import (
	"fmt"
	"strings"
)

// Shared says that several containers run at once under one snapback.identity, which makes them one line; "" when none do. During a
// deploy that is so for a moment. When it stays so, somebody has given one identity to containers that don't succeed each other,
// such as those of two Compose projects.
func (c Container) Shared() string {
	if c.Settings.Identity == "" || len(c.Beside) == 0 {
		return ""
	}
	verb := "runs"
	if len(c.Beside) > 1 {
		verb = "run"
	}
	return fmt.Sprintf("%s %s at the same time as %s, and both have snapback.identity=%s, so they count as one: a restore replaces %s alone, and one's state may be offered for the other. Unless that is a deploy under way, give each an identity of its own",
		strings.Join(c.Beside, ", "), verb, c.Name, c.Settings.Identity, c.Name)
}
