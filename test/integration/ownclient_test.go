//go:build integration

package integration

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/test/rig"
)

// Where the policy asks for it, two clients have certificates that tell them apart, and etcd lets both in.
func TestEachClientHasACertificateOfItsOwn(t *testing.T) {
	w := begin(t)
	dir := t.TempDir()
	policy := "apiVersion: jujuetcd.io/v1alpha1\nkind: EtcdCluster\nmetadata:\n  name: etcd\nspec:\n  clients:\n    ownCertificates: true\n"
	must(t, os.WriteFile(filepath.Join(dir, "etcd.yaml"), []byte(policy), 0o600))
	w.daemon("--config-dir", dir)
	w.deploy("3")
	w.relateClient()
	w.juju("deploy", filepath.Join(w.Root, "dist/etcdclient.charm"), "second")
	w.juju("integrate", "etcd:db", "second:db")
	w.await(rig.Healthy("etcd", 3))
	names := map[string]bool{}
	for _, app := range []string{"etcdclient", "second"} {
		common := ""
		eventually(w.ctx, t, app+" has a certificate of its own", func() bool {
			block, _ := pem.Decode([]byte(w.said(app+"/0", "db")["client_cert"]))
			if block == nil {
				return false
			}
			cert, err := x509.ParseCertificate(block.Bytes)
			must(t, err)
			common = cert.Subject.CommonName
			return len(common) > len(app) && common[:len(app)+1] == app+"-"
		})
		names[common] = true
		config, err := saidTLS(w.said(app+"/0", "db"))
		must(t, err)
		_, endpoints := w.client()
		must(t, rig.ThroughEach(w.ctx, config, endpoints))
	}
	if len(names) != 2 {
		t.Errorf("two clients have certificates of %v", names)
	}
	// Each unit has asked for both, and was answered.
	answers := w.remote(t, "unit-etcd-0", "certificates")["easyrsa/0"]
	for unit, bag := range w.remote(t, "unit-easyrsa-0", "client") {
		answered := answers[strings.ReplaceAll(unit, "/", "_")+".processed_client_requests"]
		for name := range names {
			if !strings.Contains(bag["client_cert_requests"], name) || !strings.Contains(answered, name) {
				t.Errorf("%s has not asked for a certificate of %s, or got none", unit, name)
			}
		}
	}
}
