package certificates

import (
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/test/etcdtest"
)

// Limits of what another application's databag may become.
const (
	maxTroubles = 64
	maxTrouble  = 1 << 16
)

// sound says what is wrong with what was made of a provider's answer: a leaf is a pair that fits,
// the bundle certificates alone, and troubles reveal no key.
func sound(t *testing.T, o *Offer, keys ...string) {
	t.Helper()
	for _, leaf := range []*tlsfiles.Leaf{o.Server, o.Client} {
		if leaf != nil && (leaf.Certificate == "" || !strings.Contains(leaf.Key, "PRIVATE KEY")) {
			t.Errorf("chose %q", leaf.Certificate)
		}
	}
	for rest := []byte(o.CA); len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || block.Type != "CERTIFICATE" {
			t.Fatalf("the bundle holds something else than certificates: %q", o.CA)
		}
	}
	if len(o.Trouble) > maxTroubles {
		t.Errorf("%d troubles", len(o.Trouble))
	}
	for _, text := range o.Trouble {
		if len(text) > maxTrouble {
			t.Errorf("a trouble of %d bytes", len(text))
		}
		for _, key := range keys {
			for _, line := range strings.Split(key, "\n") {
				if len(line) > 24 && strings.Contains(text, line) && !strings.Contains(line, "-") {
					t.Errorf("the trouble reveals a key: %s", text)
				}
			}
		}
	}
}

// FuzzClassicAnswer: whatever units of a classic provider have written, what is used is a pair that
// fits and certificates.
func FuzzClassicAnswer(f *testing.F) {
	ca := etcdtest.NewCA(f)
	leaf := ca.Issue(f, "10.0.0.4", "10.0.0.4", "127.0.0.1")
	answer, err := json.Marshal(map[string]any{"10.0.0.4": map[string]string{"cert": string(leaf.CertPEM), "key": string(leaf.KeyPEM)}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(ca.PEM), string(ca.PEM), string(leaf.CertPEM), string(leaf.KeyPEM), string(answer))
	f.Add("text", "", string(ca.PEM), string(leaf.KeyPEM), `null`)
	f.Add("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "null", "null", "null", `{"10.0.0.4":null,"":{"cert":1}}`)
	f.Fuzz(func(t *testing.T, caText, chain, cert, key, processed string) {
		w := wants{names: namesOf("10.0.0.4", "etcd-0")}
		now := time.Now()
		s := w.classicSource("certificates:1", "easyrsa", "easyrsa/0", map[string]string{keyCA: caText, keyChain: chain, "etcd_0.server.cert": cert, "etcd_0.server.key": key,
			keyClientCert: cert, keyClientKey: key, "etcd_0.processed_requests": processed, "etcd_0.processed_client_requests": processed,
		}, "etcd/0", "10.0.0.4", now)
		o := Offer{wants: w}
		o.take(choose([]*source{s}, nil, w.names.sans, now))
		sound(t, &o, key)
	})
}

// FuzzClassicRequest: what the unit has asked for, whatever has become of it, is asked for again
// whole or left alone; asked once it stands.
func FuzzClassicRequest(f *testing.F) {
	f.Add("etcd_0", "10.0.0.4", `["10.0.0.4","127.0.0.1","etcd-0"]`, `{"etcd-0":{"sans":["etcd-0"]}}`)
	f.Add("", "", "null", "null")
	f.Add("etcd_0", "::1", `[null,1]`, `{"etcd-0":null}`)
	f.Fuzz(func(t *testing.T, unit, common, sans, clients string) {
		bag := map[string]string{keyUnitName: unit, keyCommonName: common, keySANs: sans, keyClientCertRequests: clients}
		n := namesOf("10.0.0.4", "etcd-0", "10.0.0.5")
		for key, value := range request(bag, "etcd/0", n) {
			bag[key] = value
		}
		if again := request(bag, "etcd/0", n); len(again) > 0 {
			t.Errorf("asked for twice: %v, then %v", bag, again)
		}
		if !covers(askedFor(bag), n.sans) {
			t.Errorf("%v does not ask for %v", bag, n.sans)
		}
		if _, err := json.Marshal(clientRequests(bag)); err != nil {
			t.Error(err)
		}
	})
}

// FuzzSignedAnswer: whatever a provider that signs has written, what is used fits the unit's own
// key.
func FuzzSignedAnswer(f *testing.F) {
	asked, err := pki.Asked{}.Ask(pki.Subject{CommonName: "10.0.0.4", Names: []string{"10.0.0.4"}})
	if err != nil {
		f.Fatal(err)
	}
	ca := etcdtest.NewCA(f)
	answer := func(csr, cert string) string {
		text, err := json.Marshal([]signed{{Request: csr, Certificate: cert, CA: string(ca.PEM), Chain: []string{cert, string(ca.PEM)}}})
		if err != nil {
			f.Fatal(err)
		}
		return string(text)
	}
	refused, err := json.Marshal([]refusal{{Request: asked.Newest()}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(answer(asked.Newest(), string(ca.Issue(f, "10.0.0.4", "10.0.0.4").CertPEM)), "")
	f.Add(answer(asked.Newest(), ""), string(refused))
	f.Add("null", "null")
	f.Add(`[null]`, `[null,{"error":null}]`)
	f.Add(`[{"certificate_signing_request":"`+strings.ReplaceAll(asked.Newest(), "\n", `\n`)+`","chain":null,"revoked":true}]`, `{}`)
	f.Fuzz(func(t *testing.T, certificates, refusals string) {
		w := wants{names: namesOf("10.0.0.4", "etcd-0"), controller: []string{asked.Newest()},
			asked: map[tlsfiles.Name]pki.Asked{tlsfiles.Server: asked, tlsfiles.Client: asked}}
		now := time.Now()
		s := w.signingSource("certificates:1", "signer", map[string]string{keySigned: certificates, keyRequestErrors: refusals}, now)
		o := Offer{wants: w}
		o.take(choose([]*source{s}, nil, w.names.sans, now))
		sound(t, &o, asked.Key)
		for _, c := range append(s.servers, s.shared...) {
			if !asked.Fits(c.cert) {
				t.Error("a certificate for another key was taken")
			}
		}
	})
}
