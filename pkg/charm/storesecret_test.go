package charm_test

import (
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
)

// TestANewRevisionOfTheStoresSecretIsRead, so that the older one can go; no other secret is, and one that cannot be read fails no hook.
func TestANewRevisionOfTheStoresSecretIsRead(t *testing.T) {
	const id, other = "u3015jcggta3d6k72ljg", "vset7vsns5erchjika60"
	for _, c := range []struct {
		name, hook, secret string
		granted, reads     bool
	}{
		{"a new revision", "secret-changed", "secret:" + id, true, true},
		{"one that is granted no more", "secret-changed", "secret:" + id, false, true},
		{"of another secret", "secret-changed", "secret:" + other, true, false},
		{"another hook", "update-status", "", true, false},
	} {
		b := newBench(t)
		b.relate(charmtest.NewAuthority(t, "ca"))
		b.juju.Relations[v1alpha1.EndpointStore] = []string{"s3-credentials:9"}
		b.juju.Members["s3-credentials:9"] = []string{"s3/0"}
		const uri = "secret://f9ce5bf9-45a2-4a53-85b7-36d93be944be/" + id
		b.juju.Bags["s3-credentials:9 s3"] = map[string]string{"secret-extra": uri}
		if c.granted {
			b.juju.Secrets = map[string]map[string]string{uri: {"access-key": "a", "secret-key": "s3cret"}}
		}
		if err := b.dispatch("hooks/"+c.hook, "JUJU_SECRET_ID="+c.secret); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		reads := false
		for _, call := range b.juju.Calls {
			reads = reads || call.Line == "secret-get --format=json --refresh "+uri
			if strings.Contains(call.Line+call.Stdin, "s3cret") {
				t.Errorf("%s: the secret is in %q", c.name, call)
			}
		}
		if reads != c.reads {
			t.Errorf("%s: it reads it: %t", c.name, reads)
		}
	}
}
