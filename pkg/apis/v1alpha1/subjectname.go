package v1alpha1

import (
	"net"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// SubjectNameFault says, for "it is …", what is wrong with a name that certificates are to be good for, an IP address or a
// DNS name in lower case; empty if nothing is. A provider may sign a wrong one all the same, and nobody ever comes by it.
func SubjectNameFault(name string) string {
	labels := strings.Split(name, ".")
	switch {
	case name == "":
		return "empty"
	case net.ParseIP(name) != nil:
		return ""
	case strings.Contains(name, "://"):
		return "a URL: give its host alone"
	case strings.Contains(name, "/"):
		return "a network or a path: give a single address or name"
	case strings.Trim(labels[len(labels)-1], "0123456789") == "":
		// RFC 1123 §2.1: the last label of a name is never a number, so that this is a mistyped address.
		return "not a valid IP address"
	case len(validation.IsDNS1123Subdomain(name)) > 0 && len(validation.IsWildcardDNS1123Subdomain(name)) > 0:
		return "neither an IP address nor a DNS name in lower case"
	}
	return ""
}
