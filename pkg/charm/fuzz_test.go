package charm

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/certificates"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/charm/hooktool"
)

// FuzzLatchWrites: a delivery, whatever it asks for, changes no key of the latch but those that its
// request names, on the Juju leader alone; and the machine is never shown what Juju has not
// committed.
func FuzzLatchWrites(f *testing.F) {
	f.Add(`{"number":4,"holder":"d"}`, "", "", `{"later":[1]}`, `{"latch":{"claim":{"from":{"number":4,"holder":"d"}}},"delivery":{"epoch":{"number":5,"holder":"e"}}}`, true)
	f.Add("", "", "", "", `{"latch":{"clusterID":"c1"}}`, false)
	f.Add("null", "null", "c1", "null", `{"latch":{"claim":null,"rebirth":null}}`, true)
	f.Fuzz(func(t *testing.T, epoch, seeds, id, journal, text string, leader bool) {
		var spec v1alpha1.EtcdUnitSpec
		if json.Unmarshal([]byte(text), &spec) != nil {
			return
		}
		bag := map[string]string{v1alpha1.LatchEpochKey: epoch, v1alpha1.LatchSeedsKey: seeds, v1alpha1.LatchClusterIDKey: id, v1alpha1.LatchJournalKey: journal}
		g, reason, err := judgeLatch(bag, &spec, leader)
		if err != nil {
			if reason == "" || len(g.writes) > 0 {
				t.Errorf("refused for %q, and writes %v", reason, g.writes)
			}
			return
		}
		if len(g.writes) > 0 && (!leader || spec.Latch == nil) {
			t.Errorf("writes %v without being asked, or without leading", g.writes)
		}
		if _, touched := g.writes[v1alpha1.LatchJournalKey]; touched {
			t.Error("writes the journal, which this version does not know")
		}
		if g.judged.ClusterID != id {
			t.Errorf("the machine judges by cluster ID %q, and %q is committed", g.judged.ClusterID, id)
		}
	})
}

// FuzzPublished: what a unit finds in its own databag never stops it, whatever has become of it.
func FuzzPublished(f *testing.F) {
	f.Add(`{"protocol":2,"applied":{"hash":"x"}}`)
	f.Add(`null`)
	f.Add(`{"applied":null,"certificates":null}`)
	f.Fuzz(func(t *testing.T, text string) {
		juju := charmtest.NewJuju()
		juju.Bags["cluster:0 etcd/0"] = map[string]string{v1alpha1.FactsKey: text}
		run := &dispatch.Run{Env: dispatch.Env{Unit: "etcd/0"}, Tools: hooktool.New(juju), Log: logr.Discard(), Now: time.Now}
		p, err := run.Published(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		facts := withCharmFacts(p, v1alpha1.UnitFacts{}, v1alpha1.UnitAddresses{Client: "10.0.0.4"}, &certificates.Offer{}, "")
		facts = mark(p, facts, &v1alpha1.EtcdUnitSpec{}, 1)
		if facts.Applied == nil {
			t.Error("what was applied is not marked")
		}
		if err := run.Publish(t.Context(), p, facts, nil); err != nil {
			t.Fatal(err)
		}
		if p, err = run.Published(t.Context()); err != nil || p.Differ(facts) {
			t.Errorf("what was published differs from itself: %v", err)
		}
	})
}
