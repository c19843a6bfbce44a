//go:build integration

package integration

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/test/rig"
)

// ownDialect is one of the two ways to get clients certificates of their own.
type ownDialect struct {
	name   string
	update string // how often update-status runs
	deploy func(w *world)
	// asked and answered are the common names of what the units have asked the provider for, and of what it has given for that.
	asked, answered func(w *world) []string
	renews          bool
}

var ownDialects = []ownDialect{
	{name: "classic", update: "5m", deploy: func(w *world) { w.deploy("3") },
		asked: func(w *world) []string {
			return w.commonNames("unit-easyrsa-0", "client", func(bag map[string]string) []string { return keysOf(w.t, bag["client_cert_requests"]) })
		},
		answered: func(w *world) []string {
			return w.commonNames("unit-etcd-0", "certificates", func(bag map[string]string) []string {
				var all []string
				for key, text := range bag {
					if strings.HasSuffix(key, ".processed_client_requests") {
						all = append(all, keysOf(w.t, text)...)
					}
				}
				return all
			})
		}},
	// Certificates live for two minutes: they are renewed before the end of the test.
	{name: "csr", update: "5s", deploy: func(w *world) { w.deploySigned("3", "validity=2m") }, renews: true,
		asked: func(w *world) []string {
			return w.commonNames("unit-selfsigned-0", "certificates", func(bag map[string]string) []string {
				var list []struct {
					Request string `json:"certificate_signing_request"`
				}
				if text := bag["certificate_signing_requests"]; text != "" {
					must(w.t, json.Unmarshal([]byte(text), &list))
				}
				var names []string
				for _, r := range list {
					block, _ := pem.Decode([]byte(r.Request))
					csr, err := x509.ParseCertificateRequest(block.Bytes)
					must(w.t, err)
					names = append(names, csr.Subject.CommonName)
				}
				return names
			})
		}},
}

// Where the policy asks for it, two clients have certificates that tell them apart, and etcd lets both in. What was asked for one goes
// with its relation: from the provider's sight, and its key from the machines.
func TestEachClientHasACertificateOfItsOwn(t *testing.T) {
	runBeside(t)
	for _, dialect := range ownDialects {
		t.Run(dialect.name, func(t *testing.T) {
			w := begin(t, "--update-status", dialect.update)
			dir := t.TempDir()
			policy := "apiVersion: jujuetcd.io/v1alpha1\nkind: EtcdCluster\nmetadata:\n  name: etcd\nspec:\n  clients:\n    ownCertificates: true\n"
			must(t, os.WriteFile(filepath.Join(dir, "etcd.yaml"), []byte(policy), 0o600))
			w.daemon("--config-dir", dir)
			dialect.deploy(w)
			w.relateClient()
			w.juju("deploy", filepath.Join(w.Root, "dist/etcdclient.charm"), "second")
			w.juju("integrate", "etcd:db", "second:db")
			w.await(rig.Healthy("etcd", 3))
			names, serials := map[string]string{}, map[string]string{}
			for _, app := range []string{"etcdclient", "second"} {
				eventually(w.ctx, t, app+" has a certificate of its own", func() bool {
					cert := w.certificateOf(app)
					if cert == nil || !strings.HasPrefix(cert.Subject.CommonName, app+"-") {
						return false
					}
					names[app], serials[app] = cert.Subject.CommonName, cert.SerialNumber.String()
					return true
				})
				config, err := saidTLS(w.said(app+"/0", "db"))
				must(t, err)
				_, endpoints := w.serving()
				must(t, rig.ThroughEach(w.ctx, config, endpoints))
			}
			if names["etcdclient"] == names["second"] {
				t.Errorf("both clients have certificates of %s", names["second"])
			}
			// Each unit asks for both.
			for _, name := range names {
				eventually(w.ctx, t, "each unit has asked for "+name, func() bool { return occurs(dialect.asked(w), name) == 3 })
			}

			w.juju("remove-relation", "etcd:db", "second:db")
			eventually(w.ctx, t, "no unit asks for "+names["second"]+", and nobody keeps a key for it", func() bool {
				return occurs(dialect.asked(w), names["second"]) == 0 && len(w.keysKept(names["second"])) == 0 &&
					(dialect.answered == nil || occurs(dialect.answered(w), names["second"]) == 0)
			})
			if got := occurs(dialect.asked(w), names["etcdclient"]); got < 3 {
				t.Errorf("%d units ask for %s after another client has gone", got, names["etcdclient"])
			}
			if kept := w.keysKept(names["etcdclient"]); (len(kept) == 3) != (dialect.name == "csr") {
				t.Errorf("keys for %s are kept in %v", names["etcdclient"], kept)
			}
			if dialect.renews {
				eventually(w.ctx, t, "the client's certificate is renewed", func() bool {
					cert := w.certificateOf("etcdclient")
					return cert != nil && cert.Subject.CommonName == names["etcdclient"] && cert.SerialNumber.String() != serials["etcdclient"]
				})
			}
			config, err := saidTLS(w.said("etcdclient/0", "db"))
			must(t, err)
			_, endpoints := w.serving()
			must(t, rig.ThroughEach(w.ctx, config, endpoints))
		})
	}
}

// certificateOf is the client certificate that an application's charm has got by its relation db; nil before it has one.
func (w *world) certificateOf(app string) *x509.Certificate {
	w.t.Helper()
	block, _ := pem.Decode([]byte(w.said(app+"/0", "db")["client_cert"]))
	if block == nil {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	must(w.t, err)
	return cert
}

// commonNames are those that the databags hold which a unit sees on an endpoint.
func (w *world) commonNames(unitTag, endpoint string, in func(bag map[string]string) []string) []string {
	w.t.Helper()
	var names []string
	for _, bag := range w.remote(w.t, unitTag, endpoint) {
		names = append(names, in(bag)...)
	}
	return names
}

func keysOf(t *testing.T, object string) []string {
	t.Helper()
	if object == "" {
		return nil
	}
	var list map[string]any
	must(t, json.Unmarshal([]byte(object), &list))
	var names []string
	for name := range list {
		names = append(names, name)
	}
	return names
}

func occurs(names []string, name string) int {
	return len(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n != name }))
}

// keysKept are the files that units keep a client's key in.
func (w *world) keysKept(common string) []string {
	w.t.Helper()
	var kept []string
	for _, unit := range w.etcdUnits() {
		found, err := filepath.Glob(filepath.Join(w.memberOn(unit).root, "var/lib/jujuetcd/*/requests/db-"+common+".json"))
		must(w.t, err)
		kept = append(kept, found...)
	}
	return kept
}
