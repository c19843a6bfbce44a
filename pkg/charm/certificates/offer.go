package certificates

import (
	"crypto/x509"
	"fmt"
	"slices"

	"jujuetcd.io/pkg/machine/tlsfiles"
)

// Offer is what certificate authorities offer to the unit now, and what it has asked them.
type Offer struct {
	// Choice is of the authority in use.
	Choice
	// NextServer and NextClient are leaves of the authorities that come next.
	NextServer, NextClient *tlsfiles.Leaf
	// Trouble are sentences about what stands between the unit and its next certificate, each once.
	Trouble []string
	// Unserved says why etcd does not serve the certificate on disk. It is for the status alone:
	// facts hold nothing that only a moment's look has shown.
	Unserved string

	wants     wants
	relations []relation
	// trusted are the authorities whose leaves the unit uses: those that its spec names, or all
	// of the bundle that members have, which is what its spec has of it, else what is on
	// its disk.
	trusted []*x509.Certificate
	// replaced says that its spec names whose leaves to use, because an authority is replaced, or a
	// further one is not trusted by every member yet.
	replaced bool
}

// trouble adds a sentence, once.
func (o *Offer) trouble(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(o.Trouble, text) {
		o.Trouble = append(o.Trouble, text)
	}
}

// take makes a choice the one that is in use.
func (o *Offer) take(c Choice) {
	o.Choice = c
	for _, text := range c.trouble {
		o.trouble("%s", text)
	}
}
