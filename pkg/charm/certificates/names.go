package certificates

import (
	"crypto/x509"
	"net/netip"
	"slices"
	"strings"

	"jujuetcd.io/pkg/pki"
)

// munged is the unit's name as the classic relation writes it: etcd_0.
func munged(unit string) string { return strings.ReplaceAll(unit, "/", "_") }

// dashed is the unit's name as a DNS name: etcd-0.
func dashed(unit string) string { return strings.ReplaceAll(unit, "/", "-") }

// names are what the unit's server certificate must be good for.
type names struct {
	// common is the public address, as certificates of this charm have always had it.
	common string
	// sans are all of them, sorted, the common name among them.
	sans []string
	// needed are those of sans without which there is no certificate, and extra the others.
	needed, extra []string
}

// with are the names with others beside them, which a certificate should have, too, if the provider signs them.
func (n names) with(extra ...string) names {
	n.needed = n.sans
	for _, name := range extra {
		if name = canonical(name); name != "" && !slices.Contains(n.needed, name) && !slices.Contains(n.extra, name) {
			n.extra = append(n.extra, name)
		}
	}
	slices.Sort(n.extra)
	n.sans = slices.Sorted(slices.Values(slices.Concat(n.needed, n.extra)))
	return n
}

// namesOf collects a unit's own names, with what its own programs call it; empty ones are left out. ::1 is one of these only where
// the unit has no IPv4 address, so that certificates of all others stay as they are.
func namesOf(public string, own ...string) names {
	n := names{common: public}
	local := []string{public, "127.0.0.1"}
	if slices.ContainsFunc(own, isIPv6) && !slices.ContainsFunc(own, isIPv4) && !isIPv4(public) {
		local = append(local, "::1")
	}
	for _, name := range append(local, own...) {
		if name != "" {
			n.sans = append(n.sans, canonical(name))
		}
	}
	slices.Sort(n.sans)
	n.sans = slices.Compact(n.sans)
	return n
}

func isIPv4(name string) bool {
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().Is4()
}

func isIPv6(name string) bool {
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Unmap().Is6()
}

// canonical writes an address as certificates do, so that two spellings of one address are the same.
func canonical(name string) string {
	if ip, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return ip.Unmap().WithZone("").String()
	}
	return name
}

// asks says that a request has one of the names that are not needed.
func (n names) asks(request string) bool {
	has := canonicalAll(pki.NamesIn(request))
	return slices.ContainsFunc(n.extra, func(name string) bool { return slices.Contains(has, name) })
}

func canonicalAll(names []string) []string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = canonical(n)
	}
	return all
}

// namesIn are the names that a certificate is good for.
func namesIn(cert *x509.Certificate) []string {
	all := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		all = append(all, canonical(ip.String()))
	}
	return all
}

func covers(have, need []string) bool {
	return !slices.ContainsFunc(need, func(name string) bool { return !slices.Contains(have, name) })
}

// toggled is a list with the name, or without it if it has it; sorted, each once.
func toggled(names []string, name string) []string {
	without := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name })
	if len(without) == len(names) {
		without = append(without, name)
	}
	slices.Sort(without)
	return slices.Compact(without)
}
