package charm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

const (
	aCluster = "0000000000000007"
	allDying = `{"units":{"etcd/0":{"status":"dying"},"etcd/1":{"status":"dying"}}}`
)

// latch gives the application a latch with a cluster.
func (b *bench) latch() {
	seeds, _ := json.Marshal(v1alpha1.Seeds{Token: "token"})
	b.juju.Bags["cluster:0 etcd"] = map[string]string{v1alpha1.LatchClusterIDKey: aCluster, v1alpha1.LatchSeedsKey: string(seeds), "later": "{"}
}

// The leader of units that all leave marks the latch in a hook in which it leaves a relation: while
// it can still write it, and only if Juju keeps none.
func TestTheLeaderOfUnitsThatAllLeaveMarksTheLatch(t *testing.T) {
	for _, c := range []struct {
		name, goal, hook string
		change           func(b *bench)
		marked           bool
	}{
		{"all leave", allDying, "certificates-relation-departed", nil, true},
		{"all leave, seen by a relation that has ended", allDying, "certificates-relation-broken", nil, true},
		{"all leave, but not in a hook in which one leaves", allDying, "update-status", nil, false},
		{"another unit stays", `{"units":{"etcd/0":{"status":"dying"},"etcd/1":{"status":"active"}}}`, "certificates-relation-departed", nil, false},
		{"only the others leave", `{"units":{"etcd/0":{"status":"active"},"etcd/1":{"status":"dying"}}}`, "certificates-relation-departed", nil, false},
		{"a sole unit that stays is no end", `{"units":{"etcd/0":{"status":"active"}}}`, "certificates-relation-departed", nil, false},
		{"Juju does not say", "no", "certificates-relation-departed", nil, false},
		{"another unit leads", allDying, "certificates-relation-departed", func(b *bench) { b.juju.Leader = false }, false},
		{"the relation with the peers is over", allDying, "certificates-relation-departed", func(b *bench) { b.juju.Relations["cluster"] = nil }, false},
		{"nothing was born", allDying, "certificates-relation-departed", func(b *bench) { b.juju.Bags["cluster:0 etcd"] = nil }, false},
		{"the latch cannot be read", allDying, "certificates-relation-departed", func(b *bench) { b.juju.Bags["cluster:0 etcd"][v1alpha1.LatchSeedsKey] = "{" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.latch()
			b.juju.Leader, b.juju.Goal = true, c.goal
			s := spec()
			b.machine.last = &s
			if c.change != nil {
				c.change(b)
			}
			b.hook(c.hook, "JUJU_RELATION_ID=certificates:1")
			latch, err := v1alpha1.LatchFromDatabag(b.juju.Bags["cluster:0 etcd"])
			if latch.Ends() != c.marked {
				t.Errorf("marked: %t, want %t: %v, %v", latch.Ends(), c.marked, b.juju.Bags["cluster:0 etcd"], err)
			}
			if shown := strings.Contains(b.juju.Status["application"][1], "No unit stays"); shown != c.marked {
				t.Errorf("the application says %v", b.juju.Status["application"])
			}
			if c.marked && (b.juju.Bags["cluster:0 etcd"]["later"] != "{" || latch.ClusterID != aCluster) {
				t.Errorf("what was there is lost: %v", b.juju.Bags["cluster:0 etcd"])
			}
		})
	}
}

// What a person has asked for stays in the facts, whatever later hooks publish, until the person
// asks for something else.
func TestWhatAPersonAsksForStaysThroughHooks(t *testing.T) {
	b := newBench(t)
	b.latch()
	b.hook("update-status")
	b.juju.Desired = aCluster
	if err := b.dispatch("actions/begin-anew"); err != nil || b.juju.Failure != "" {
		t.Fatalf("%v, failure %q", err, b.juju.Failure)
	}
	want := v1alpha1.Request{Task: b.action - 1, Kind: v1alpha1.ActionBeginAnew, Subject: aCluster}
	for range 2 {
		if got := b.publishedFacts().Request; got == nil || *got != want {
			t.Errorf("%+v is recorded, not %+v", got, want)
		}
		b.machine.facts.RestartPending = true
		b.hook("update-status")
	}
}

// What is no action of the charm's fails, and writes nothing.
func TestAnUnknownActionIsRefused(t *testing.T) {
	b := newBench(t)
	if err := b.dispatch("actions/defrost"); err == nil || !strings.Contains(err.Error(), `cannot run action "defrost"`) || len(b.juju.Writes()) > 0 {
		t.Errorf("%v, and writes %v", err, b.juju.Writes())
	}
}
