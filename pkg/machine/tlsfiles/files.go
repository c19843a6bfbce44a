package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/pki"
)

// Name is one of the two leaves.
type Name string

// The leaves of a unit.
const (
	Server Name = "server"
	Client Name = "client"
)

// BundleFile is the CA bundle's file name.
const BundleFile = "ca.crt"

const (
	certMode fs.FileMode = 0o644
	keyMode  fs.FileMode = 0o600
)

// Files are the files of one unit.
type Files struct {
	dir  string
	disk *durable.Disk
}

// In returns the files in a directory, which is made when the first is written.
func In(dir string, disk *durable.Disk) *Files { return &Files{dir: dir, disk: disk} }

// Path is the path of a file, such as server.crt.
func (f *Files) Path(file string) string { return filepath.Join(f.dir, file) }

func (f *Files) text(file string) (string, error) {
	text, err := os.ReadFile(f.Path(file))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("cannot read TLS file: %w", err)
	}
	return string(text), nil
}

// Bundle are the certificates of the bundle on disk; none if there is no file.
func (f *Files) Bundle() ([]*x509.Certificate, error) {
	text, err := f.text(BundleFile)
	if err != nil {
		return nil, err
	}
	certs, err := pki.Certificates(text)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", f.Path(BundleFile), err)
	}
	return certs, nil
}

// BundleText is the bundle on disk as PEM, empty if there is no file.
func (f *Files) BundleText() (string, error) { return f.text(BundleFile) }

// Normalize is a bundle as WriteBundle writes it: certificates only, without text around them.
func Normalize(bundle string) ([]byte, error) {
	certs, err := pki.Certificates(bundle)
	if err != nil {
		return nil, fmt.Errorf("cannot use the CA bundle: %w", err)
	}
	return []byte(pki.Encode(certs...)), nil
}

// set is a leaf's certificate and key, which change at once.
func (f *Files) set(name Name) durable.Set {
	return durable.Set{Dir: f.dir, Name: string(name), Disk: f.disk}
}

func certFile(name Name) string { return string(name) + ".crt" }
func keyFile(name Name) string  { return string(name) + ".key" }

// Leaf is a leaf on disk; nil if it is not there, or not whole.
func (f *Files) Leaf(name Name) (*Leaf, error) {
	texts, err := f.set(name).Read(certFile(name), keyFile(name))
	if err != nil || len(texts[0]) == 0 || len(texts[1]) == 0 {
		return nil, err
	}
	return &Leaf{Certificate: string(texts[0]), Key: string(texts[1])}, nil
}

// usages are what a leaf must be good for. etcd uses the server's at both ends: towards its peers, and towards itself.
func usages(name Name) []x509.ExtKeyUsage {
	if name == Client {
		return []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	return []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
}

// WriteLeaf puts a leaf in its place and returns the paths that it wrote. It may be called by any hook, and again: see the
// package's guarantees.
func (f *Files) WriteLeaf(name Name, leaf Leaf, check Check) ([]string, error) {
	bundle, err := f.Bundle()
	if err != nil {
		return nil, fmt.Errorf("cannot use the %s certificate: %w", name, err)
	}
	p, err := judge(name, leaf, check, bundle)
	if err != nil {
		return nil, err
	}
	if err := f.disk.MkdirAll(f.dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot use the %s certificate: %w", name, err)
	}
	// etcd opens one file after the other at each handshake, by their paths. One that has read the certificate before the rename and
	// reads the key after it fails and is tried again; no way of writing two files closes that, nor would one file for both.
	wrote, err := f.set(name).Write(
		durable.File{Path: f.Path(keyFile(name)), Data: p.key, Mode: keyMode},
		durable.File{Path: f.Path(certFile(name)), Data: p.cert, Mode: certMode},
	)
	if err != nil {
		return wrote, fmt.Errorf("cannot write the %s certificate: %w", name, err)
	}
	return wrote, nil
}

// Usable says why a leaf cannot be put in its place under the bundle, which may be about to be written; nil if it can.
func Usable(name Name, leaf Leaf, check Check, bundle string) error {
	certs, err := pki.Certificates(bundle)
	if err != nil {
		return fmt.Errorf("cannot use the CA bundle: %w", err)
	}
	_, err = judge(name, leaf, check, certs)
	return err
}

// judge reads a leaf and holds it against everything that a leaf must be; without a bundle nothing is known of its issuer yet.
func judge(name Name, leaf Leaf, check Check, bundle []*x509.Certificate) (pair, error) {
	p, err := read(leaf)
	if err == nil {
		err = checkDates(p.chain[0], check.Now)
	}
	if err == nil && name == Server {
		if missing := MissingNames(p.chain[0], check.Names); len(missing) > 0 {
			err = fmt.Errorf("it is not good for %s", strings.Join(missing, ", "))
		}
	}
	if err == nil {
		if lack := Lacks(name, p.chain[0]); lack != "" {
			err = errors.New("it " + lack)
		}
	}
	if err == nil && len(bundle) > 0 {
		err = verify(p.chain, bundle, check.Now, usages(name))
	}
	if err != nil {
		return pair{}, fmt.Errorf("cannot use the %s certificate: %w", name, err)
	}
	return p, nil
}

// Certificate is a leaf's certificate on disk; nil if it is not there, not whole, or cannot be read.
func (f *Files) Certificate(name Name) (*x509.Certificate, error) {
	chain, err := f.Chain(name)
	if err != nil || chain == nil {
		return nil, err
	}
	return chain[0], nil
}

// Held is Certificate with the authority that ends it.
func (f *Files) Held(name Name) (Held, error) {
	chain, err := f.Chain(name)
	if err != nil || chain == nil {
		return Held{}, err
	}
	bundle, err := f.Bundle()
	if err != nil {
		return Held{}, err
	}
	return Held{Certificate: chain[0], Authority: pki.Authority(chain, bundle)}, nil
}

// Chain is the certificate on disk with what is sent with it, its leaf first; empty where there is none that can be read.
func (f *Files) Chain(name Name) ([]*x509.Certificate, error) {
	leaf, err := f.Leaf(name)
	if err != nil || leaf == nil {
		return nil, err
	}
	p, err := read(*leaf)
	if err != nil {
		return nil, nil //nolint:nilerr // what cannot be read is as good as not there, and is replaced
	}
	return p.chain, nil
}

// UntrustedError says that a leaf on disk does not verify against a new bundle.
type UntrustedError struct {
	Name Name
	Err  error
}

func (e *UntrustedError) Error() string {
	return fmt.Sprintf("cannot write the CA bundle: the %s certificate of this unit is not trusted by it: %v", e.Name, e.Err)
}

func (e *UntrustedError) Unwrap() error { return e.Err }

// WriteBundle puts the CA bundle in its place. The leaves on disk must verify against it: an *UntrustedError if one does not,
// unless it is about to be replaced by one of those in next.
func (f *Files) WriteBundle(text string, now time.Time, next map[Name]*Leaf) ([]string, error) {
	bundle, err := pki.Certificates(text)
	if err == nil && len(bundle) == 0 {
		err = errors.New("there is no certificate in it")
	}
	if err == nil && !slices.ContainsFunc(bundle, func(c *x509.Certificate) bool { return checkDates(c, now) == nil }) {
		err = errors.New("none of its certificates is valid now")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use the CA bundle: %w", err)
	}
	for _, name := range []Name{Server, Client} {
		if err := f.fits(name, bundle, now, next[name]); err != nil {
			return nil, err
		}
	}
	if err := f.disk.MkdirAll(f.dir, 0o755); err != nil {
		return nil, err
	}
	wrote, err := f.disk.Write(durable.File{Path: f.Path(BundleFile), Data: []byte(pki.Encode(bundle...)), Mode: certMode})
	if err != nil {
		return wrote, fmt.Errorf("cannot write the CA bundle: %w", err)
	}
	return wrote, nil
}

// fits checks the leaf that will be in use under the bundle. An expired leaf is no reason against a bundle.
func (f *Files) fits(name Name, bundle []*x509.Certificate, now time.Time, next *Leaf) error {
	leaf, err := f.Leaf(name)
	if err != nil {
		return err
	}
	if next != nil {
		leaf = next
	}
	if leaf == nil {
		return nil
	}
	p, err := read(*leaf)
	if err != nil || checkDates(p.chain[0], now) != nil {
		return nil //nolint:nilerr // what cannot be used trusts nobody, and is replaced
	}
	if err := verify(p.chain, bundle, now, usages(name)); err != nil {
		return &UntrustedError{Name: name, Err: err}
	}
	return nil
}

// ClientConfig is how this unit reaches etcd: with its client certificate, trusting the bundle on disk.
func (f *Files) ClientConfig() (*tls.Config, error) { return f.config(Client) }

// PeerConfig is how this unit's etcd reaches its peers: with its server certificate.
func (f *Files) PeerConfig() (*tls.Config, error) { return f.config(Server) }

func (f *Files) config(name Name) (*tls.Config, error) {
	bundle, err := f.Bundle()
	if err != nil {
		return nil, err
	}
	leaf, err := f.Leaf(name)
	if err != nil {
		return nil, err
	}
	if len(bundle) == 0 || leaf == nil {
		return nil, fmt.Errorf("cannot reach etcd: the unit has no %s certificate yet", name)
	}
	p, err := read(*leaf)
	if err != nil {
		return nil, fmt.Errorf("cannot reach etcd: the %s certificate is of no use: %w", name, err)
	}
	own, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		return nil, fmt.Errorf("cannot reach etcd: the %s certificate is of no use", name)
	}
	roots := x509.NewCertPool()
	for _, c := range bundle {
		roots.AddCert(c)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{own}}, nil
}
