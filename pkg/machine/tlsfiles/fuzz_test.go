package tlsfiles_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/test/etcdtest"
)

// authority is the certificate of one.
func authority(f *testing.F) string { return string(etcdtest.NewCA(f).PEM) }

// FuzzCertificates: certificates that are read are the same after they were written, and what
// stands around them is left out.
func FuzzCertificates(f *testing.F) {
	ca := authority(f)
	f.Add("text\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
	f.Add(ca)
	f.Add("Subject: easyrsa\n" + ca + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		certs, err := pki.Certificates(text)
		if err != nil {
			return
		}
		normal, err := tlsfiles.Normalize(text)
		if err != nil {
			t.Fatalf("what can be read cannot be made normal: %v", err)
		}
		clean := string(normal)
		if again, err := pki.Certificates(clean); err != nil || len(again) != len(certs) {
			t.Errorf("%d certificates are %d after they were written: %v", len(certs), len(again), err)
		}
		if strings.Contains(clean, "PRIVATE KEY") {
			t.Error("a key is among the certificates")
		}
		if twice, err := tlsfiles.Normalize(clean); err != nil || string(twice) != clean {
			t.Errorf("a normal bundle is another after it was made normal: %v", err)
		}
	})
}

// FuzzLeaf: whatever a provider hands over, a fault reveals nothing of the key.
func FuzzLeaf(f *testing.F) {
	const key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n"
	ca := authority(f)
	f.Add(ca, key, ca)
	f.Add("", "-----BEGIN EC PRIVATE KEY-----\nc2VjcmV0\n-----END EC PRIVATE KEY-----\n", "")
	f.Fuzz(func(t *testing.T, cert, key, bundle string) {
		fault := tlsfiles.Usable(tlsfiles.Server, tlsfiles.Leaf{Certificate: cert, Key: key}, tlsfiles.Check{Now: time.Unix(1e9, 0), Names: []string{"10.0.0.4"}}, bundle)
		for _, line := range strings.Split(key, "\n") {
			if line = strings.TrimSpace(line); fault != nil && len(line) > 16 && !strings.Contains(line, "-") && !strings.Contains(cert+bundle, line) &&
				strings.Contains(fault.Error(), line) {
				t.Errorf("the fault reveals the key: %v", fault)
			}
		}
	})
}
