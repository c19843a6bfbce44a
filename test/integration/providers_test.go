//go:build integration

package integration

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/rig"
)

// provide deploys a charm of test/charms as the certificate authority of etcd, beside the one that is not related, and etcd.
func (w *world) provide(charm, application, endpoint string, options ...string) {
	w.t.Helper()
	args := []string{"deploy", filepath.Join(w.Root, "dist", charm+".charm"), application}
	for _, o := range options {
		args = append(args, "--config", o)
	}
	w.juju(args...)
	w.await(rig.UnitShows(application+"/0", "active", ""))
	w.juju("deploy", filepath.Join(w.Root, "dist/etcd.charm"), "-n", "3")
	w.juju("integrate", "etcd:certificates", application+":"+endpoint)
}

// shown is the certificate that etcd shows at an endpoint; it is verified.
func (w *world) shown(t *testing.T, endpoint string) *x509.Certificate {
	t.Helper()
	config, _ := w.client()
	conn, err := (&tls.Dialer{Config: config}).DialContext(w.ctx, "tcp", strings.TrimPrefix(endpoint, "https://"))
	must(t, err)
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
}

// What a real easy-rsa issues, with OpenSSL and text before each PEM block, serves a cluster; what it issues anew comes into use.
func TestAClusterOfARealEasyRSAIsHealthy(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.provide("easyrsa", "pki", "client", "authority=easy-rsa")
	w.await(rig.Healthy("etcd", 3))
	s, err := w.Status(w.ctx)
	must(t, err)
	issued, err := filepath.Glob(filepath.Join(w.MachineRoot(s.Unit("pki/0").Machine), "var/lib/easyrsa/pki/issued/etcd_*.crt"))
	must(t, err)
	if len(issued) != 3 {
		t.Fatalf("easy-rsa has issued %v", issued)
	}
	text, err := os.ReadFile(issued[0])
	must(t, err)
	if !strings.HasPrefix(string(text), "Certificate:\n") || !strings.Contains(string(text), "X509v3 Extended Key Usage") {
		t.Errorf("this is not what OpenSSL writes: %.200s", text)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatal("easy-rsa has issued no certificate")
	}
	before, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	if before.PublicKeyAlgorithm != x509.RSA {
		t.Errorf("the key is %v, not as easy-rsa makes it", before.PublicKeyAlgorithm)
	}
	w.reissued(t, "pki/0", "reissue")
	w.await(rig.Healthy("etcd", 3))
	w.oneMemberEach(t, "etcd0", "etcd1", "etcd2")
}

// With an intermediate authority, which the key chain names, and certificates that are good for hours only, a cluster is healthy, and what is issued anew comes into
// use.
func TestAClusterOfAChainedAuthorityIsHealthy(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.provide("vault", "vault", "certificates", "default-ttl=2h")
	w.await(rig.Healthy("etcd", 3))
	_, endpoints := w.client()
	for _, e := range endpoints {
		if issuer := w.shown(t, e).Issuer.CommonName; issuer != "Vault Intermediate Certificate Authority" {
			t.Errorf("%s shows a certificate of %s", e, issuer)
		}
	}
	w.trustingTheRootAlone(t, endpoints)
	w.reissued(t, "vault/0", "reissue-certificates")
	w.await(rig.Healthy("etcd", 3))
	w.oneMemberEach(t, "etcd0", "etcd1", "etcd2")
}

// A unit joins while every certificate is issued anew, its own among them: no write is lost, and it becomes a voter.
func TestAUnitJoinsWhileCertificatesAreIssuedAnew(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	writer := w.write()
	for n := 4; n <= 5; n++ {
		began := time.Now()
		w.juju("add-unit", "etcd")
		w.reissued(t, "easyrsa/0", "reissue")
		w.await(rig.Healthy("etcd", n))
		t.Logf("%d healthy, with certificates issued anew meanwhile, after %.1f s", n, time.Since(began).Seconds())
	}
	t.Log(writer.VerifyNoneLost())
	w.oneMemberEach(t, "etcd0", "etcd1", "etcd2", "etcd3", "etcd4")
}

// reissued runs the provider's action and waits until every member shows another certificate.
func (w *world) reissued(t *testing.T, unit, action string) {
	t.Helper()
	_, endpoints := w.client()
	before := map[string]string{}
	for _, e := range endpoints {
		before[e] = string(w.shown(t, e).Raw)
	}
	w.juju("run", unit, action)
	for _, e := range endpoints {
		eventually(w.ctx, t, e+" shows its new certificate", func() bool { return string(w.shown(t, e).Raw) != before[e] })
	}
}
