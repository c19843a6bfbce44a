package machine

import (
	"net/netip"
	"slices"
	"testing"
)

// What etcd logs when a peer comes from an address that its certificate is not good for, and what
// it logs of others.
func TestOnlyPeersOfOursThatComeFromElsewhereAreRefused(t *testing.T) {
	for name, test := range map[string]struct{ line, want string }{
		"3.6, with names": {`{"level":"warn","ts":"2026-11-22T12:00:00.000000Z","caller":"embed/config_logging.go:194",` +
			`"msg":"rejected connection on peer endpoint","remote-addr":"10.9.0.2:41234","server-name":"","ip-addresses":["10.0.0.2"],` +
			`"dns-names":["node"],"error":"tls: \"10.9.0.2\" does not match any of DNSNames [\"node\"] (lookup node: no such host)"}`, "10.9.0.2"},
		"3.5, with addresses alone": {`{"level":"warn","msg":"rejected connection","remote-addr":"[fd00::2]:4","server-name":"",` +
			`"error":"x509: certificate is valid for 10.0.0.2, not fd00::2"}`, "fd00::2"},
		"a scanner": {`{"level":"warn","msg":"rejected connection on peer endpoint","remote-addr":"10.9.0.2:1","error":"EOF"}`, ""},
		"another authority": {`{"level":"warn","msg":"rejected connection on peer endpoint","remote-addr":"10.9.0.2:1",` +
			`"error":"tls: failed to verify certificate: x509: certificate signed by unknown authority"}`, ""},
		"a client": {`{"level":"warn","msg":"rejected connection on client endpoint","remote-addr":"10.9.0.2:1",` +
			`"error":"tls: \"10.9.0.2\" does not match any of DNSNames [\"node\"]"}`, ""},
		"no address": {`{"msg":"rejected connection on peer endpoint","remote-addr":"@","error":"tls: \"x\" does not match any of DNSNames []"}`, ""},
		"no JSON":    {`rejected connection on peer endpoint from 10.9.0.2: does not match any of DNSNames`, ""},
	} {
		if got := refusedIn(test.line); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// A unit reports the addresses of its machine that others may see it come from, and no other.
func TestBridgesVirtualInterfacesAndPassingAddressesAreNotTheMachines(t *testing.T) {
	one := func(name string, bridge bool, addresses ...string) Interface {
		i := Interface{Name: name, Bridge: bridge}
		for _, a := range addresses {
			i.Addresses = append(i.Addresses, netip.MustParseAddr(a))
		}
		return i
	}
	got := ownAddresses([]Interface{
		one("eth0", false, "10.0.0.2", "fe80::1", "2001:db8::2", "2001:db8::5054:ff:fe12:3456", "2001:db8::1d3a:77c1:9b0f:2e44"),
		one("enp2s0.100", false, "10.9.0.2", "10.0.0.2"),
		one("bond0", false, "172.16.0.2"),
		one("br-ex", false, "10.1.0.1"),
		one("somebridge", true, "10.2.0.1"),
		one("lxdbr0", false, "10.3.0.1"), one("docker0", false, "172.17.0.1"), one("virbr0", false, "192.168.122.1"),
		one("veth12ab", false, "10.4.0.1"), one("cali0", false, "10.5.0.1"), one("flannel.1", false, "10.6.0.0"),
		one("cni0", false, "10.7.0.1"), one("fan-252", false, "252.0.0.1"), one("wg0", false, "10.8.0.1"), one("lo", false, "127.0.0.1", "10.10.0.1"),
	})
	want := []string{"10.0.0.2", "10.9.0.2", "172.16.0.2", "2001:db8::2", "2001:db8::5054:ff:fe12:3456"}
	if !slices.Equal(got, want) {
		t.Errorf("reported are %v, want %v", got, want)
	}
	if len(ownAddresses([]Interface{one("eth0", false, many(100)...)})) != maxAddresses {
		t.Error("a machine with many addresses reports all")
	}
}

func many(n int) []string {
	var all []string
	for a := netip.MustParseAddr("10.0.0.1"); len(all) < n; a = a.Next() {
		all = append(all, a.String())
	}
	return all
}
