//go:build integration

package integration

import (
	"crypto/tls"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"jujuetcd.io/test/rig"
)

// Juju's bindings decide the addresses: peers find each other at those of the endpoint cluster,
// clients at those of db, and a server certificate is good for both. Bound to these alone, nothing
// listens on the machine's other addresses.
func TestBindingsDecideWhereClientsAndPeersFindAMember(t *testing.T) {
	w := begin(t, "--space", "clients", "--space", "peers")
	w.daemon()
	w.juju("deploy", filepath.Join(w.Root, "dist/etcd.charm"), "-n", "3", "--bind", "db=clients cluster=peers", "--config", "bind_to_all_interfaces=false")
	w.juju("integrate", "etcd", "easyrsa")
	w.relateClient()
	w.await(rig.Healthy("etcd", 3))
	c := w.startDBClient()
	c.awaitEndpoints(w, 3)
	members := c.members(w)

	s, err := w.Status(w.ctx)
	must(t, err)
	var want []string
	for _, name := range s.UnitNames("etcd") {
		main := s.Unit(name).PublicAddress
		client, peer := inSpace(t, main, 1), inSpace(t, main, 2)
		want = append(want, "https://"+client+":2379")
		i := slices.IndexFunc(members, func(m *etcdserverpb.Member) bool { return m.Name == strings.ReplaceAll(name, "/", "") })
		if i < 0 {
			t.Fatalf("%s is no member: %v", name, members)
		}
		if m := members[i]; !slices.Equal(m.PeerURLs, []string{"https://" + peer + ":2380"}) || !slices.Equal(m.ClientURLs, []string{"https://" + client + ":2379"}) {
			t.Errorf("%s has the peer URLs %v and the client URLs %v; its addresses are %s and %s", name, m.PeerURLs, m.ClientURLs, peer, client)
		}
		for _, address := range []string{client + ":2379", peer + ":2380"} {
			if names := servedNames(t, address); !slices.Contains(names, client) || !slices.Contains(names, peer) {
				t.Errorf("the certificate at %s of %s is good for %v", address, name, names)
			}
		}
		for _, address := range []string{main + ":2379", main + ":2380", peer + ":2379", client + ":2380"} {
			if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
				_ = conn.Close()
				t.Errorf("%s listens on %s, where nobody is told to find it", name, address)
			}
		}
	}
	slices.Sort(want)
	if c.list() != strings.Join(want, ",") {
		t.Errorf("clients are given %s, not %s", c.list(), want)
	}
	c.lap(t, "bound to spaces")
}

// inSpace is the address that a machine has in its n-th space beside the first.
func inSpace(t *testing.T, address string, n byte) string {
	t.Helper()
	bytes := netip.MustParseAddr(address).AsSlice()
	bytes[len(bytes)-2] += n
	shifted, ok := netip.AddrFromSlice(bytes)
	if !ok {
		t.Fatalf("cannot find the %d. space of %s", n, address)
	}
	return shifted.String()
}

// servedNames are the names in the certificate that a server shows to whoever asks: before it asks
// for theirs.
func servedNames(t *testing.T, address string) []string {
	t.Helper()
	var names []string
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, // looks at the certificate alone
		VerifyConnection: func(state tls.ConnectionState) error {
			for _, ip := range state.PeerCertificates[0].IPAddresses {
				names = append(names, ip.String())
			}
			return nil
		}}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", address, config)
	if err == nil {
		_ = conn.Close()
	}
	if names == nil {
		t.Errorf("no certificate was shown at %s: %v", address, err)
	}
	return names
}
