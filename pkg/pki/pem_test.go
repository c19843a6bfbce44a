package pki_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/test/etcdtest"
)

// Blocks of which none is a certificate that can be read, or a key that is one.
const (
	broken  = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
	request = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
	key     = "-----BEGIN EC PRIVATE KEY-----\nAQID\n-----END EC PRIVATE KEY-----\n"
)

// TestWhatIsReadOutOfAText: who wants all gets all or an error, who wants what there is gets that,
// in order, whatever else stands there.
func TestWhatIsReadOutOfAText(t *testing.T) {
	one, two := string(etcdtest.NewCA(t).PEM), string(etcdtest.NewCA(t).PEM)
	// Another type of block with a good certificate in it: OpenSSL's trusted one, which crypto/tls
	// does not take for one either.
	other := strings.ReplaceAll(one, "CERTIFICATE", "TRUSTED CERTIFICATE")
	for name, test := range map[string]struct {
		text     string
		readable string // as PEM
		der      int
		fails    string
		key      string
	}{
		"nothing":             {text: ""},
		"no PEM":              {text: "no certificate at all"},
		"one":                 {text: one, readable: one, der: 1},
		"two, in their order": {text: two + one, readable: two + one, der: 2},
		"one twice":           {text: one + one, readable: one + one, der: 2},
		"text around them":    {text: "Certificate:\n  Data\n" + one + "\nand\r\n" + two + "end", readable: one + two, der: 2},
		"other blocks beside": {text: key + one + request + two + other, readable: one + two, der: 2, key: key},
		"no end":              {text: one + strings.TrimSuffix(two, "-----END CERTIFICATE-----\n"), readable: one, der: 1},
		"one that is broken":  {text: one + broken + two, readable: one + two, der: 3, fails: "cannot read certificate 2: "},
		"nothing but broken":  {text: broken, der: 1, fails: "cannot read certificate 1: "},
		"keys, the first":     {text: "text\n" + key + strings.ReplaceAll(key, "EC ", ""), key: key},
		"a public key":        {text: strings.ReplaceAll(key, "PRIVATE", "PUBLIC")},
	} {
		t.Run(name, func(t *testing.T) {
			certs, fault := pki.Readable(test.text)
			if got := pki.Encode(certs...); got != test.readable {
				t.Errorf("reads\n%s\nnot\n%s", got, test.readable)
			}
			all, err := pki.Certificates(test.text)
			if (err != nil) != (test.fails != "") || (fault != nil) != (err != nil) {
				t.Errorf("error %v, fault %v", err, fault)
			}
			if err != nil && (!strings.HasPrefix(err.Error(), test.fails) || !strings.HasSuffix(err.Error(), fault.Error()) || all != nil) {
				t.Errorf("error %q, and %d certificates", err, len(all))
			}
			if err == nil && pki.Encode(all...) != test.readable {
				t.Error("all of them are others than those that can be read")
			}
			if der, prints := pki.DER(test.text), pki.Fingerprints(test.text); len(der) != test.der || len(prints) != test.der {
				t.Errorf("%d certificates, and %d fingerprints", len(der), len(prints))
			}
			if got := pki.PrivateKey(test.text); got != test.key {
				t.Errorf("key %q", got)
			}
		})
	}
}

func TestChoosingFromABundle(t *testing.T) {
	var texts []string
	for range 3 {
		texts = append(texts, string(etcdtest.NewCA(t).PEM))
	}
	bundle, err := pki.Certificates(strings.Join(texts, ""))
	if err != nil {
		t.Fatal(err)
	}
	prints := pki.Fingerprints(strings.Join(texts, ""))
	block, _ := pem.Decode([]byte(texts[1]))
	if sum := sha256.Sum256(block.Bytes); prints[1] != hex.EncodeToString(sum[:]) || pki.Fingerprint(bundle[1]) != prints[1] {
		t.Errorf("fingerprint %s", prints[1])
	}
	for name, test := range map[string]struct {
		got  []*x509.Certificate
		want string
	}{
		"those that are named, in the bundle's order": {pki.Among(bundle, []string{prints[2], prints[0]}), texts[0] + texts[2]},
		"all where none is named":                     {pki.Among(bundle, nil), strings.Join(texts, "")},
		"none where another is named":                 {pki.Among(bundle, []string{"0f"}), ""},
		"what is there stays, and each once":          {pki.Union(bundle[:1:1], bundle[1], bundle[0], bundle[1]), texts[0] + texts[1]},
		"a list that is empty":                        {pki.Union(nil, bundle[2], bundle[2]), texts[2]},
	} {
		if got := pki.Encode(test.got...); got != test.want {
			t.Errorf("%s:\n%s", name, got)
		}
	}
	if pki.Encode(bundle...) != strings.Join(texts, "") {
		t.Error("the bundle that was chosen from has changed")
	}
}

// FuzzReading: whatever a text is, all ways to read it report the same certificates, and what was
// read is the same once it is written.
func FuzzReading(f *testing.F) {
	ca := string(etcdtest.NewCA(f).PEM)
	f.Add(ca)
	f.Add("Subject: easyrsa\n" + ca + broken + key + request)
	f.Add("-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END CERTIFICATE-----\n" + ca)
	f.Add("\ufeff" + strings.ReplaceAll(ca, "\n", "\r\n"))
	f.Fuzz(func(t *testing.T, text string) {
		readable, fault := pki.Readable(text)
		all, err := pki.Certificates(text)
		if (err == nil) != (fault == nil) || err == nil && len(all) != len(readable) {
			t.Errorf("%d of %d: %v, %v", len(all), len(readable), err, fault)
		}
		der := pki.DER(text)
		if len(der) < len(readable) || fault == nil && len(der) != len(readable) || len(pki.Fingerprints(text)) != len(der) {
			t.Errorf("%d certificates, of which %d can be read", len(der), len(readable))
		}
		clean := pki.Encode(readable...)
		again, err := pki.Certificates(clean)
		if err != nil || !slices.EqualFunc(again, readable, (*x509.Certificate).Equal) || pki.PrivateKey(clean) != "" {
			t.Errorf("after they were written: %v", err)
		}
		if fault == nil && !slices.EqualFunc(pki.DER(clean), der, bytes.Equal) {
			t.Error("other certificates after they were written")
		}
		if k := pki.PrivateKey(text); pki.PrivateKey(k) != k {
			t.Error("a key is another after it was read again")
		}
	})
}
