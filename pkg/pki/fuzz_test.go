package pki_test

import (
	"strings"
	"testing"

	"jujuetcd.io/pkg/pki"
)

// FuzzAsked: of what was kept, whatever it has become, nothing that is said reveals the key, and
// asking again leaves a request.
func FuzzAsked(f *testing.F) {
	subject := pki.Subject{CommonName: "10.0.0.4", Names: []string{"10.0.0.4", "etcd-0"}}
	asked, err := pki.Asked{}.Ask(subject)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(asked.Key, asked.Current, asked.Next)
	f.Add("", "", "")
	f.Add("-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----\n", "x", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")
	f.Fuzz(func(t *testing.T, key, current, next string) {
		a := pki.Asked{Key: key, Current: current, Next: next}
		pki.NamesIn(current)
		again, err := a.Ask(subject)
		if err == nil && (len(again.Standing()) == 0 || again.Newest() == "") {
			t.Error("asked, and nothing is asked for")
		}
		for _, line := range strings.Split(key, "\n") {
			if len(line) > 16 && !strings.Contains(line, "-") && (err != nil && strings.Contains(err.Error(), line) || strings.Contains(a.String(), line)) {
				t.Errorf("the key is revealed: %v", err)
			}
		}
	})
}
