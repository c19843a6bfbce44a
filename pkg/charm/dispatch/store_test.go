package dispatch_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/charm/hooktool"
)

// TestAStoreIsAskedForOnce: by each unit, by the leader for the application, and by nobody who is not related.
func TestAStoreIsAskedForOnce(t *testing.T) {
	juju := charmtest.NewJuju()
	run := &dispatch.Run{Env: dispatch.Env{Unit: "etcd/0"}, Tools: hooktool.New(juju)}
	ask := func() (sets int) {
		t.Helper()
		juju.Calls = nil
		run.Tools = hooktool.New(juju)
		if err := run.AskForStore(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, c := range juju.Calls {
			if strings.HasPrefix(c.Line, "relation-set") {
				sets++
			}
		}
		return sets
	}
	if bag, err := run.StoreBag(t.Context()); ask() != 0 || len(juju.Calls) > 1 || bag != nil || err != nil {
		t.Errorf("who is not related asks: %v, %v, %v", juju.Calls, bag, err)
	}
	juju.Relations[v1alpha1.EndpointStore] = []string{"s3-credentials:9"}
	juju.Members["s3-credentials:9"] = []string{"s3/0"}
	juju.Bags["s3-credentials:9 s3"] = map[string]string{"bucket": "theirs"}
	for i, leads := range []bool{false, false, true, true} {
		juju.Leader = leads
		if sets := ask(); (sets > 0) != (i%2 == 0) {
			t.Errorf("%d: it sets %d times", i, sets)
		}
	}
	for _, of := range []string{"etcd/0", "etcd"} {
		if got := juju.Bags["s3-credentials:9 "+of]["bucket"]; got != "relation-9" {
			t.Errorf("%s asks for %q", of, got)
		}
	}
	if bag, err := run.StoreBag(t.Context()); bag["bucket"] != "theirs" || err != nil {
		t.Errorf("%v, %v", bag, err)
	}
}

// TestAStoreIsAskedForItsSecret where Juju has secrets; a provider of v1, which would make a bucket of any name, is asked for none.
func TestAStoreIsAskedForItsSecret(t *testing.T) {
	v0 := map[string]string{"bucket": "relation-9"}
	undecided := map[string]string{"requested-secrets": `["access-key", "secret-key"]`, "lib-version": "1.0"}
	both := map[string]string{"requested-secrets": `["access-key", "secret-key"]`, "lib-version": "1.0", "bucket": "relation-9"}
	for _, c := range []struct {
		name, hook, version string
		secrets             bool
		before, want        map[string]string
	}{
		{"a Juju without", "update-status", "1.0", false, nil, v0},
		{"before the provider has said anything", "s3-credentials-relation-created", "", true, nil, undecided},
		{"a provider of v0", "s3-credentials-relation-joined", "", true, undecided, both},
		{"a provider of v1", "s3-credentials-relation-joined", "1.0", true, undecided, undecided},
		{"one that was taken for v0", "s3-credentials-relation-changed", "1.0", true, both, undecided},
		{"an agent that is new", "upgrade-charm", "1.0", true, v0, undecided},
	} {
		juju := charmtest.NewJuju()
		juju.Leader = true
		juju.Relations[v1alpha1.EndpointStore] = []string{"s3-credentials:9"}
		juju.Members["s3-credentials:9"] = []string{"s3/0"}
		juju.Bags["s3-credentials:9 s3"] = map[string]string{}
		if c.version != "" {
			juju.Bags["s3-credentials:9 s3"]["lib-version"] = c.version
		}
		juju.Bags["s3-credentials:9 etcd"] = maps.Clone(c.before)
		run := &dispatch.Run{Env: dispatch.Env{Kind: dispatch.KindHook, Name: c.hook, Unit: "etcd/0", HasSecrets: c.secrets}, Tools: hooktool.New(juju)}
		if err := run.AskForStore(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, juju.Bags["s3-credentials:9 etcd"], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
