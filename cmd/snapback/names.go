package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/snapback/snapback/internal/nearest"
)

// linked are names that Kubernetes and Docker's links make for a service that is called snapback.
var linked = regexp.MustCompile(`^SNAPBACK(_SERVICE)?_(HOST|PORT|NAME|ENV)(_[A-Z0-9_]+)?$`)

// theirs are names that other well-known programs have given their own settings, near to one of ours or not.
var theirs = []string{
	"SLACK_API_TOKEN", "SLACK_CHANNELS", "SLACK_TOKEN", "PAGERDUTY_API_KEY", "PAGERDUTY_TOKEN",
}

// nameFaults are variables of the environment that look like settings and are none. slips are so near to a setting's name that this was
// meant; strange are the other ones. Names of SLACK_ and PAGERDUTY_ may be another program's: they are strange where the setting that is
// near is set as well, or where such a name is well known, and no fault where none is near.
func nameFaults(environment []string) (slips, strange []error) {
	known := append(settingNames(), "SNAPBACK_CONFIG")
	for _, name := range slices.Sorted(slices.Values(environment)) {
		setting := strings.TrimSuffix(name, "_FILE")
		ours := strings.HasPrefix(name, "SNAPBACK_")
		if !ours && !strings.HasPrefix(name, "SLACK_") && !strings.HasPrefix(name, "PAGERDUTY_") ||
			slices.Contains(known, setting) || linked.MatchString(name) {
			continue
		}
		meant := nearest.Name(setting, known)
		isSet := slices.Contains(environment, meant) || slices.Contains(environment, meant+"_FILE")
		switch {
		case meant != "" && !isSet && slices.Contains(theirs, setting):
			strange = append(strange, fmt.Errorf("%s is unknown, and not used; it may be another program's, or did you mean %s?", name, meant))
		case meant != "" && (ours || !isSet):
			slips = append(slips, fmt.Errorf("%s is unknown, and not used; did you mean %s?", name, meant))
		case meant != "" || ours:
			strange = append(strange, fmt.Errorf("%s is unknown, and not used", name))
		}
	}
	return slips, strange
}

// checkNames warns of what is not known. Slips of the pen are among what is wrong with the settings.
func checkNames(environment []string) (string, error) {
	if _, strange := nameFaults(environment); len(strange) > 0 {
		return "", caution{errors.Join(strange...)}
	}
	return "all are known", nil
}
