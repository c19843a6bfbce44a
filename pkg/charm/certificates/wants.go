package certificates

import (
	"strings"

	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// wants is what the unit needs to have signed, and what it has asked for already.
type wants struct {
	// names are those that a server certificate must have.
	names names
	// clients are the relations that are to have certificates of their own.
	clients []client
	// controller are the controller's requests.
	controller []string
	// asked is what the unit has asked to be signed; a leaf whose file cannot be read now is
	// missing, and unreadable says so.
	asked      map[tlsfiles.Name]pki.Asked
	unreadable bool
}

// leaves are the leaves that are asked for, in the order in which they are named.
func (w wants) leaves() []tlsfiles.Name {
	names := []tlsfiles.Name{tlsfiles.Server, tlsfiles.Client}
	for _, c := range w.clients {
		names = append(names, c.leaf())
	}
	return names
}

// subject is what the leaf should be good for. A client certificate says only whose it is.
func (w wants) subject(name tlsfiles.Name, unit string) pki.Subject {
	if name == tlsfiles.Client {
		return pki.Subject{CommonName: dashed(unit), Names: []string{dashed(unit)}}
	}
	for _, c := range w.clients {
		if name == c.leaf() {
			return pki.Subject{CommonName: c.common, Names: []string{c.common}}
		}
	}
	return pki.Subject{CommonName: w.names.common, Names: w.names.sans}
}

// gaveUp says that the provider has refused to sign these very names beside those that are needed.
func (w wants) gaveUp(asked pki.Asked) bool {
	return asked.Refused != "" && asked.Refused == strings.Join(w.names.extra, " ")
}

// requests is what the unit's databag of a relation in the newer protocol should hold.
func (w wants) requests() string {
	var standing []string
	for _, name := range w.leaves() {
		standing = append(standing, w.asked[name].Standing()...)
	}
	return signingRequests(standing)
}
