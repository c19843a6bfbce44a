package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/pki"
)

// Leaf is a certificate with what it needs of its chain, and its private key, both as PEM.
type Leaf struct {
	Certificate string
	Key         string
}

// String keeps the key out of every log and error.
func (l Leaf) String() string { return "a certificate and its key" }

// GoString does the same for %#v.
func (l Leaf) GoString() string { return "tlsfiles.Leaf{}" }

// Check is what a leaf is held against, beside its own key and the bundle.
type Check struct {
	Now time.Time
	// Names are addresses and DNS names that it must be good for.
	Names []string
}

// pair is a leaf that has been read: its chain with itself first, and both parts as clean PEM.
type pair struct {
	chain     []*x509.Certificate
	cert, key []byte
}

// read takes a leaf apart and checks that its key fits.
func read(leaf Leaf) (pair, error) {
	chain, err := pki.Certificates(leaf.Certificate)
	if err != nil {
		return pair{}, err
	}
	if len(chain) == 0 {
		return pair{}, errors.New("there is no certificate in it")
	}
	p := pair{chain: chain, cert: []byte(pki.Encode(chain...)), key: []byte(pki.PrivateKey(leaf.Key))}
	if len(p.key) == 0 {
		return pair{}, errors.New("there is no private key in it")
	}
	if _, err := tls.X509KeyPair(p.cert, p.key); err != nil {
		// The cause may quote the input; it is not passed on.
		return pair{}, errors.New("its key does not fit or cannot be read")
	}
	return p, nil
}

// verify holds a chain against a bundle.
func verify(chain, bundle []*x509.Certificate, now time.Time, usages []x509.ExtKeyUsage) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range bundle {
		roots.AddCert(c)
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	for _, usage := range usages {
		_, err := chain[0].Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage},
		})
		var invalid x509.CertificateInvalidError
		if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
			// The cause would hold the time of the look, and what units say of themselves would
			// change with each.
			return fmt.Errorf("it does not verify against the CA bundle: the certificate of %s has expired, or is not valid yet",
				invalid.Cert.Subject.CommonName)
		}
		if err != nil {
			return fmt.Errorf("it does not verify against the CA bundle: %w", err)
		}
	}
	return nil
}

// checkDates says why a certificate is not valid now.
func checkDates(cert *x509.Certificate, now time.Time) error {
	switch {
	case now.After(cert.NotAfter):
		return fmt.Errorf("it expired on %s", cert.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(cert.NotBefore):
		return fmt.Errorf("it is not valid before %s; is the clock right?", cert.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// MissingNames are those names that a certificate is not good for, each once.
func MissingNames(cert *x509.Certificate, names []string) []string {
	var missing []string
	for _, name := range names {
		if name != "" && cert.VerifyHostname(hostname(name)) != nil && !slices.Contains(cert.DNSNames, name) && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

// hostname writes an IPv6 address as VerifyHostname wants it.
func hostname(name string) string {
	name = strings.Trim(name, "[]")
	if ip := net.ParseIP(name); ip != nil && ip.To4() == nil {
		return "[" + name + "]"
	}
	return name
}
