package certificates_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/certificates"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/machine/tlsfiles"
)

// odd is a classic provider's databag in the making: two authorities, one below the other, and a
// leaf.
type odd struct {
	t         *testing.T
	root, mid *charmtest.Issuer
	bag       map[string]string
}

// give puts a leaf into the bag, for the server and for all clients.
func (o *odd) give(leaf *charmtest.Issuer, key string) {
	o.bag["etcd_0.server.cert"], o.bag["etcd_0.server.key"] = leaf.PEM, key
	o.bag["client.cert"], o.bag["client.key"] = leaf.PEM, key
}

func newOdd(t *testing.T) *odd {
	o := &odd{t: t, root: charmtest.AuthorityOf(t, "root", 10*365*24*time.Hour, nil)}
	o.mid = charmtest.AuthorityOf(t, "intermediate", 5*365*24*time.Hour, o.root)
	o.bag = map[string]string{"ca": o.root.PEM}
	leaf := charmtest.Sign(t, charmtest.LeafOf(), charmtest.NewKey(t, ""), o.root)
	o.give(leaf, charmtest.PKCS8(t, leaf.Key))
	return o
}

// below lets the intermediate sign what is offered.
func (o *odd) below() *charmtest.Issuer {
	leaf := charmtest.Sign(o.t, charmtest.LeafOf(), charmtest.NewKey(o.t, ""), o.mid)
	o.give(leaf, charmtest.PKCS8(o.t, leaf.Key))
	return leaf
}

// with lets the root sign a leaf with another kind of key, which is written as the block says.
func (o *odd) with(kind, block string) {
	leaf := charmtest.Sign(o.t, charmtest.LeafOf(), charmtest.NewKey(o.t, kind), o.root)
	der, err := x509.MarshalPKCS8PrivateKey(leaf.Key)
	switch key := leaf.Key.(type) {
	case *rsa.PrivateKey:
		if block == "RSA PRIVATE KEY" {
			der = x509.MarshalPKCS1PrivateKey(key)
		}
	case *ecdsa.PrivateKey:
		if block == "EC PRIVATE KEY" {
			der, err = x509.MarshalECPrivateKey(key)
		}
	}
	if err != nil {
		o.t.Fatal(err)
	}
	o.give(leaf, string(pem.EncodeToMemory(&pem.Block{Type: block, Bytes: der})))
}

// each changes every value of the bag.
func (o *odd) each(change func(string) string) {
	for key, value := range o.bag {
		o.bag[key] = change(value)
	}
}

// leafWith lets the root sign a leaf with a change.
func (o *odd) leafWith(change func(*x509.Certificate)) {
	template := charmtest.LeafOf()
	change(template)
	leaf := charmtest.Sign(o.t, template, charmtest.NewKey(o.t, ""), o.root)
	o.give(leaf, charmtest.PKCS8(o.t, leaf.Key))
}

// offerOf is what the bag offers to a unit that has nothing yet.
func offerOf(bag map[string]string) *certificates.Offer {
	return certificates.OfferOf([]map[string]string{bag}, "etcd/0", "10.0.0.4", []string{"10.0.0.4", "127.0.0.1", "node"}, func() time.Time { return now })
}

// What real providers, and people with openssl, write serves.
func TestOddAuthoritiesThatAreGoodAreUsed(t *testing.T) {
	for name, make := range map[string]func(*odd){
		"as it is":                 func(*odd) {},
		"RSA 2048":                 func(o *odd) { o.with("RSA 2048", "PRIVATE KEY") },
		"RSA 4096":                 func(o *odd) { o.with("RSA 4096", "PRIVATE KEY") },
		"P-384":                    func(o *odd) { o.with("P-384", "PRIVATE KEY") },
		"Ed25519":                  func(o *odd) { o.with("Ed25519", "PRIVATE KEY") },
		"SEC1":                     func(o *odd) { o.with("", "EC PRIVATE KEY") },
		"PKCS#1":                   func(o *odd) { o.with("RSA 2048", "RSA PRIVATE KEY") },
		"SHA-512":                  func(o *odd) { o.leafWith(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA512 }) },
		"an intermediate in chain": func(o *odd) { o.below(); o.bag["chain"] = o.mid.PEM },
		"an intermediate in ca":    func(o *odd) { o.below(); o.bag["ca"] += o.mid.PEM },
		"an intermediate in cert": func(o *odd) {
			leaf := o.below()
			o.bag["etcd_0.server.cert"] = leaf.PEM + o.mid.PEM
			o.bag["client.cert"] = leaf.PEM + o.mid.PEM
		},
		"the full chain": func(o *odd) { o.below(); o.bag["chain"] = o.mid.PEM + o.root.PEM },
		"two intermediates": func(o *odd) {
			second := charmtest.AuthorityOf(o.t, "second", 365*24*time.Hour, o.mid)
			leaf := charmtest.Sign(o.t, charmtest.LeafOf(), charmtest.NewKey(o.t, ""), second)
			o.give(leaf, charmtest.PKCS8(o.t, leaf.Key))
			o.bag["chain"] = o.mid.PEM + second.PEM
		},
		"UTF-8 in the subject": func(o *odd) {
			o.leafWith(func(c *x509.Certificate) { c.Subject.Organization = []string{"Gläserne Bürgschaft 株式会社"} })
		},
		"a long common name": func(o *odd) {
			o.leafWith(func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("n", 64) })
		},
		"CRLF": func(o *odd) { o.each(func(v string) string { return strings.ReplaceAll(v, "\n", "\r\n") }) },
		"leading text": func(o *odd) {
			o.each(func(v string) string { return "Certificate:\n    Data:\n        Version: 3 (0x2)\n" + v })
		},
		"bag attributes": func(o *odd) {
			o.each(func(v string) string { return "Bag Attributes\n    localKeyID: 01 02\nsubject=CN = x\n" + v })
		},
		"no newline at the end": func(o *odd) { o.each(func(v string) string { return strings.TrimSpace(v) }) },
		"no key usage": func(o *odd) {
			o.leafWith(func(c *x509.Certificate) { c.KeyUsage, c.ExtKeyUsage = 0, nil })
		},
		"the authority twice": func(o *odd) { o.bag["ca"] += o.root.PEM },
		"a blank chain":       func(o *odd) { o.bag["chain"] = " \n" },
		"one that cannot be read beside the authority": func(o *odd) {
			o.bag["ca"] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + o.bag["ca"]
		},
		"name constraints": func(o *odd) {
			o.mid = charmtest.Sign(o.t, &x509.Certificate{
				Subject: pkix.Name{CommonName: "constrained"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
				PermittedDNSDomainsCritical: true, PermittedDNSDomains: []string{"node"},
			}, charmtest.NewKey(o.t, ""), o.root)
			o.below()
			o.bag["chain"] = o.mid.PEM
		},
		"a client's own beside one for all that has expired": func(o *odd) {
			leaf := charmtest.Sign(o.t, charmtest.LeafOf(), charmtest.NewKey(o.t, ""), o.root)
			o.bag["etcd_0.processed_client_requests"] = `{"etcd-0": {"cert": ` + quoted(leaf.PEM) + `, "key": ` + quoted(charmtest.PKCS8(o.t, leaf.Key)) + `}}`
			old := charmtest.Sign(o.t, &x509.Certificate{NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(-time.Hour), ExtKeyUsage: charmtest.BothUsages}, charmtest.NewKey(o.t, ""), o.root)
			o.bag["client.cert"], o.bag["client.key"] = old.PEM, charmtest.PKCS8(o.t, old.Key)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOdd(t)
			make(o)
			offer := offerOf(o.bag)
			if offer.Server == nil || offer.Client == nil || len(offer.Trouble) > 0 {
				t.Fatalf("server %v, client %v, trouble %q", offer.Server != nil, offer.Client != nil, offer.Trouble)
			}
			for leafName, leaf := range map[tlsfiles.Name]*tlsfiles.Leaf{tlsfiles.Server: offer.Server, tlsfiles.Client: offer.Client} {
				if err := tlsfiles.Usable(leafName, *leaf, tlsfiles.Check{Now: now, Names: []string{"10.0.0.4"}}, offer.CA); err != nil {
					t.Error(err)
				}
			}
			handshake(t, *offer.Server, o.root.Cert)
		})
	}
}

func quoted(text string) string {
	return `"` + strings.ReplaceAll(strings.TrimSpace(text), "\n", `\n`) + `"`
}

// handshake connects to a server that shows the leaf, as a client that trusts the root alone.
func handshake(t *testing.T, leaf tlsfiles.Leaf, root *x509.Certificate) {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(leaf.Certificate), []byte(leaf.Key))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(root)
	here, there := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- tls.Server(there, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake() }()
	client := tls.Client(here, &tls.Config{RootCAs: roots, ServerName: "10.0.0.4", Time: func() time.Time { return now }})
	if err := client.Handshake(); err != nil {
		t.Errorf("a client that trusts the root alone: %v", err)
	}
	_ = here.Close()
	<-done //nolint:errcheck // the client has judged; the server sees the end of it
}

// What cannot be used is reported with its field, and what is wanted; on one line, in sentences,
// each once.
func TestOddAuthoritiesThatCannotBeUsedAreReported(t *testing.T) {
	indent := func(v string) string { return "  " + strings.ReplaceAll(strings.TrimSpace(v), "\n", "\n  ") + "\n" }
	mark := func(v string) string { return "\ufeff" + v }
	for name, test := range map[string]struct {
		make func(*odd)
		want []string
	}{
		"an indented authority": {func(o *odd) { o.bag["ca"] = indent(o.bag["ca"]) },
			[]string{"easyrsa/0 offers what cannot be used: ca has indented lines, and so holds no certificate that can be read."}},
		"all is indented":   {func(o *odd) { o.each(indent) }, []string{"ca has indented lines", "etcd_0.server.cert has indented lines", "client.cert has indented lines"}},
		"a byte order mark": {func(o *odd) { o.each(mark) }, []string{"ca begins with a byte order mark", "etcd_0.server.cert begins with a byte order mark"}},
		"an indented key": {func(o *odd) { o.bag["etcd_0.server.key"] = indent(o.bag["etcd_0.server.key"]) },
			[]string{"etcd_0.server.key has indented lines, and so holds no private key that can be read."}},
		"expired": {func(o *odd) {
			o.leafWith(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.Add(-48*time.Hour), now.Add(-time.Hour) })
		}, []string{"etcd_0.server.cert expired on 2026-11-22T11:00:00Z.", "client.cert expired on"}},
		"not yet": {func(o *odd) { o.leafWith(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }) },
			[]string{"etcd_0.server.cert is not valid before 2026-11-22T13:00:00Z; is the clock right?"}},
		"another's key": {func(o *odd) { o.bag["etcd_0.server.key"] = charmtest.PKCS8(o.t, charmtest.NewKey(o.t, "")) },
			[]string{"etcd_0.server.key does not fit etcd_0.server.cert, or cannot be read."}},
		"no key": {func(o *odd) { delete(o.bag, "client.key") }, []string{"client.key is empty: it must hold a private key."}},
		"an authority that the parser refuses": {func(o *odd) { o.bag["ca"] = refusedByParser(o.t) },
			[]string{"ca holds a certificate that cannot be read: x509: "}},
		"for servers only": {func(o *odd) {
			o.leafWith(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
		}, []string{"etcd_0.server.cert lacks clientAuth, which members need among themselves.", "client.cert lacks clientAuth, which etcd needs"}},
		"for clients only": {func(o *odd) {
			o.leafWith(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
		}, []string{"etcd_0.server.cert lacks serverAuth, which clients and members need."}},
		"of another authority": {func(o *odd) { o.bag["ca"] = charmtest.AuthorityOf(o.t, "another", time.Hour, nil).PEM },
			[]string{"etcd_0.server.cert does not verify against easyrsa/0's own authority: x509: certificate signed by unknown authority"}},
		"an intermediate that nobody gives": {func(o *odd) { o.below() }, []string{"etcd_0.server.cert does not verify against easyrsa/0's own authority"}},
		"no PEM at all":                     {func(o *odd) { o.bag["ca"] = "soon" }, []string{"ca is no PEM: it must hold a certificate."}},
		"answers that are no JSON": {func(o *odd) {
			o.bag = map[string]string{"ca": o.bag["ca"], "etcd_0.processed_requests": "{"}
		}, []string{"etcd_0.processed_requests is no JSON of certificates and keys by common name."}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOdd(t)
			test.make(o)
			offer := offerOf(o.bag)
			if offer.Provider != v1alpha1.ProviderClassic {
				t.Errorf("a %q provider", offer.Provider)
			}
			all := strings.Join(offer.Trouble, " ")
			for _, want := range test.want {
				if !strings.Contains(all, want) {
					t.Errorf("nothing says that %s:\n%s", want, strings.Join(offer.Trouble, "\n"))
				}
			}
			for _, text := range offer.Trouble {
				if strings.ContainsAny(text, "\r\n\t") || !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") || strings.Contains(text, "PRIVATE") {
					t.Errorf("%q is no sentence on one line", text)
				}
			}
			if twice := slices.Compact(slices.Sorted(slices.Values(offer.Trouble))); len(twice) != len(offer.Trouble) {
				t.Errorf("a sentence is there twice: %q", offer.Trouble)
			}
		})
	}
}

// refusedByParser is a certificate with a negative serial number, which Go's parser takes for none.
func refusedByParser(t *testing.T) string {
	t.Helper()
	root := charmtest.AuthorityOf(t, "odd", time.Hour, nil)
	// The serial number is the first INTEGER after the version: with its first bit set it is below
	// zero.
	der := slices.Clone(root.Cert.Raw)
	serial, err := asn1.Marshal(root.Cert.SerialNumber)
	if err != nil {
		t.Fatal(err)
	}
	i := strings.Index(string(der), string(serial))
	if i < 0 {
		t.Fatal("the serial number is not found")
	}
	der[i+2] |= 0x80
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Fatal("the parser takes it")
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
