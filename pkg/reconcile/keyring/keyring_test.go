package keyring_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/keyring"
	"jujuetcd.io/pkg/reconcile/world"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func ring(t *testing.T) keyring.Ring {
	dir := t.TempDir()
	return keyring.Ring{Dir: dir, Write: func(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }}
}

// sign answers a request with a certificate that lives for 30 days from a time.
func sign(t *testing.T, request string, from time.Time) v1alpha1.SignedRequest {
	t.Helper()
	block, _ := pem.Decode([]byte(request))
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(from.Unix()), Subject: pkix.Name{CommonName: csr.Subject.CommonName},
		NotBefore: from, NotAfter: from.Add(30 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, csr.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return v1alpha1.SignedRequest{Request: strings.TrimSpace(request), Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

func requests(t *testing.T, k world.Keys, now time.Time) []string {
	t.Helper()
	list, err := k.Requests(now, "jujuetcd-etcd")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestARequestOutlivesRestartsAndIsRenewedAtTwoThirds(t *testing.T) {
	r := ring(t)
	again := func() world.Keys { return r.For("uuid", "etcd") } // after a restart
	first := requests(t, again(), start)
	if len(first) != 1 || !slices.Equal(first, requests(t, again(), start.Add(time.Hour))) {
		t.Fatal("a request without an answer is another after a restart")
	}
	if c, err := again().Signed(nil, "ca"); err != nil || !c.Empty() {
		t.Fatalf("credentials without an answer: %v, %v", c, err)
	}
	answer := sign(t, first[0], start)
	c, err := again().Signed([]v1alpha1.SignedRequest{answer}, "ca")
	if err != nil || c.Empty() || c.Cert != answer.Certificate {
		t.Fatalf("%v, %v", c, err)
	}
	// A provider that forgets takes nothing away.
	if c, err := again().Signed(nil, "ca"); err != nil || c.Empty() {
		t.Fatalf("%v, %v", c, err)
	}
	if !slices.Equal(first, requests(t, again(), start.Add(19*24*time.Hour))) {
		t.Error("renewed before two thirds of its life")
	}
	due := start.Add(21 * 24 * time.Hour)
	both := requests(t, again(), due)
	if len(both) != 2 || both[0] != first[0] || !slices.Equal(both, requests(t, again(), due.Add(time.Hour))) {
		t.Fatalf("%d requests stand while the renewal is awaited", len(both))
	}
	if c, err := again().Signed([]v1alpha1.SignedRequest{answer}, "ca"); err != nil || c.Cert != answer.Certificate {
		t.Error("the certificate in use is given up before the next has come")
	}
	renewed := sign(t, both[1], due)
	if c, err := again().Signed([]v1alpha1.SignedRequest{answer, renewed}, "ca"); err != nil || c.Cert != renewed.Certificate {
		t.Error("the renewed certificate is not used")
	}
	if now := requests(t, again(), due.Add(time.Hour)); len(now) != 1 || now[0] != both[1] {
		t.Errorf("%d requests stand after the renewal", len(now))
	}
}

func TestAnAnswerToAnothersRequestIsNotTaken(t *testing.T) {
	r := ring(t)
	mine, other := r.For("uuid", "etcd"), r.For("uuid", "other")
	asked, foreign := requests(t, mine, start), requests(t, other, start)
	answer := sign(t, foreign[0], start)
	answer.Request = asked[0]
	if c, err := mine.Signed([]v1alpha1.SignedRequest{answer}, "ca"); err != nil || !c.Empty() {
		t.Errorf("a certificate for another key gives %v, %v", c, err)
	}
}

func TestWhatOpenedTheDoorIsKept(t *testing.T) {
	r := ring(t)
	want := world.Credentials{CA: "ca", Cert: "cert", Key: "key"}
	if err := r.For("uuid", "etcd").Keep(want); err != nil {
		t.Fatal(err)
	}
	if got, err := r.For("uuid", "etcd").Kept(); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := r.For("uuid", "other").Kept(); err != nil || !got.Empty() {
		t.Errorf("another cluster's are %v, %v", got, err)
	}
}

func TestADamagedFileIsAnErrorThatQuotesNothing(t *testing.T) {
	r := ring(t)
	if err := os.WriteFile(filepath.Join(r.Dir, "uuid.etcd.json"), []byte(`{"asked":{"key":"-----BEGIN PRIVATE`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.For("uuid", "etcd").Requests(start, "x"); err == nil || strings.Contains(err.Error(), "PRIVATE") {
		t.Errorf("%v", err)
	}
	for _, name := range []string{"..", "a/b", ""} {
		if _, err := r.For("uuid", name).Requests(start, "x"); err == nil {
			t.Errorf("keys are kept for an application named %q", name)
		}
	}
}
