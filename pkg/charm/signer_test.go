package charm_test

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"
	"time"

	"jujuetcd.io/pkg/charm/charmtest"
)

// signer is a provider of the newer protocol: it signs what the unit has asked for in its databag.
type signer struct {
	*bench
	ca    *charmtest.Authority
	valid time.Duration
}

func newSigner(t *testing.T) *signer {
	s := &signer{bench: newBench(t), ca: charmtest.NewAuthority(t, "ca"), valid: 30 * 24 * time.Hour}
	s.juju.Relations["certificates"] = []string{"certificates:1"}
	s.juju.Members["certificates:1"] = []string{"self-signed-certificates/0"}
	return s
}

// asked are the requests in the unit's databag.
func (s *signer) asked() []string {
	var list []struct {
		Request string `json:"certificate_signing_request"`
		CA      bool   `json:"ca"`
	}
	text := s.juju.Bags["certificates:1 etcd/0"]["certificate_signing_requests"]
	if text != "" {
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			s.t.Fatalf("%v: %s", err, text)
		}
	}
	var requests []string
	for _, r := range list {
		if r.CA {
			s.t.Error("a unit asks to be an authority")
		}
		requests = append(requests, r.Request)
	}
	return requests
}

func (s *signer) read(request string) *x509.CertificateRequest {
	s.t.Helper()
	block, _ := pem.Decode([]byte(request))
	if block == nil {
		s.t.Fatalf("not PEM: %q", request)
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return csr
}

// sign answers all that is asked; what was answered before keeps its answer.
func (s *signer) sign(usages ...x509.ExtKeyUsage) {
	s.t.Helper()
	if usages == nil {
		usages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	bag := s.provider()
	var before, after []map[string]any
	if bag["certificates"] != "" {
		if err := json.Unmarshal([]byte(bag["certificates"]), &before); err != nil {
			s.t.Fatal(err)
		}
	}
	for _, request := range s.asked() {
		if i := slices.IndexFunc(before, func(a map[string]any) bool { return a["certificate_signing_request"] == request }); i >= 0 {
			after = append(after, before[i])
			continue
		}
		csr := s.read(request)
		serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
		if err != nil {
			s.t.Fatal(err)
		}
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: serial, Subject: csr.Subject, DNSNames: csr.DNSNames, IPAddresses: csr.IPAddresses,
			NotBefore: s.clock.Add(-time.Minute), NotAfter: s.clock.Add(s.valid), ExtKeyUsage: usages,
		}, s.ca.Cert, csr.PublicKey, s.ca.Key)
		if err != nil {
			s.t.Fatal(err)
		}
		cert := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		after = append(after, map[string]any{
			"certificate_signing_request": request, "certificate": cert, "ca": s.ca.PEM, "chain": []string{s.ca.PEM, cert}, "revoked": false,
		})
	}
	s.answer("certificates", after)
}

func (s *signer) provider() map[string]string {
	const key = "certificates:1 self-signed-certificates"
	if s.juju.Bags[key] == nil {
		s.juju.Bags[key] = map[string]string{}
	}
	return s.juju.Bags[key]
}

func (s *signer) answer(key string, value any) {
	s.t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		s.t.Fatal(err)
	}
	s.provider()[key] = string(text)
}
