package dispatch_test

import (
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/charm/hooktool"
)

// running is a dispatch of etcd/0 on a fake Juju.
func running(env dispatch.Env) (*charmtest.Juju, *dispatch.Run) {
	juju := charmtest.NewJuju()
	env.Unit = "etcd/0"
	return juju, &dispatch.Run{Env: env, Tools: hooktool.New(juju), Log: logr.Discard(), Now: time.Now}
}

// TestARelationThatIsTakenDownIsNone: Juju lists it until the hook has ended; but only that hook,
// and only that relation, count.
func TestARelationThatIsTakenDownIsNone(t *testing.T) {
	for _, c := range []struct {
		env  dispatch.Env
		want []string
	}{
		{dispatch.Env{Kind: dispatch.KindHook, Name: "db-relation-broken", RelationID: "db:5"}, []string{"db:2"}},
		{dispatch.Env{Kind: dispatch.KindHook, Name: "db-relation-departed", RelationID: "db:5"}, []string{"db:2", "db:5"}},
		{dispatch.Env{Kind: dispatch.KindHook, Name: "cluster-relation-broken", RelationID: "cluster:0"}, []string{"db:2", "db:5"}},
		{dispatch.Env{Kind: dispatch.KindAction, Name: "db-relation-broken", RelationID: "db:5"}, []string{"db:2", "db:5"}},
	} {
		juju, run := running(c.env)
		juju.Relations["db"] = []string{"db:2", "db:5"}
		if got, err := run.Relations(t.Context(), v1alpha1.EndpointDB); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, %v, want %v", c.env, got, err, c.want)
		}
		peers, err := run.Peers(t.Context())
		if want := c.env.RelationID != "cluster:0"; err != nil || (peers != "") != want {
			t.Errorf("%+v: peers %q, %v", c.env, peers, err)
		}
	}
}

// TestFactsArePublishedWhereTheyDiffer: each write runs a hook on every peer; what others have put
// beside the facts stays.
func TestFactsArePublishedWhereTheyDiffer(t *testing.T) {
	juju, run := running(dispatch.Env{Kind: dispatch.KindHook, Name: "update-status"})
	bag := map[string]string{"ingress-address": "10.0.0.4", "db-ingress-address": "10.0.0.4"}
	juju.Bags["cluster:0 etcd/0"] = bag
	facts := v1alpha1.UnitFacts{Protocol: v1alpha1.Protocol, Snap: &v1alpha1.SnapFacts{Version: "3.6.1"}}
	publish := func(beside map[string]string) []string {
		t.Helper()
		juju.Calls = nil
		p, err := run.Published(t.Context())
		if err == nil {
			err = run.Publish(t.Context(), p, facts, beside)
		}
		if err != nil {
			t.Fatal(err)
		}
		return juju.Writes()
	}
	if p, err := run.Published(t.Context()); err != nil || !p.None() || !p.Differ(facts) {
		t.Errorf("before anything is published: %v, none %t", err, p.None())
	}
	if wrote := publish(nil); len(wrote) != 2 || juju.Version != "3.6.1" || len(bag) != 3 {
		t.Errorf("first wrote %q: %v", wrote, bag)
	}
	p, err := run.Published(t.Context())
	if err != nil || p.None() || p.Differ(facts) || p.Facts.Snap.Version != "3.6.1" {
		t.Errorf("published are %+v, %v", p.Facts, err)
	}
	if wrote := publish(map[string]string{"db-ingress-address": "10.0.0.4"}); len(wrote) > 0 {
		t.Errorf("the same again wrote %q", wrote)
	}
	facts.RestartPending = true
	if wrote := publish(map[string]string{"db-ingress-address": ""}); len(wrote) != 1 || bag["db-ingress-address"] != "" || bag["ingress-address"] == "" {
		t.Errorf("then wrote %q: %v", wrote, bag)
	}
	bag[v1alpha1.FactsKey] = "{"
	if p, err := run.Published(t.Context()); err != nil || p.None() || p.Facts.Protocol != 0 {
		t.Errorf("what cannot be read is taken for %+v, %v", p.Facts, err)
	}
	juju.Relations["cluster"] = nil
	run.Tools = hooktool.New(juju) // another dispatch
	if wrote := publish(nil); len(wrote) > 0 {
		t.Errorf("without peers wrote %q", wrote)
	}
}

// TestAddressesAreAskedForInTheContextOfPeers: but for where clients of another model find the
// unit, which their relation alone shows.
func TestAddressesAreAskedForInTheContextOfPeers(t *testing.T) {
	juju, run := running(dispatch.Env{Kind: dispatch.KindHook, Name: "db-relation-changed", RelationID: "db:5"})
	juju.Relations["db"] = []string{"db:2", "db:5"}
	juju.Networks["db db:5"] = `{"ingress-addresses":["203.0.113.4"]}`
	n, err := run.Network(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n.Addresses.Client != "10.0.0.4" || len(n.Addresses.Relations) != 1 || n.Addresses.Relations["db:5"] != "203.0.113.4" {
		t.Errorf("addresses %+v", n.Addresses)
	}
	if !slices.Equal(n.Ingress, []string{"10.0.0.4", "10.0.0.4", "203.0.113.4"}) {
		t.Errorf("for the certificate %v", n.Ingress)
	}
}
