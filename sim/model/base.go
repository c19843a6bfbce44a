package model

import (
	"strings"

	"jujuetcd.io/sim/charm"
)

// DefaultBase is the release of Ubuntu that machines have where nobody asks for another.
const DefaultBase = "24.04"

// chooseBase refuses a release that the charm does not say it runs on. One that says nothing runs
// on all.
func chooseBase(c *charm.Charm, asked string) (string, error) {
	if asked == "" {
		return DefaultBase, nil
	}
	var supported []string
	for _, b := range c.Bases {
		release, _, _ := strings.Cut(b.Channel, "/")
		if b.Name == "ubuntu" && release == asked {
			return asked, nil
		}
		supported = append(supported, b.Name+"@"+release)
	}
	if len(supported) == 0 {
		return asked, nil
	}
	return "", errorf(NotValid, "base \"ubuntu@%s\" not supported by charm, the charm supported bases are: %s", asked, strings.Join(supported, ", "))
}
