package certificates

import (
	"crypto/x509"
	"strings"

	"jujuetcd.io/pkg/pki"
)

// readCertificates are the certificates in a PEM text that can be read, and why there is none; easyrsa puts a description for people
// before each.
func readCertificates(text string) (certs []*x509.Certificate, why string) {
	certs, fault := pki.Readable(text)
	switch {
	case len(certs) > 0 || strings.TrimSpace(text) == "":
		return certs, ""
	case fault != nil:
		return nil, "holds a certificate that cannot be read: " + fault.Error()
	}
	return nil, unreadable(text, "certificate")
}

// unreadable says why a PEM text holds no such thing.
func unreadable(text, thing string) string {
	const begin, mark = "-----BEGIN ", "\ufeff"
	switch {
	case strings.TrimSpace(text) == "":
		return "is empty: it must hold a " + thing
	case strings.HasPrefix(strings.TrimSpace(text), mark):
		return "begins with a byte order mark, and so holds no " + thing + " that can be read"
	case indented(text, begin):
		return "has indented lines, and so holds no " + thing + " that can be read"
	case strings.Contains(text, begin):
		return "holds no " + thing + " that can be read"
	}
	return "is no PEM: it must hold a " + thing
}

func indented(text, begin string) bool {
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimLeft(line, " \t"); trimmed != line && strings.HasPrefix(trimmed, begin) {
			return true
		}
	}
	return false
}
