package pki

import (
	"bytes"
	"crypto/x509"
	"slices"
	"time"
)

// maxInstants bounds how often a chain is verified: what others offer may be long.
const maxInstants = 16

// Authority is, of the authorities above a leaf, the one that ends first; of several ways to a root it is on the one that lasts longest. A
// certificate ends with it, whatever its own date is. nil if no way leads from the leaf to the bundle.
func Authority(chain, bundle []*x509.Certificate) *x509.Certificate {
	if len(chain) == 0 {
		return nil
	}
	var best *x509.Certificate
	for _, way := range Ways(chain, bundle, x509.ExtKeyUsageAny) {
		if len(way) < 2 {
			continue
		}
		first := slices.MinFunc(way[1:], func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
		if best == nil || first.NotAfter.After(best.NotAfter) {
			best = first
		}
	}
	return best
}

// Ways are those from a leaf to the bundle that are or were good at some time: the answer is the same whenever it is asked for. They
// lead to a root where the bundle has one, though members would do with an authority between: clients may trust the root alone.
func Ways(chain, bundle []*x509.Certificate, usage x509.ExtKeyUsage) [][]*x509.Certificate {
	anchors := slices.DeleteFunc(slices.Clone(bundle), func(c *x509.Certificate) bool { return !selfIssued(c) })
	found := waysTo(chain, anchors, bundle, usage)
	if len(found) == 0 {
		found = waysTo(chain, bundle, nil, usage)
	}
	return found
}

func waysTo(chain, anchors, more []*x509.Certificate, usage x509.ExtKeyUsage) [][]*x509.Certificate {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range anchors {
		roots.AddCert(c)
	}
	for _, c := range slices.Concat(chain[1:], more) {
		between.AddCert(c)
	}
	// A way that is ever good is so from when the last of its certificates begins.
	instants := []time.Time{chain[0].NotBefore, chain[0].NotAfter}
	for _, c := range slices.Concat(chain[1:], anchors, more) {
		if !slices.ContainsFunc(instants, c.NotBefore.Equal) && len(instants) < maxInstants {
			instants = append(instants, c.NotBefore)
		}
	}
	var found [][]*x509.Certificate
	for _, at := range instants {
		some, err := chain[0].Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage},
		})
		if err == nil {
			found = append(found, some...)
		}
	}
	return found
}

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

// Path is a leaf with what leads from it to a root, each after the one that it has signed; neither the root itself, nor what does not
// belong there. Who trusts the root alone can verify it.
func Path(leaf *x509.Certificate, authorities []*x509.Certificate) []*x509.Certificate {
	path := []*x509.Certificate{leaf}
	for {
		last := path[len(path)-1]
		if selfIssued(last) {
			return path
		}
		i := slices.IndexFunc(authorities, func(c *x509.Certificate) bool {
			return !selfIssued(c) && bytes.Equal(c.RawSubject, last.RawIssuer) && last.CheckSignatureFrom(c) == nil &&
				!slices.ContainsFunc(path, c.Equal)
		})
		if i < 0 {
			return path
		}
		path = append(path, authorities[i])
	}
}
