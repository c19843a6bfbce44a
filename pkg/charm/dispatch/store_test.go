package dispatch_test

import (
	"strings"
	"testing"

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
