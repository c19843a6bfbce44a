package main

import (
	"fmt"
	"strings"

	"jujuetcd.io/test/charms/classic"
)

// odd gives what people and other providers get wrong.
type odd struct {
	classic.Authority
	kind string
}

// Kinds of odd answers, as the option odd has them.
const (
	oddIndented    = "indented"
	oddServersOnly = "servers-only"
)

func asOdd(a classic.Authority, kind string) (classic.Authority, error) {
	switch kind {
	case "":
		return a, nil
	case oddIndented, oddServersOnly:
		return odd{Authority: a, kind: kind}, nil
	}
	return nil, fmt.Errorf("cannot use option odd: it is %q", kind)
}

func (o odd) CA() string {
	if o.kind == oddIndented {
		return "  " + strings.ReplaceAll(strings.TrimSpace(o.Authority.CA()), "\n", "\n  ")
	}
	return o.Authority.CA()
}

func (o odd) Issue(name string, purpose classic.Purpose, commonName string, sans []string) (classic.Pair, error) {
	if o.kind == oddServersOnly && purpose == classic.Server {
		return o.Authority.Issue(oddServersOnly+"-"+name, classic.ServerOnly, commonName, sans)
	}
	return o.Authority.Issue(name, purpose, commonName, sans)
}
