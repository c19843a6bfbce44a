//go:build integration

package integration

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/test/rig"
)

// unsaid is the condition that the application's message has no such text.
func unsaid(application, text string) rig.Condition {
	return func(s rig.Status) (bool, string) {
		line := s.Applications[application].Status
		return line.Current == "active" && !strings.Contains(line.Message, text), application + " is " + line.String() + ", still with " + text
	}
}

// The authority that members trust stays the provider for everything, with another provider beside
// it and a second unit that is an authority of its own: members go on, units join with certificates
// of the first, and one sentence says what is not used.
func TestASecondAuthorityBesideTheFirstChangesNothing(t *testing.T) {
	w := begin(t, "--update-status", "5s")
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	processes := w.processes(t)
	_, endpoints := w.client()
	issuer := w.shown(t, endpoints[0]).Issuer.CommonName
	writer := w.write()

	w.juju("deploy", filepath.Join(w.Root, "dist/vault.charm"))
	w.juju("integrate", "etcd:certificates", "vault:certificates")
	const beside = "vault is related, too, and offers another authority than the one in use: it is not used; remove its relation " +
		"(juju remove-relation etcd:certificates vault)"
	w.await(rig.All(rig.ApplicationShows("etcd", "active", beside), rig.Healthy("etcd", 3)))
	w.juju("add-unit", "etcd")
	w.await(rig.Healthy("etcd", 4))

	// Its second unit makes an authority of its own.
	w.juju("add-unit", "easyrsa")
	w.await(rig.All(rig.ApplicationShows("etcd", "active", "easyrsa/1 has an authority of its own"), rig.Healthy("etcd", 4)))
	w.juju("add-unit", "etcd")
	w.await(rig.Healthy("etcd", 5))
	_, endpoints = w.client()
	for _, e := range endpoints {
		if by := w.shown(t, e).Issuer.CommonName; by != issuer {
			t.Errorf("%s shows a certificate of %s, not of %s", e, by, issuer)
		}
	}
	if now := w.processes(t); !strings.HasPrefix(now, processes) {
		t.Errorf("restarted: %s, before %s", now, processes)
	}

	w.juju("remove-relation", "etcd:certificates", "vault:certificates")
	w.juju("remove-unit", "easyrsa/1")
	w.await(rig.All(unsaid("etcd", "not used"), unsaid("etcd", "authority of its own"), rig.Healthy("etcd", 5)))
	t.Log(writer.VerifyNoneLost())
	w.oneMemberEach(t, "etcd0", "etcd1", "etcd2", "etcd3", "etcd4")
}

// A new application that is related to two authorities at once settles on one of them.
func TestAClusterIsBornWithTwoAuthoritiesRelated(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.juju("deploy", filepath.Join(w.Root, "dist/selfsigned.charm"))
	w.juju("deploy", filepath.Join(w.Root, "dist/vault.charm"))
	w.await(rig.UnitShows("vault/0", "active", ""))
	w.juju("deploy", filepath.Join(w.Root, "dist/etcd.charm"), "-n", "3")
	w.juju("integrate", "etcd:certificates", "selfsigned:certificates")
	w.juju("integrate", "etcd:certificates", "vault:certificates")
	w.await(rig.Healthy("etcd", 3))
	config, endpoints := w.client()
	must(t, rig.ThroughEach(w.ctx, config, endpoints))
	w.juju("add-unit", "etcd")
	w.await(rig.Healthy("etcd", 4))
}

// What a classic provider gets wrong is told with its field, in the unit and once in the
// application, and the cluster is born when it is put right.
func TestAnOddAuthorityIsReportedAndMended(t *testing.T) {
	w := begin(t, "--update-status", "5s")
	w.daemon()
	w.juju("config", "easyrsa", "odd=indented")
	w.deploy("3")
	w.await(rig.UnitShows("etcd/1", "blocked", "easyrsa/0 offers what cannot be used: ca has indented lines, and so holds no certificate that can be read."))
	w.juju("config", "easyrsa", "odd=servers-only")
	w.await(rig.UnitShows("etcd/1", "blocked", "etcd_1.server.cert lacks clientAuth, which members need among themselves."))
	w.juju("config", "easyrsa", "odd=")
	w.await(rig.Healthy("etcd", 3))

	// Later it is shown beside health, and a unit that joins reports it alone.
	w.juju("config", "easyrsa", "odd=servers-only")
	w.juju("add-unit", "etcd")
	w.await(rig.All(rig.UnitShows("etcd/3", "blocked", "etcd_3.server.cert lacks clientAuth"),
		rig.ApplicationShows("etcd", "active", "etcd/0: easyrsa/0 offers what cannot be used: etcd_0.server.cert lacks clientAuth, which members need among themselves (and 3 more)")))
	w.juju("config", "easyrsa", "odd=")
	w.await(rig.Healthy("etcd", 4))
}

// A client that trusts only the root of a chained authority is let in: etcd sends what is between.
func (w *world) trustingTheRootAlone(t *testing.T, endpoints []string) {
	t.Helper()
	config, _ := w.client()
	config = config.Clone()
	credentials, err := w.Credentials(w.ctx, "etcd")
	must(t, err)
	bundle, err := os.ReadFile(credentials.CA)
	must(t, err)
	certs, err := pki.Certificates(string(bundle))
	must(t, err)
	roots := x509.NewCertPool()
	n := 0
	for _, c := range certs {
		if c.CheckSignatureFrom(c) == nil {
			roots.AddCert(c)
			n++
		}
	}
	if n != 1 {
		t.Fatalf("%d roots in the bundle of clients", n)
	}
	config.RootCAs = roots
	for _, e := range endpoints {
		conn, err := (&tls.Dialer{Config: config}).DialContext(w.ctx, "tcp", strings.TrimPrefix(e, "https://"))
		if err != nil {
			t.Errorf("%s: %v", e, err)
			continue
		}
		_ = conn.Close()
	}
}
