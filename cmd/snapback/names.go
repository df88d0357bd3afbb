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

// nameFaults are variables of the environment that look like settings and are none. typo says that at least one is so near to a
// setting's name that this was meant. Names of SLACK_ and PAGERDUTY_ may be another program's, unless they are near.
func nameFaults(environment []string) (faults []error, typo bool) {
	known := append(settingNames(), "SNAPBACK_CONFIG")
	for _, name := range slices.Sorted(slices.Values(environment)) {
		setting := strings.TrimSuffix(name, "_FILE")
		ours := strings.HasPrefix(name, "SNAPBACK_")
		if !ours && !strings.HasPrefix(name, "SLACK_") && !strings.HasPrefix(name, "PAGERDUTY_") ||
			slices.Contains(known, setting) || linked.MatchString(name) {
			continue
		}
		switch meant := nearest.Name(setting, known); {
		case meant != "":
			typo = true
			faults = append(faults, fmt.Errorf("%s is unknown, and not used; did you mean %s?", name, meant))
		case ours:
			faults = append(faults, fmt.Errorf("%s is unknown, and not used", name))
		}
	}
	return faults, typo
}

// checkNames fails for what is a slip of the pen, and warns of the rest.
func checkNames(environment []string) (string, error) {
	faults, typo := nameFaults(environment)
	switch {
	case typo:
		return "", errors.Join(faults...)
	case len(faults) > 0:
		return "", caution{errors.Join(faults...)}
	}
	return "all are known", nil
}
