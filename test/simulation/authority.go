package simulation

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"time"
)

// authority is what a certificate authority's databag offers: a CA, and the client certificate that the daemon uses, which is the CA's own.
type authority struct{ ca, cert, key string }

// authorities are made once for all simulations of the process: the observer reads them as X.509, nobody dials with them.
var authorities = sync.OnceValue(func() []authority {
	var all []authority
	for range 3 {
		all = append(all, newAuthority())
	}
	return all
})

func newAuthority() authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "simulated"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return authority{}
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return authority{}
	}
	cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return authority{ca: cert, cert: cert, key: string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))}
}
