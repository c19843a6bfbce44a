package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
)

// Asked is what was asked for one leaf. The zero value is nothing yet.
type Asked struct {
	// Key is the private key as PEM.
	Key string `json:"key,omitempty"`
	// Current is the request that the certificate in use answers, Next one that has no answer yet; both as PEM, empty if there is
	// none.
	Current string `json:"current,omitempty"`
	Next    string `json:"next,omitempty"`
	// For is what the renewal was for that was asked for last: see Due.
	For string `json:"for,omitempty"`
	// Refused are names, separated by spaces, that the provider would not sign beside those that are needed, and Reason is why, in its
	// words.
	Refused string `json:"refused,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// String keeps the key out of every log and error.
func (a Asked) String() string { return "a key and its certificate signing requests" }

// GoString does the same for %#v.
func (a Asked) GoString() string { return "pki.Asked{}" }

// Subject is what a certificate is asked for. Names are DNS names and IP addresses.
type Subject struct {
	CommonName string
	Names      []string
}

// Standing are the requests that the provider should see, the one in use first.
func (a Asked) Standing() []string {
	return slices.DeleteFunc([]string{a.Current, a.Next}, func(csr string) bool { return csr == "" })
}

// Newest is the request that was made last; empty if there is none.
func (a Asked) Newest() string {
	if a.Next != "" {
		return a.Next
	}
	return a.Current
}

// Ask returns a with a next request for the subject, in the place of one that has no answer yet.
func (a Asked) Ask(s Subject) (Asked, error) {
	key, err := a.key()
	if err != nil {
		return a, err
	}
	if key == nil {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return a, fmt.Errorf("cannot make a key: %w", err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return a, fmt.Errorf("cannot encode a key: %w", err)
		}
		a.Key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	usages, err := wantedUsages()
	if err != nil {
		return a, err
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: s.CommonName}, ExtraExtensions: []pkix.Extension{usages}}
	for _, name := range s.Names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return a, fmt.Errorf("cannot make a certificate signing request: %w", err)
	}
	a.Next = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	return a, nil
}

// Answered returns a after the next request's certificate has come into use: it is the current one now.
func (a Asked) Answered() Asked {
	if a.Next != "" {
		a.Current, a.Next = a.Next, ""
	}
	return a
}

// Fits says whether a certificate was made for the key.
func (a Asked) Fits(cert *x509.Certificate) bool {
	key, err := a.key()
	if err != nil || key == nil {
		return false
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}

func (a Asked) key() (crypto.Signer, error) {
	if a.Key == "" {
		return nil, nil
	}
	block, _ := pem.Decode([]byte(a.Key))
	if block == nil {
		return nil, errors.New("cannot read the private key: it is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("cannot read the private key") // the cause may quote the input
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("cannot use the private key: it does not sign")
	}
	return signer, nil
}

// NamesIn are the names that a request asks for; none if it cannot be read.
func NamesIn(csr string) []string {
	block, _ := pem.Decode([]byte(csr))
	if block == nil {
		return nil
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil
	}
	names := slices.Clone(request.DNSNames)
	for _, ip := range request.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// wantedUsages asks for a certificate that is good at both ends of a connection: etcd shows the same one to clients, to peers and to
// itself. Providers that go by their own profile leave it aside.
func wantedUsages() (pkix.Extension, error) {
	value, err := asn1.Marshal([]asn1.ObjectIdentifier{
		{1, 3, 6, 1, 5, 5, 7, 3, 1}, // RFC 5280, 4.2.1.12: id-kp-serverAuth
		{1, 3, 6, 1, 5, 5, 7, 3, 2}, // and id-kp-clientAuth
	})
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("cannot encode the extended key usage: %w", err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Value: value}, nil
}
