package planner_test

import (
	"strings"
	"testing"

	"jujuetcd.io/pkg/reconcile/options"
	"jujuetcd.io/pkg/reconcile/planner"
)

// Defects of the charm that is replaced, by their numbers in the list of them, as far as they are
// of options. That a change has its effect in etcd is shown by
// TestEveryOptionWorksOnARunningCluster.

// TestCharmDefect1PeerURLsAreChangedInTheMemberList: a changed management_port was never made known
// to the members.
func TestCharmDefect1PeerURLsAreChangedInTheMemberList(t *testing.T) {
	o := running(3)
	o.Options.ManagementPort = 7001
	end, done := roll(t, o)
	for i, m := range end.Etcd.Members {
		if want := strings.Replace(peer(i), ":2380", ":7001", 1); len(m.PeerURLs) != 1 || m.PeerURLs[0] != want {
			t.Errorf("%s has %v in the member list, not %s, after %v", m.Name, m.PeerURLs, want, done)
		}
	}
}

// TestCharmDefect2WhoJoinsAfterAChangeOfOptionsFindsTheMembers: newcomers were sent to the wrong
// port of the leader.
func TestCharmDefect2WhoJoinsAfterAChangeOfOptionsFindsTheMembers(t *testing.T) {
	o := running(3)
	o.Options.ManagementPort, o.Options.HeartbeatIntervalMs = 7001, 150
	o, _ = roll(t, o)
	join(&o)
	for range 10 {
		step, ok := planner.Next(o)
		if !ok || step.Kind == planner.StepWait {
			break
		}
		if step.Kind == planner.StepStart {
			initial := step.Units[0].Spec.Etcd.Initial
			if len(initial.Members) != 4 {
				t.Errorf("it is handed %+v", initial.Members)
			}
			for _, m := range initial.Members {
				if !strings.HasSuffix(m.PeerURL, ":7001") {
					t.Errorf("it is sent to %s for %s", m.PeerURL, m.Name)
				}
			}
			return
		}
		o = planner.Predict(o, step)
	}
	t.Error("nobody was started")
}

// TestCharmDefect6NothingIsAskedOnTheLoopback: health and actions only ever asked 127.0.0.1:2379. A
// unit looks where clients do.
func TestCharmDefect6NothingIsAskedOnTheLoopback(t *testing.T) {
	o := running(3)
	o.Options.Port, o.Options.BindToAllInterfaces = 4001, false
	o, _ = roll(t, o)
	e := planner.Desired(o, "etcd/1").Etcd
	if e.AdvertiseClientURLs[0] != "https://10.0.0.2:4001" || e.ListenClientURLs[0] != "https://10.0.0.2:4001" || len(e.ListenClientURLs) != 1 {
		t.Errorf("it listens at %v and is asked at %v", e.ListenClientURLs, e.AdvertiseClientURLs)
	}
}

// TestCharmDefect17InsecureHTTPTakesEffectWhenItIsChanged: it had no handler.
func TestCharmDefect17InsecureHTTPTakesEffectWhenItIsChanged(t *testing.T) {
	o := running(3)
	o.Options.BindWithInsecureHTTP = true
	end, done := roll(t, o)
	if got := strings.Count(strings.Join(done, " "), string(planner.StepRestart)); got != 3 {
		t.Errorf("%d members were restarted", got)
	}
	if e := planner.Desired(end, "etcd/0").Etcd; e.ListenClientURLs[0] != "http://127.0.0.1:4001" {
		t.Errorf("it listens at %v", e.ListenClientURLs)
	}
}

// TestCharmDefect18SnapshotCountAutoIsGoodWithAnyChannel: it was made of the channel's track, which
// need not be a version.
func TestCharmDefect18SnapshotCountAutoIsGoodWithAnyChannel(t *testing.T) {
	for _, channel := range []string{"auto", "stable", "latest/stable", "latest/edge", "3.6/stable", "3.5/edge/fix-1"} {
		o := options.Parse(map[string]any{"channel": channel, "snapshot_count": "auto"})
		if len(o.Faults) > 0 || o.SnapshotCount != 0 {
			t.Errorf("%s: %v, count %d", channel, o.Faults, o.SnapshotCount)
		}
	}
}
